"""How an array of any number of axes is laid out in a plane, and cut into tiles."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from gradcmp.recording import Array

SIDE = 32  # tiles along an axis: more are smaller than a fingertip, and than a row of text


@dataclass(frozen=True)
class Grid:
    """How an array is laid out and reduced.

    Attributes
    ----------
    order : tuple of int
        Its axes as they are laid out: those before `split` go down, the others across.
    folded : int
        How many of the last axes no tile divides: a tile shows the worst along them.
    tiles : (int, int)
        How many there are down and across.
    """

    shape: tuple[int, ...]
    order: tuple[int, ...]
    split: int
    tiles: tuple[int, int]
    folded: int = 0

    @property
    def sides(self) -> tuple[int, int]:
        """Elements down and across."""
        return self._size(0, self.split), self._size(self.split, len(self.order))

    @property
    def unit(self) -> int:
        """How many elements across no tile divides."""
        return self._size(len(self.order) - self.folded, len(self.order))

    @property
    def whole(self) -> bool:
        """Whether every element has a cell of its own."""
        return self.tiles == self.sides

    @property
    def axes(self) -> tuple[tuple[int, ...], ...]:
        """The axes that go down, those that go across, and those along which the worst is shown."""
        last = len(self.order) - self.folded
        return self.order[: self.split], self.order[self.split : last], self.order[last:]

    def edges(self, axis: int) -> list[int]:
        """Return where tiles begin and end."""
        count, unit = self.tiles[axis], self.unit if axis else 1
        length = self.sides[axis] // unit
        return [unit * (length * tile // count) for tile in range(count + 1)]

    def laid(self, array: Array) -> Array:
        """Return an array of this shape as a matrix, down and across."""
        laid: Array = np.transpose(array, self.order).reshape(self.sides)
        return laid

    def places(self, at: Array) -> Array:
        """Return the flat indices in the array of elements of the matrix, which are flat, too."""
        if self.order == tuple(range(len(self.order))):
            return at
        index = np.unravel_index(at, tuple(self.shape[axis] for axis in self.order))
        back = tuple(index[self.order.index(axis)] for axis in range(len(self.order)))
        places: Array = np.ravel_multi_index(back, self.shape)
        return places

    def _size(self, first: int, last: int) -> int:
        return math.prod(self.shape[axis] for axis in self.order[first:last])


def layout(shape: tuple[int, ...], cells: int) -> Grid | None:
    """Return the finest grid of at most `cells` cells; None when not even one fits.

    Axes are split where both sides are nearest to each other: (64, 64, 3, 3) is 64 by 576.
    A vector lies across.
    """
    if cells < 1:
        return None
    splits = range(1, len(shape)) if len(shape) > 1 else [0]
    split = min(splits, key=lambda at: abs(math.log(_ratio(shape, at))))
    return _tiled(Grid(shape, tuple(range(len(shape))), split, (1, 1)), cells)


def planes(shape: tuple[int, ...], cells: int) -> Iterator[Grid]:
    """Yield a grid for each two axes of more than two; a tile shows the worst along the others."""
    long = [axis for axis, length in enumerate(shape) if length > 1]
    if len(long) < 3 or cells < 1:
        return
    for two in combinations(long, 2):
        rest = tuple(axis for axis in range(len(shape)) if axis not in two)
        yield _tiled(Grid(shape, (*two, *rest), 1, (1, 1), len(rest)), cells)


def _tiled(grid: Grid, cells: int) -> Grid:
    """Cut a grid into as many tiles as are allowed."""
    down, across = grid.sides
    down, across = min(down, SIDE), min(across // grid.unit, SIDE)
    while down * across > cells:
        down, across = (down, (across + 1) // 2) if across >= down else ((down + 1) // 2, across)
    return Grid(grid.shape, grid.order, grid.split, (down, across), grid.folded)


def _ratio(shape: tuple[int, ...], at: int) -> float:
    return math.prod(shape[:at]) / math.prod(shape[at:])
