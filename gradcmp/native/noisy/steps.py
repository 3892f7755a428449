"""Operations that make a step and are no comparison: what they choose, and where they jump.

Rounding to whole numbers, quotients that are cut down to those, what these leave of a number, and
places in a table. `xp` is NumPy or torch: only what both have is used of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from gradcmp.native.noisy.branches import Array, Fork

Rounded: TypeAlias = Callable[[Array], Array]


def whole(xp: Any, x: Array, y: Array, rounded: Rounded, halves: bool = False) -> Fork:
    """Return the fork of ``y = rounded(x)``, which jumps at whole numbers, or halfway between."""
    jump = xp.floor(x) + 0.5 if halves else xp.round(x)
    return Fork(y, x - jump, (rounded(jump - 0.25), rounded(jump + 0.25)), (x, jump))


def quotient(xp: Any, x: Array, y: Array, count: Array, down: Rounded, u: float) -> Fork:
    """Return the fork of ``count = down(x / y)``, which jumps where y goes into x.

    Some libraries round x / y first and others do not. Where one rounding makes a whole number of
    what is none, neither is wrong, though x and y were given.
    """
    ratio = x / y
    jump = xp.round(ratio)
    disputed = (abs(ratio - jump) <= 2 * u * abs(ratio)) & (xp.fmod(x, y) != 0)
    agreed = xp.where(disputed, xp.nan, 0.0)  # NaN is never given
    return Fork(count, ratio - jump, (down(jump - 0.25), down(jump + 0.25)), (x, y, agreed))


def taken_off(xp: Any, x: Array, y: Array, rest: Array) -> Array:
    """Return how often y was taken off x where `rest` is left."""
    return xp.round((x - rest) / y)


def left_over(xp: Any, rest: Array, y: Array, back: Array) -> Array:
    """Return the rest where y is taken off so much less often, or more."""
    return xp.where(xp.isfinite(back) & (back != 0), rest + back * y, rest)


@dataclass(frozen=True)
class Table:
    """Sorted numbers among which places are looked for.

    Attributes
    ----------
    numbers_at : callable
        Returns the numbers at places.
    place : callable
        Returns the places of values: before what is equal to them, or after it.
    length : int
        How many numbers it has.
    """

    xp: Any
    numbers_at: Callable[[Array], Array]
    place: Callable[[Array, bool], Array]
    length: int

    def nearest(self, values: Array, places: Array) -> Array:
        """Return the places of the numbers that are nearest to values."""
        below, above = (self.xp.clip(places - i, 0, self.length - 1) for i in (1, 0))
        nearer = abs(values - self.numbers_at(below)) <= abs(self.numbers_at(above) - values)
        return self.xp.where(nearer, below, above)

    def jump(self, values: Array, places: Array, nearest: Array) -> Fork:
        """Return the fork of the places of values, which jump at the numbers nearest to them.

        Parameters
        ----------
        nearest : array
            The places of those: the same in all runs, or noise would choose among two.
        """
        beside = self.numbers_at(nearest)
        sides = self.place(beside, False), self.place(beside, True)
        return Fork(places, values - beside, sides, (values, beside))


def table_of(rows: Array) -> Table:
    """Return rows of sorted numbers, of NumPy: values are looked for in the row beside theirs."""

    def place(values: Array, right: bool) -> Array:
        side: Literal["left", "right"] = "right" if right else "left"
        pairs = zip(rows, values, strict=True)
        return np.stack([np.searchsorted(row, one, side) for row, one in pairs])

    return Table(np, lambda at: np.take_along_axis(rows, at, -1), place, rows.shape[-1])
