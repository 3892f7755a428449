"""NumPy's arrays of the dtypes: what crosses every border between rooms."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Mask: TypeAlias = npt.NDArray[np.bool_]

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


def numpy_dtype(name: str) -> np.dtype[Any]:
    """Return NumPy's dtype for a name; bfloat16 comes from ml_dtypes."""
    return BFLOAT16 if name == "bfloat16" else np.dtype(name)


@cache
def dtype_name(dtype: np.dtype[Any]) -> str:
    """Return the name of a dtype, whatever its byte order; NumPy puts it together each time."""
    return dtype.name


def in_parts(array: Array) -> Array:
    """Return a complex array as a real one: its last axis is of real and imaginary part."""
    whole = np.asarray(array, order="C")
    native = whole.astype(whole.dtype.newbyteorder("="), copy=False)
    parts: Array = native[..., None].view(native.real.dtype)
    return parts


def of_parts(parts: Array) -> Array:
    """Return the complex array of which these are the parts; `in_parts` is its inverse."""
    held = np.ascontiguousarray(parts)
    whole: Array = held.view(np.result_type(held.dtype, np.complex64))[..., 0]
    return whole
