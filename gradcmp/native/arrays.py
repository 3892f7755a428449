"""Arrays and tensors of any framework as arrays of NumPy; none is imported for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.dtypes import REAL_PARTS
from gradcmp.errors import InputError
from gradcmp.native.outcome import Array
from gradcmp.recording import BFLOAT16


def as_array(name: str, given: Any) -> Array:
    """Return an input as NumPy has it: real numbers in float64, all others as they are.

    Raises
    ------
    InputError
        For what is no array of numbers.
    """
    array = _host(given)
    if array.dtype == BFLOAT16 or array.dtype.kind == "f":
        return array.astype(np.float64)
    if array.dtype.kind in "iub":
        return array
    if array.dtype.kind == "c":
        raise InputError(
            f"input '{name}' is of complex numbers, and functions are of real ones",
            way_out=REAL_PARTS,
        )
    raise InputError(
        f"input '{name}' is not an array of numbers: {type(given).__name__} of {array.dtype}"
    )


def as_it_is(given: Any) -> Array:
    """Return an array or tensor of any framework as NumPy has it, in its own dtype."""
    return _host(given)


def _host(given: Any) -> Array:
    if type(given).__module__.partition(".")[0] == "torch":
        from gradcmp.backends.torch import to_array

        return to_array(given)
    if hasattr(given, "numpy"):
        return np.asarray(given.numpy())
    return np.asarray(given)
