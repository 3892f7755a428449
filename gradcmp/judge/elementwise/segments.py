"""Segmented reductions over many small arrays in one flat buffer.

One call of NumPy serves all of them: on arrays of some hundred numbers a call takes longer than
what it computes. A chunk of a large array is the same with one segment.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gradcmp.once import once
from gradcmp.recording import Array

Float: TypeAlias = npt.NDArray[np.float64]
Index: TypeAlias = npt.NDArray[np.intp]
Each: TypeAlias = Any  # one number for each array: an array, or of a `Run` a number

LONGEST = 2048  # elements of an array that shares a buffer: a longer one is worth its own calls
TOGETHER = 1 << 12  # elements of a buffer: all that is computed from it stays in a core's cache
ROW = 8192  # elements of one product: a BLAS starts threads of its own for longer ones


def batches(
    numbers: Iterable[int],
    arrays: Sequence[Array],
    together: int = TOGETHER,
    longest: float = LONGEST,
) -> Iterator[list[int]]:
    """Return numbers of arrays that together have so many elements; a long one by itself."""
    batch: list[int] = []
    size = 0
    for i in numbers:
        length = together if arrays[i].size > longest else arrays[i].size
        if batch and size + length > together:
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

    is_one = False

    def __init__(self, shapes: Sequence[tuple[int, ...]]) -> None:
        self.shapes = shapes
        self.lengths = [math.prod(shape) for shape in shapes]
        self.sizes: Any = np.array(self.lengths, np.intp)
        self.begins = [0, *accumulate(self.lengths[:-1])]
        self.starts: Index = np.array(self.begins, np.intp)

    def __len__(self) -> int:
        return len(self.shapes)

    def concatenate(self, arrays: Iterable[Array]) -> Float:
        """Concatenate arrays of these shapes, in float64.

        Returns
        -------
        array
            Of one array perhaps a view, and so never to be written to.

        Raises
        ------
        ValueError
            When they do not have these shapes.
        """
        held = tuple(arrays)
        with np.errstate(invalid="ignore"):  # a signalling NaN
            if len(held) == 1:  # a long one, perhaps, and no need to copy it
                flat = np.asarray(held[0], np.float64).reshape(-1)
            else:
                flat = np.concatenate(held, None, dtype=np.float64, casting="unsafe")
        if [array.size for array in held] != self.lengths:
            raise ValueError(f"arrays of {len(flat)} elements do not lie on {self.shapes}")
        return flat

    def split(self, flat: Float) -> list[Float]:
        """Return each array's part, in its shape: views."""
        return [self.part(flat, i) for i in range(len(self))]

    def part(self, flat: Float, which: int) -> Float:
        """Return the part of array number `which`, in its shape: a view."""
        begin = self.begins[which]
        return flat[begin : begin + self.lengths[which]].reshape(self.shapes[which])

    def broadcast(self, each: Array) -> Array:
        """Return one value for each array to all of its elements."""
        return each if len(self) == 1 else np.repeat(each, self.sizes)

    def largest(self, flat: Array) -> Array:
        """Return each array's maximum, which is NaN if any element is."""
        return self._each(np.maximum, flat)

    def largest_number(self, flat: Array) -> Array:
        """Return each array's maximum past every NaN, and at least 0."""
        largest: Array = np.fmax(self._each(np.fmax, flat), flat.dtype.type(0))
        return largest

    def dot(self, first: Array, second: Array) -> Float:
        """Return each array's sum of products."""
        return self.total(first * second)

    def total(self, flat: Array) -> Array:
        """Return each array's sum."""
        return self._each(np.add, flat)

    def count(self, flags: Array) -> Array:
        """Return how many elements of each array are not zero."""
        if len(self) == 1:
            return np.array([np.count_nonzero(flags)])
        marked = flags if flags.dtype == np.bool_ else flags != 0
        return self._each(np.add, marked, np.intp)

    def reaching(self, narrow: Array, floors: Sequence[int], room: Array | None) -> list[Each]:
        """Return for each of some rising floors how many bytes of each array are not below it."""
        if not floors:
            return []
        places = (self.ids << 8) + narrow  # all arrays and floors are counted at once
        counts = np.bincount(places, minlength=len(self) << 8).reshape(-1, 256)
        between = np.add.reduceat(counts, floors, axis=1)
        return [*between[:, ::-1].cumsum(axis=1).T[::-1]]

    def every(self, flags: Array) -> Array:
        """Return for each array whether all of its elements are flagged."""
        return self._each(np.logical_and, flags)

    def first(self, flags: Array) -> Index:
        """Return the flat index of each array's first flagged element; every array has one."""
        flagged = np.flatnonzero(flags)
        found: Index = flagged[np.searchsorted(flagged, self.starts)]
        return found

    def count_places(self, flat: Index) -> Array:
        """Return how many of these flat indices lie in each array."""
        return np.bincount(self.containing(flat), minlength=len(self))

    def top(self, each: Any) -> Any:
        """Return the largest of what each array has."""
        return each.max()

    def near(self, flat: Array, tops: Any, share: float, most: float) -> Index:
        """Return the elements that have nearly their array's maximum; none of one that is zero."""
        least = np.where(tops > 0, np.minimum(tops, most) * share, np.inf)
        return np.flatnonzero(flat >= self.broadcast(least))

    def highest(self, places: Index, *keys: Array) -> Index:
        """Return which of the places have the highest keys of their array; the first of equals."""
        segment = self.containing(places)
        if (segment[1:] > segment[:-1]).all():  # mostly: one in each, and nothing to choose
            return np.arange(len(places))
        order = np.lexsort((places, *(-key for key in reversed(keys)), segment))
        return order[np.flatnonzero(np.diff(segment[order], prepend=-1))]

    def rows(self, columns: Iterable[Any]) -> list[tuple[Any, ...]]:
        """Return what each array has in the columns, as Python's numbers."""
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def containing(self, flat: Index) -> Index:
        """Return the number of the array in which each flat index lies."""
        return np.searchsorted(self.starts, flat, "right") - 1

    def index(self, which: int, flat: int) -> tuple[int, ...]:
        """Return the index, within array number `which`, of the element at a flat index."""
        rest, index = flat - self.begins[which], []
        for length in reversed(self.shapes[which]):
            rest, place = divmod(rest, length)
            index.append(place)
        return tuple(reversed(index))

    def mean(self, flat: Float) -> Float:
        """Return the mean of each array's elements, to all of them."""
        return self.broadcast(self.total(flat) / np.maximum(self.sizes, 1))

    def outer(self, flat: Float) -> Float:
        """Return ``rowmean colmean / mean`` of each array, the last axis being the columns.

        Of what has no two axes longer than 1, the mean.
        """
        totals = self.total(flat).tolist()
        outer = [_outer(*one).ravel() for one in zip(self.split(flat), totals, strict=True)]
        return outer[0] if len(self) == 1 else np.concatenate(outer)

    def _each(self, ufunc: np.ufunc, flat: Array, dtype: Any = None) -> Array:
        if len(self) == 1:  # a long one, mostly: and this is faster
            return np.asarray(ufunc.reduce(flat, dtype=dtype)).reshape(1)
        found: Array = ufunc.reduceat(flat, self.starts, dtype=dtype)
        return found

    @once
    def ids(self) -> Index:
        """For each element, the number of its array."""
        return np.repeat(np.arange(len(self)), self.sizes)


class Run(Segments):
    """One array by itself: what each of several would have is one of Python's numbers here.

    An array of one element takes ten times as long.
    """

    is_one = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shapes = [shape]
        self.sizes = math.prod(shape)
        self.lengths, self.begins = [self.sizes], [0]
        self.starts = np.zeros(1, np.intp)

    def largest(self, flat: Array) -> Any:
        """Return the maximum, which is NaN if any element is."""
        return flat.max().item()

    def largest_number(self, flat: Array) -> Any:
        """Return the maximum past every NaN, and at least 0."""
        return max(0.0, float(np.fmax.reduce(flat)))

    def dot(self, first: Array, second: Array) -> Any:
        """Return the sum of products, in float64 where the dtype overflows."""
        product = _dot(first, second)
        if not math.isfinite(product):
            product = _dot(first.astype(np.float64), second.astype(np.float64))
        return product

    def count(self, flags: Array) -> Any:
        """Return how many elements are not zero."""
        return int(np.count_nonzero(flags))

    def reaching(self, narrow: Array, floors: Sequence[int], room: Array | None) -> list[Each]:
        """Return for each of some floors how many bytes are not below it."""
        return [self.count(np.greater_equal(narrow, np.uint8(floor), out=room)) for floor in floors]

    def count_places(self, flat: Index) -> Any:
        """Return how many flat indices there are."""
        return len(flat)

    def top(self, each: Any) -> Any:
        """Return the one that there is."""
        return each

    def near(self, flat: Array, tops: Any, share: float, most: float) -> Index:
        """Return the elements that have nearly the maximum."""
        least = flat.dtype.type(min(tops, most) * share)
        places: Index = np.flatnonzero(flat >= least)
        return places

    def containing(self, flat: Index) -> Index:
        """Return zeros."""
        return np.zeros(len(flat), np.intp)

    def highest(self, places: Index, *keys: Array) -> Index:
        """Return which of the places has the highest keys; the first of equals."""
        kept = np.arange(len(places))
        for key in keys:
            if len(kept) == 1:
                return kept
            rest = key[kept]
            kept = kept[rest == rest.max()]
        return kept[places[kept].argmin() :][:1]

    def rows(self, columns: Iterable[Any]) -> list[tuple[Any, ...]]:
        """Return the one row that the columns are."""
        return [tuple(columns)]


def _dot(x: Array, y: Array) -> float:
    """Return the sum of products, row by row, the rows added up in float64."""
    whole = len(x) - len(x) % ROW
    rest = float(np.dot(x[whole:], y[whole:])) if whole < len(x) else 0.0
    if not whole:
        return rest
    rows = np.vecdot(x[:whole].reshape(-1, ROW), y[:whole].reshape(-1, ROW))
    return float(np.add.reduce(rows, dtype=np.float64)) + rest


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
