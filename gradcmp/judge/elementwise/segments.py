"""Small arrays laid end to end: one call of NumPy then serves all of them.

On arrays of some hundred numbers a call takes longer than what it computes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gradcmp.recording import Array

Float: TypeAlias = npt.NDArray[np.float64]
Index: TypeAlias = npt.NDArray[np.intp]

LONGEST = 2048  # elements of an array that is laid on a strip: a longer one is worth its own calls
TOGETHER = 1 << 12  # elements of a strip: all that is computed from it stays in a core's cache


def batches(numbers: Iterable[int], arrays: Sequence[Array]) -> Iterator[list[int]]:
    """Return numbers of arrays in runs of up to `TOGETHER` elements; a long one by itself."""
    batch: list[int] = []
    size = 0
    for i in numbers:
        length = TOGETHER if arrays[i].size > LONGEST else arrays[i].size
        if batch and size + length > TOGETHER:
            yield batch
            batch, size = [], 0
        batch.append(i)
        size += max(length, 1)
    if batch:
        yield batch


class Segments:
    """Where each of several arrays lies on the flat arrays that hold them all.

    Parameters
    ----------
    shapes : sequence of tuple of int
        Of several arrays none may be empty.
    """

    def __init__(self, shapes: Sequence[tuple[int, ...]]) -> None:
        self.shapes = shapes
        self.lengths = [math.prod(shape) for shape in shapes]
        self._sizes: Index = np.array(self.lengths, np.intp)
        self.starts: Index = self._sizes.cumsum() - self._sizes

    def __len__(self) -> int:
        return len(self.shapes)

    def lay(self, arrays: Iterable[Array]) -> Float:
        """Lay arrays of these shapes end to end, in float64.

        Returns
        -------
        array
            Of one array perhaps a view, and so never to be written to.

        Raises
        ------
        ValueError
            When they are not as long as the strip.
        """
        held = tuple(arrays)
        with np.errstate(invalid="ignore"):  # a signalling NaN
            if len(held) == 1:  # a long one, perhaps, and no need to copy it
                laid = np.asarray(held[0], np.float64).reshape(-1)
            else:
                laid = np.concatenate(held, None, dtype=np.float64, casting="unsafe")
        if [array.size for array in held] != self.lengths:
            raise ValueError(f"arrays of {len(laid)} elements do not lie on {self.shapes}")
        return laid

    def cut(self, laid: Float) -> list[Float]:
        """Return each array's part, in its shape: views."""
        places = zip(self.starts.tolist(), self.lengths, self.shapes, strict=True)
        return [laid[start : start + size].reshape(shape) for start, size, shape in places]

    def spread(self, each: Array) -> Array:
        """Return one value for each array to all of its elements."""
        return each if len(self) == 1 else np.repeat(each, self._sizes)

    def largest(self, laid: Array) -> Array:
        """Return each array's maximum, which is NaN if any element is."""
        return self._each(np.maximum, laid)

    def total(self, laid: Array) -> Array:
        """Return each array's sum."""
        return self._each(np.add, laid)

    def count(self, flags: Array) -> Array:
        """Return how many elements of each array are flagged."""
        return self._each(np.add, flags, np.intp)

    def every(self, flags: Array) -> Array:
        """Return for each array whether all of its elements are flagged."""
        return self._each(np.logical_and, flags)

    def first(self, flags: Array) -> Index:
        """Return the flat index of each array's first flagged element; every array has one."""
        flagged = np.flatnonzero(flags)
        found: Index = flagged[np.searchsorted(flagged, self.starts)]
        return found

    def index(self, which: int, flat: int) -> tuple[int, ...]:
        """Return the index, within array number `which`, of the element at a flat index."""
        rest, index = flat - int(self.starts[which]), []
        for length in reversed(self.shapes[which]):
            rest, place = divmod(rest, length)
            index.append(place)
        return tuple(reversed(index))

    def mean(self, laid: Float) -> Float:
        """Return the mean of each array's elements, to all of them."""
        return self.spread(self.total(laid) / np.maximum(self._sizes, 1))

    def outer(self, laid: Float) -> Float:
        """Return ``rowmean colmean / mean`` of each array, the last axis being the columns.

        Of what has no two axes longer than 1, the mean.
        """
        totals = self.total(laid).tolist()
        outer = [_outer(*one).ravel() for one in zip(self.cut(laid), totals, strict=True)]
        return outer[0] if len(self) == 1 else np.concatenate(outer)

    def _each(self, ufunc: np.ufunc, laid: Array, dtype: Any = None) -> Array:
        if len(self) == 1:  # a long one, mostly: and this is faster
            return np.asarray(ufunc.reduce(laid, dtype=dtype)).reshape(1)
        found: Array = ufunc.reduceat(laid, self.starts, dtype=dtype)
        return found

    @cached_property
    def ids(self) -> Index:
        """For each element, the number of its array."""
        return np.repeat(np.arange(len(self)), self._sizes)


def _outer(array: Float, total: float) -> Float:
    """Return the outer product of the means, by sums: the counts cancel."""
    long = array.reshape([length for length in array.shape if length != 1])
    if long.ndim < 2 or total == 0:
        return np.full_like(array, total / max(array.size, 1))
    rows = np.add.reduce(long, -1, keepdims=True)
    columns = np.add.reduce(long, tuple(range(long.ndim - 1)), keepdims=True)
    outer: Float = rows * columns
    outer /= total
    return outer
