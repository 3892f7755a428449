"""Places in arrays: how they are written, whether an array has them, and what stands there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcmp.recording import Array


def index(where: Sequence[int]) -> str:
    """Write the place of an element as one word: ``[2,1]``."""
    return f"[{','.join(map(str, where))}]"


def shape(of: Sequence[int]) -> str:
    """Write a shape: ``4×3``; a 0-d array is a scalar."""
    return "×".join(map(str, of)) or "scalar"


def holds(shape: Sequence[int], index: Sequence[int]) -> bool:
    """Return whether an array of this shape has an element at `index`."""
    return len(shape) == len(index) and all(i < n for i, n in zip(index, shape, strict=True))


def value(array: Array, where: tuple[int, ...]) -> str:
    """Write one element with just the digits that identify it in its own dtype."""
    number = array[where]
    return str(number) if array.dtype.kind in "fiub" else str(np.float32(number))  # V: bfloat16
