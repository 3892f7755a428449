"""A digest that binds what was recorded to the case that it was recorded of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcmp.dtypes.arrays import Array, dtype_name

SEAL = "seal"  # its key in the metadata
FEW = 1024  # elements of an array, evenly spread: of a large one all would take as long as judging


def seal(arrays: Mapping[str, Array], meta: Mapping[str, Any]) -> str:
    """Return the SHA-256 of all metadata and of each array's name, dtype, shape and some elements.

    It tells a graph that was edited, or taken from another recording, from the one that the arrays
    belong to. It is no signature: whoever wants to deceive can compute it again.
    """
    told = {key: fact for key, fact in meta.items() if key != SEAL}
    specs = sorted([name, dtype_name(a.dtype), list(a.shape)] for name, a in arrays.items())
    digest = hashlib.sha256(json.dumps([told, specs], sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(_some(arrays[name]))
    return digest.hexdigest()


def _some(array: Array) -> bytes:
    few = array.reshape(-1)[:: array.size // FEW + 1]
    return np.asarray(few, few.dtype.newbyteorder("<")).tobytes()
