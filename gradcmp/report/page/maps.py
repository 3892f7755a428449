"""Heat maps of arrays of any size: the difference in units of the allowance, tile by tile."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from gradcmp.judge.definition import differ
from gradcmp.judge.records import CaseVerdict, Comparison, Pair
from gradcmp.judge.tolerance import EXACT, Rule, rule_of
from gradcmp.judge.ulp import FORMATS, coarser
from gradcmp.recording import Array

SIDE = 32  # tiles along an axis: more are smaller than a fingertip, and than a row of text
FIXED, EACH = 16, 14  # bytes of a cell in the file, and of one backend's value in it
OWN = "Each difference in units of that element's own allowance."
WORST = "Each difference in units of what is allowed at the worst element."


@dataclass(frozen=True)
class Grid:
    """How an array is laid out and reduced: axes before `split` go down, the others across."""

    shape: tuple[int, ...]
    split: int
    tiles: tuple[int, int]

    @property
    def sides(self) -> tuple[int, int]:
        """Elements down and across."""
        return math.prod(self.shape[: self.split]), math.prod(self.shape[self.split :])

    @property
    def whole(self) -> bool:
        """Whether every element has a cell of its own."""
        return self.tiles == self.sides

    def edges(self, axis: int) -> list[int]:
        """Give where tiles begin and end."""
        count, length = self.tiles[axis], self.sides[axis]
        return [length * tile // count for tile in range(count + 1)]


def layout(shape: tuple[int, ...], cells: int) -> Grid | None:
    """Give the finest grid of at most `cells` cells; None when not even one fits.

    Axes are split where both sides are nearest to each other: (64, 64, 3, 3) is 64 by 576.
    A vector lies across.
    """
    if cells < 1:
        return None
    splits = range(1, len(shape)) if len(shape) > 1 else [0]
    split = min(splits, key=lambda at: abs(math.log(_ratio(shape, at))))
    full = Grid(shape, split, (1, 1))
    down, across = (min(side, SIDE) for side in full.sides)
    while down * across > cells:
        down, across = (down, (across + 1) // 2) if across >= down else ((down + 1) // 2, across)
    return Grid(shape, split, (down, across))


def _ratio(shape: tuple[int, ...], at: int) -> float:
    return math.prod(shape[:at]) / math.prod(shape[at:])


def heat_map(
    verdict: CaseVerdict, pair: Pair, name: str, comparison: Comparison, room: int
) -> dict[str, Any] | None:
    """Give what the page draws of one comparison in about `room` bytes; None when it cannot.

    Returns
    -------
    dict
        ``shape``, ``down`` and ``across`` (where tiles begin and end), ``units`` in words, and
        for each tile, row by row: ``excess`` of its worst element, its flat index ``at``
        (left out when every element has its own cell) and each backend's ``values`` there.
    """
    arrays = {label: r.tensors.get(name) for label, r in verdict.recordings.items()}
    actual, expected = arrays[pair.actual], arrays[pair.expected]
    if comparison.worst is None or actual is None or expected is None:
        return None
    grid = layout(actual.shape, room // (FIXED + EACH * len(arrays)))
    if grid is None:
        return None
    measure = Measure.of(verdict, comparison, actual, expected)
    excess, at = reduced(grid, measure, actual, expected)
    values = [
        numbers(array.reshape(-1)[at]) if array is not None and array.shape == grid.shape else None
        for array in arrays.values()
    ]
    return {
        "shape": grid.shape,
        "down": grid.edges(0),
        "across": grid.edges(1),
        "units": measure.units,
        "excess": [upwards(float(number)) for number in excess],
        **({} if grid.whole else {"at": at.tolist()}),
        "values": values,
    }


@dataclass(frozen=True)
class Measure:
    """How a difference becomes a multiple of the allowance.

    A tolerance made of numbers gives every element its own allowance. The noise that tolerance
    auto measures is not kept with a verdict, but for small arrays: elsewhere `allowed`, that of
    the worst element, stands for all.
    """

    units: str
    rule: Rule | None = None
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
        """Give |a − e| over the allowance; infinity where a NaN or infinity is unmatched."""
        a, e = actual.astype(np.float64), expected.astype(np.float64)
        if self.rule:
            return differ(a, e, self.rule).excess
        same = (a == e) | (np.isnan(a) & np.isnan(e))
        with np.errstate(all="ignore"):
            excess = np.abs(a - e) / self.allowed
        return np.where(same, 0.0, np.where(np.isfinite(excess), excess, np.inf))


def reduced(grid: Grid, measure: Measure, actual: Array, expected: Array) -> tuple[Array, Array]:
    """Give the excess of the worst element of each tile and its flat index, row by row."""
    rows, columns = grid.sides
    if grid.whole:
        known = measure.known
        excess = measure.excess(actual, expected) if known is None else np.asarray(known)
        return excess.reshape(-1), np.arange(rows * columns)
    found = list(_tiles(grid, measure, actual.reshape(rows, -1), expected.reshape(rows, -1)))
    return np.array([excess for excess, _ in found]), np.array([at for _, at in found])


def _tiles(
    grid: Grid, measure: Measure, actual: Array, expected: Array
) -> Iterator[tuple[float, int]]:
    """Read a band of rows at a time: memory stays a fraction of the array."""
    columns = grid.sides[1]
    down, across = grid.edges(0), grid.edges(1)
    for top, bottom in pairwise(down):
        if measure.known is None:
            band = measure.excess(actual[top:bottom], expected[top:bottom])
        else:
            band = measure.known.reshape(actual.shape)[top:bottom]
        for left, right in pairwise(across):
            tile = band[:, left:right]
            row, column = divmod(int(np.argmax(tile)), right - left)
            yield float(tile[row, column]), (top + row) * columns + left + column


def upwards(excess: float) -> float:
    """Shorten to three digits, never nearer to zero: what is above 1 stays above 1."""
    if excess == 0 or not math.isfinite(excess):
        return excess
    unit = 10.0 ** (math.floor(math.log10(excess)) - 2)
    near = float(f"{excess:.3g}")
    return near if near >= excess else float(f"{excess + unit:.3g}")


def numbers(array: Array) -> list[Any]:
    """Give numbers with just the digits that identify them in their own dtype."""
    if array.dtype.kind in "iub" or array.dtype == np.float64:
        return list(array.tolist())
    real = array.astype(np.float32) if array.dtype.kind == "V" else array  # bfloat16
    return [float(text) for text in real.astype(str).tolist()]
