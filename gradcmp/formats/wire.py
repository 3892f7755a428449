"""What travels between the parent and a process that reads: arrays by name, complex ones too."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradcmp.errors import RecordingError
from gradcmp.recording import Array, pack, unpack
from gradcmp.recording.blob import Buffer
from gradcmp.recording.facts import take_texts

PREFIX = "array/"  # before each name: none of them means anything to the form
PARTS = (np.float32, np.float64)  # of complex numbers


def arrays_to_bytes(arrays: Mapping[str, Array]) -> bytes:
    """Return arrays as one blob; a complex one is sent as real numbers, with an axis more."""
    bent = [name for name, array in arrays.items() if array.dtype.kind == "c"]
    plain = {
        PREFIX + name: _parts(array) if array.dtype.kind == "c" else array
        for name, array in arrays.items()
    }
    return pack(plain, {"complex": bent})


def arrays_from_bytes(blob: Buffer) -> dict[str, Array]:
    """Read a blob of `arrays_to_bytes`; the arrays are views into it.

    Raises
    ------
    RecordingError
        When it is none.
    """
    arrays, facts = unpack(blob)
    found = {name.removeprefix(PREFIX): array for name, array in arrays.items()}
    for name in take_texts(facts, "complex"):
        parts = found.get(name)
        if parts is None or parts.dtype not in PARTS or parts.shape[-1:] != (2,):
            raise RecordingError(f"'{name}' is not made of real and imaginary parts")
        found[name] = _whole(parts)
    return found


def _parts(array: Array) -> Array:
    native = np.ascontiguousarray(array).reshape(array.shape)
    native = native.astype(native.dtype.newbyteorder("="), copy=False)
    parts: Array = native[..., None].view(native.real.dtype)
    return parts


def _whole(parts: Array) -> Array:
    whole: Array = parts.view(np.dtype(f"c{2 * parts.dtype.itemsize}"))[..., 0]
    return whole
