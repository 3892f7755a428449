"""A recording as one blob, and back; what comes back may have been written by anybody."""

from __future__ import annotations

from typing import Any

from gradcmp.case import DTYPES
from gradcmp.errors import RecordingError
from gradcmp.recording.blob import Buffer, pack, unpack
from gradcmp.recording.facts import AGAIN, is_seconds, is_text, take, take_map
from gradcmp.recording.origin import origin_of_facts, origin_to_facts
from gradcmp.recording.records import Array, Recording

SCHEMA = "gradcmp/recording/1"


def to_bytes(recording: Recording, tail: bytes = b"") -> bytes:
    """Give a recording as one safetensors blob, with a tail as in `pack`."""
    arrays = {f"value/{name}": array for name, array in recording.values.items()}
    arrays |= {f"gradient/{name}": array for name, array in recording.gradients.items()}
    meta: dict[str, Any] = {
        "schema": SCHEMA,
        "backend": recording.backend,
        "dtype": recording.dtype,
        "environment": dict(recording.environment),
        "timings": dict(recording.timings),
    }
    if recording.origin is not None:
        meta["origin"] = origin_to_facts(recording.origin)
    return pack(arrays, meta, tail)


def from_bytes(blob: Buffer) -> Recording:
    """Read a blob of `to_bytes`; the arrays are views into it.

    Raises
    ------
    RecordingError
        When the blob is truncated, foreign, of another schema, or contradicts itself.
    """
    arrays, meta = unpack(blob)
    if meta.get("schema") != SCHEMA:
        raise RecordingError(
            f"its schema is {meta.get('schema')!r}, and '{SCHEMA}' is what this version reads",
            way_out=AGAIN,
        )
    if meta.get("dtype") not in DTYPES:
        raise RecordingError(f"its dtype is {meta.get('dtype')!r}", way_out=AGAIN)
    parts: dict[str, dict[str, Array]] = {"value": {}, "gradient": {}}
    for key, array in arrays.items():
        kind, _, name = key.partition("/")
        if kind not in parts or not name:
            raise RecordingError(f"'{key}' is neither a value nor a gradient", way_out=AGAIN)
        parts[kind][name] = array
    return Recording(
        take(meta, "backend", str),
        meta["dtype"],
        parts["value"],
        parts["gradient"],
        take_map(meta, "environment", is_text),
        take_map(meta, "timings", is_seconds),
        origin_of_facts(take(meta, "origin", dict)) if "origin" in meta else None,
    )
