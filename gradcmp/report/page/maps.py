"""Heat maps of arrays of any size: the difference in units of the allowance, tile by tile."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from gradcmp.dtypes import FORMATS, coarser
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.elementwise.difference import excess_of
from gradcmp.judge.elementwise.tolerance import EXACT, ElementTolerance, rule_of
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Array
from gradcmp.report.json import strict
from gradcmp.report.page.grids import Grid, layout, planes

BAND = 2**20  # elements that are measured at a time
LARGE = 2**22  # elements of an array that is laid out in one way alone: others would be copies
PLANES = 6  # ways to choose two axes that are drawn: all of four axes
FIXED, EACH = 18, 26  # bytes of a cell in the file, and of one backend's value and difference in it
OWN = "Each difference as a multiple of that element's own tolerance."
WORST = "Each difference in units of what is allowed at the worst element."


def heat_map(
    verdict: CaseVerdict, pair: Pair, name: str, comparison: Comparison, room: int
) -> dict[str, Any] | None:
    """Return what the page draws of one comparison in about `room` bytes; None when it cannot.

    Returns
    -------
    dict
        ``shape``, ``axes`` (those that go down, those that go across, those along which the worst
        is shown), ``down`` and ``across`` (where tiles begin and end), ``unit`` (elements across
        that no tile divides), ``units`` in words, and for each tile, row by row: ``excess`` of
        its worst element, its flat index ``at`` and how many of its elements are `beyond` what is
        allowed (both left out when every element has its own cell), each backend's ``values``
        there and what they are `less` those of the expected side.
    """
    compared = Compared.of(verdict, pair, name, comparison)
    if compared is None:
        return None
    grid = layout(compared.actual.shape, compared.cells(room))
    return None if grid is None else compared.drawn(grid)


def further_maps(
    verdict: CaseVerdict, pair: Pair, name: str, comparison: Comparison, room: int
) -> Iterator[dict[str, Any]]:
    """Yield a map for each two axes of an array that has more, in about `room` bytes in all."""
    compared = Compared.of(verdict, pair, name, comparison)
    if compared is None or compared.actual.size > LARGE:
        return
    for grid in islice(planes(compared.actual.shape, compared.cells(room // PLANES)), PLANES):
        yield compared.drawn(grid)


@dataclass(frozen=True)
class Compared:
    """One comparison with the arrays of all backends, and how its differences are measured."""

    arrays: Mapping[str, Array | None]
    pair: Pair
    actual: Array
    expected: Array
    measure: Measure

    @classmethod
    def of(
        cls, verdict: CaseVerdict, pair: Pair, name: str, comparison: Comparison
    ) -> Compared | None:
        """Return what there is to draw; None without arrays, or elements."""
        arrays = {label: r.tensors.get(name) for label, r in verdict.recordings.items()}
        actual, expected = arrays.get(pair.actual), arrays.get(pair.expected)
        if comparison.worst is None or actual is None or expected is None:
            return None
        measure = Measure.of(verdict, comparison, actual, expected)
        return cls(arrays, pair, actual, expected, measure)

    def cells(self, room: int) -> int:
        """Return how many cells fit into `room` bytes."""
        return room // (FIXED + EACH * len(self.arrays))

    def drawn(self, grid: Grid) -> dict[str, Any]:
        """Return the map of one grid."""
        excess, tile, beyond = reduced(grid, self.measure, self.actual, self.expected)
        at = grid.places(tile)
        there = [
            array.reshape(-1)[at] if array is not None and array.shape == grid.shape else None
            for array in self.arrays.values()
        ]
        origin = self.expected.reshape(-1)[at]
        return {
            "shape": grid.shape,
            "axes": grid.axes,
            "down": grid.edges(0),
            "across": grid.edges(1),
            "unit": grid.unit,
            "units": self.measure.units,
            "excess": finite([shortened(number) for number in excess.tolist()]),
            **({} if grid.whole else {"at": at.tolist(), "beyond": beyond.tolist()}),
            "values": [None if some is None else finite(numbers(some)) for some in there],
            "less": [
                None if some is None or label == self.pair.expected else finite(less(some, origin))
                for label, some in zip(self.arrays, there, strict=True)
            ],
        }


@dataclass(frozen=True)
class Measure:
    """How a difference becomes a multiple of the allowance.

    A tolerance made of numbers gives every element its own allowance. The noise that tolerance
    auto measures is not kept with a verdict, but for small arrays: elsewhere `allowed`, that of
    the worst element, stands for all.
    """

    units: str
    rule: ElementTolerance | None = None
    allowed: float = 0.0
    known: Array | None = None

    @classmethod
    def of(
        cls, verdict: CaseVerdict, comparison: Comparison, actual: Array, expected: Array
    ) -> Measure:
        """Choose what is known most exactly."""
        if comparison.excess is not None and comparison.excess.shape == actual.shape:
            return cls(OWN, known=comparison.excess)
        if comparison.rule == EXACT.text:
            return cls(OWN)
        names = actual.dtype.name, expected.dtype.name
        if set(names) <= set(FORMATS):
            rule = rule_of(verdict.case.tolerance, coarser(*names))
            if rule.text == comparison.rule:
                return cls(OWN, rule)
        return cls(WORST, allowed=comparison.worst.allowed if comparison.worst else 0.0)

    def excess(self, actual: Array, expected: Array) -> Array:
        """Return |a − e| over the allowance; infinity where a NaN or infinity is unmatched."""
        a, e = actual.astype(np.float64), expected.astype(np.float64)
        if self.rule:
            return excess_of(a, e, self.rule)
        same = (a == e) | (np.isnan(a) & np.isnan(e))
        with np.errstate(all="ignore"):
            excess = np.abs(a - e) / self.allowed
        return np.where(same, 0.0, np.where(np.isfinite(excess), excess, np.inf))


def reduced(
    grid: Grid, measure: Measure, actual: Array, expected: Array
) -> tuple[Array, Array, Array]:
    """Return for each tile, row by row, its worst excess, its place, and how many are above 1.

    The place is the flat index in the matrix as which the grid lays the array out.

    A few rows of tiles are read at a time: memory stays a fraction of a large array.
    """
    rows, columns = grid.sides
    a, e = grid.laid(actual), grid.laid(expected)
    known = None if measure.known is None else grid.laid(measure.known)
    down = np.array(grid.edges(0))
    step = max(1, BAND * grid.tiles[0] // max(rows * columns, 1))
    found = []
    for first in range(0, grid.tiles[0], step):
        edges = down[first : first + step + 1]
        rows_ = slice(edges[0], edges[-1])
        band = measure.excess(a[rows_], e[rows_]) if known is None else known[rows_]
        tiles = edges - edges[0], np.array(grid.edges(1))
        excess, at = _worst(band, *tiles)
        found.append((excess, at + edges[0] * columns, _beyond(band, *tiles)))
    excess, at, beyond = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return excess, at, beyond


def _beyond(band: Array, down: Array, across: Array) -> Array:
    """Return how many numbers of each tile of a matrix are above 1, or NaN."""
    counted = np.add.reduceat((~(band <= 1)).astype(np.int64), down[:-1], 0)
    return np.add.reduceat(counted, across[:-1], 1).reshape(-1)


def _worst(band: Array, down: Array, across: Array) -> tuple[Array, Array]:
    """Return the largest number of each tile of a matrix, and the flat index where it first is."""
    if band.size == (len(down) - 1) * (len(across) - 1):
        return band.reshape(-1), np.arange(band.size)
    most = np.maximum.reduceat(np.maximum.reduceat(band, down[:-1], 0), across[:-1], 1)
    heights, widths = np.diff(down), np.diff(across)
    hits = np.flatnonzero(band == most.repeat(heights, 0).repeat(widths, 1))
    row, column = np.divmod(hits, band.shape[1])
    tile = np.arange(len(heights)).repeat(heights)[row] * len(widths)
    tile += np.arange(len(widths)).repeat(widths)[column]
    return most.reshape(-1), hits[np.unique(tile, return_index=True)[1]]


def less(actual: Array, expected: Array) -> list[float]:
    """Return actual − expected in float64, of the exact numbers, to six digits.

    The shortest decimals of float32 and float64 numbers are not those numbers: subtracting them
    gives another difference.
    """
    with np.errstate(invalid="ignore"):
        difference = actual.astype(np.float64) - expected.astype(np.float64)
    return [float(f"{number:.6g}") if number else 0 for number in difference.tolist()]


def shortened(excess: float) -> float:
    """Shorten to three digits; what disagrees is still above 1."""
    near = float(f"{excess:.3g}")
    return 1.01 if near <= 1 < excess else near


def numbers(array: Array) -> list[Any]:
    """Return numbers with just the digits that identify them in their own dtype."""
    if array.dtype.kind in "iub" or array.dtype == np.float64:
        return list(array.tolist())
    real = array.astype(np.float32) if array.dtype.kind == "V" else array  # bfloat16
    return [float(text) for text in real.astype(str).tolist()]


def finite(some: list[Any]) -> list[Any]:
    """Write what JSON cannot, as the JSON report does."""
    return some if all(map(math.isfinite, some)) else list(strict(some))
