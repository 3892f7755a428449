"""Everything that one backend computed for one case, and its safetensors form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import ml_dtypes
import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from gradcmp.errors import RecordingError

Array: TypeAlias = npt.NDArray[Any]

SCHEMA = "gradcmp/recording/1"
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


def numpy_dtype(name: str) -> np.dtype[Any]:
    """Give NumPy's dtype for a name; bfloat16 comes from ml_dtypes."""
    return BFLOAT16 if name == "bfloat16" else np.dtype(name)


@dataclass(frozen=True)
class Recording:
    """Values and gradients by node name, and what they were made with.

    Attributes
    ----------
    backend : str
        The label of the backend specification: ``tensorflow:graph``.
    dtype : str
        What it computed in.
    values, gradients : mapping of str to array
        By the name of the input or node.
    environment : mapping of str to str
        Versions, thread counts, determinism and precision flags.
    timings : mapping of str to float
        Seconds by phase.
    """

    backend: str
    dtype: str
    values: Mapping[str, Array]
    gradients: Mapping[str, Array]
    environment: Mapping[str, str] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def tensors(self) -> dict[str, Array]:
        """All arrays by the name that they have on screen: ``node1``, ``d node1``."""
        return {**self.values, **{f"d {name}": array for name, array in self.gradients.items()}}


FailureKind: TypeAlias = Literal["absent", "crashed", "timeout", "error"]


@dataclass(frozen=True)
class Failure:
    """Why there is no recording: that backend's verdict, never an end to the run.

    Attributes
    ----------
    kind : {"absent", "crashed", "timeout", "error"}
        Not installed; ended by a signal or exit; took longer than its timeout; raised.
    message : str
        One or two sentences: what, and the way out.
    stderr : str
        The tail of what the worker wrote to stderr.
    required : bool
        Whether the run fails for it: a backend that is optional and absent is only reported.
    """

    backend: str
    kind: FailureKind
    message: str
    stderr: str = ""
    required: bool = True


Outcome: TypeAlias = Recording | Failure


def pack(arrays: Mapping[str, Array], meta: Mapping[str, Any]) -> bytes:
    """Put arrays and JSON-able facts into one safetensors blob.

    bfloat16 is stored as its bits in uint16 with the true dtype in the metadata, because the
    NumPy loader of safetensors cannot read BF16.
    """
    facts = {**meta, "bfloat16": [k for k, a in arrays.items() if a.dtype == BFLOAT16]}
    stored = {
        key: np.ascontiguousarray(a.view(np.uint16) if a.dtype == BFLOAT16 else a).reshape(a.shape)
        for key, a in arrays.items()
    }
    blob: bytes = safetensors.numpy.save(stored, {"gradcmp": json.dumps(facts)})
    return blob


def unpack(blob: bytes) -> tuple[dict[str, Array], dict[str, Any]]:
    """Take a blob of `pack` apart.

    Raises
    ------
    RecordingError
        When the blob is truncated or was not written by gradcmp.
    """
    try:
        stored = safetensors.numpy.load(blob)
        length = int.from_bytes(blob[:8], "little")  # the format's own header: JSON after 8 bytes
        meta = json.loads(json.loads(blob[8 : 8 + length])["__metadata__"]["gradcmp"])
        bits = set(meta.pop("bfloat16"))
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RecordingError(
            f"this is no complete safetensors recording ({error})", way_out="Record it again"
        ) from None
    return {k: a.view(BFLOAT16) if k in bits else a for k, a in stored.items()}, meta


def to_bytes(recording: Recording) -> bytes:
    """Give a recording as one safetensors blob."""
    arrays = {f"value/{name}": array for name, array in recording.values.items()}
    arrays |= {f"gradient/{name}": array for name, array in recording.gradients.items()}
    meta = {
        "schema": SCHEMA,
        "backend": recording.backend,
        "dtype": recording.dtype,
        "environment": dict(recording.environment),
        "timings": dict(recording.timings),
    }
    return pack(arrays, meta)


def from_bytes(blob: bytes) -> Recording:
    """Read a blob of `to_bytes`.

    Raises
    ------
    RecordingError
        When the blob is truncated, foreign or of another schema.
    """
    arrays, meta = unpack(blob)
    if meta.get("schema") != SCHEMA:
        raise RecordingError(
            f"its schema is {meta.get('schema')!r}, and '{SCHEMA}' is what this version reads",
            way_out="Record it again",
        )
    parts: dict[str, dict[str, Array]] = {"value": {}, "gradient": {}}
    for key, array in arrays.items():
        kind, _, name = key.partition("/")
        parts[kind][name] = array
    return Recording(
        meta["backend"],
        meta["dtype"],
        parts["value"],
        parts["gradient"],
        meta["environment"],
        meta["timings"],
    )
