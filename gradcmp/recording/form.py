"""A recording as one blob, and back; anybody may have written a blob that is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradcmp.case import DTYPES
from gradcmp.dtypes.arrays import Array
from gradcmp.errors import RecordingError
from gradcmp.recording.account import (
    ACCOUNT,
    JUMP,
    MORE,
    NOISE,
    PLACE,
    SPREAD,
    account_of,
    account_to_arrays,
    account_to_facts,
)
from gradcmp.recording.blob import Buffer, pack, unpack
from gradcmp.recording.facts import AGAIN, is_seconds, is_text, take, take_map, take_texts
from gradcmp.recording.origin import origin_of_facts, origin_to_facts
from gradcmp.recording.records import Recording
from gradcmp.recording.seal import SEAL, seal

SCHEMA = "gradcmp/recording/4"
CODE = "gradcmp/recording/code/1"  # of a function of the user, with an account of it
UNSEALED = ("gradcmp/recording/1", "gradcmp/recording/2", "gradcmp/recording/3")
_ALL = ("value", "gradient", "given", "twin/value", "twin/gradient", "own")
PARTS = {  # prefixes of the names of arrays, by the schemas that are read
    "gradcmp/recording/1": ("value", "gradient"),
    "gradcmp/recording/2": ("value", "gradient", "given", "twin/value", "twin/gradient"),
    "gradcmp/recording/3": _ALL,
    SCHEMA: _ALL,
    CODE: (*_ALL, NOISE, PLACE, JUMP, MORE, SPREAD),
}


def to_bytes(recording: Recording, tail: bytes = b"") -> bytes:
    """Return a recording as one safetensors blob, with a tail as in `pack`; a twin adds arrays."""
    arrays = {f"value/{name}": array for name, array in recording.values.items()}
    arrays |= {f"gradient/{name}": array for name, array in recording.gradients.items()}
    arrays |= {f"given/{name}": array for name, array in (recording.given or {}).items()}
    arrays |= {f"own/{name}": array for name, array in recording.own_noise.items()}
    if twin := recording.twin:
        arrays |= {f"twin/value/{name}": array for name, array in twin.values.items()}
        arrays |= {f"twin/gradient/{name}": array for name, array in twin.gradients.items()}
    meta: dict[str, Any] = {
        "schema": CODE if recording.account else SCHEMA,
        "backend": recording.backend,
        "dtype": recording.dtype,
        "environment": dict(recording.environment),
        "timings": dict(recording.timings),
    }
    if recording.account is not None:
        arrays |= account_to_arrays(recording.account)
        meta[ACCOUNT] = account_to_facts(recording.account)
    if recording.origin is not None:
        meta["origin"] = origin_to_facts(recording.origin)
    if recording.given is not None:
        meta["given"] = list(recording.given)
    if recording.coarse_sums is not None:
        meta["coarse_sums"] = sorted(recording.coarse_sums)
    if recording.origin is not None:
        meta[SEAL] = seal(arrays, meta)
    return pack(arrays, meta, tail)


def from_bytes(blob: Buffer) -> Recording:
    """Read a blob of `to_bytes`; the arrays are views into it.

    Raises
    ------
    RecordingError
        When the blob is truncated, foreign, of another schema, contradicts itself, or has another
        case than it was recorded of.
    """
    arrays, meta = unpack(blob)
    schema = meta.get("schema")
    if not isinstance(schema, str) or schema not in PARTS:
        raise RecordingError(
            f"its schema is {schema!r}, and this version reads '{SCHEMA}' and '{CODE}'",
            way_out=AGAIN,
        )
    if "origin" in meta and schema not in UNSEALED and meta.get(SEAL) != seal(arrays, meta):
        raise RecordingError(
            "its arrays are not of the case in its metadata: one of them has been changed since",
            way_out=AGAIN,
        )
    if meta.get("dtype") not in DTYPES:
        raise RecordingError(f"its dtype is {meta.get('dtype')!r}", way_out=AGAIN)
    parts = _parts(arrays, PARTS[schema])
    given = parts["given"]
    if set(map(str, take(meta, "given", list) if "given" in meta else ())) != set(given):
        raise RecordingError(
            "the inputs beside its arrays are not those that its metadata lists", way_out=AGAIN
        )
    backend = take(meta, "backend", str)
    twin = Recording(backend, "float64", parts["twin/value"], parts["twin/gradient"])
    return Recording(
        backend,
        meta["dtype"],
        parts["value"],
        parts["gradient"],
        take_map(meta, "environment", is_text),
        take_map(meta, "timings", is_seconds),
        origin_of_facts(take(meta, "origin", dict)) if "origin" in meta else None,
        given if "given" in meta else None,
        twin if twin.tensors else None,
        parts["own"],
        frozenset(take_texts(meta, "coarse_sums")) if "coarse_sums" in meta else None,
        account_of(meta, parts) if schema == CODE else None,
    )


def _parts(arrays: Mapping[str, Array], known: tuple[str, ...]) -> dict[str, dict[str, Array]]:
    """Sort arrays by the prefixes of their names."""
    parts: dict[str, dict[str, Array]] = {part: {} for part in PARTS[CODE]}
    for key, array in arrays.items():
        part, _, name = key.partition("/")
        if part == "twin":
            kind, _, name = name.partition("/")
            part = f"{part}/{kind}"
        if part not in known or not name:
            raise RecordingError(f"'{key}' is neither a value nor a gradient", way_out=AGAIN)
        parts[part][name] = array
    return parts
