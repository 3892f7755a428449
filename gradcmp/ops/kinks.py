"""Points that many ops have in common: what is written once of zeros, ties and masked rows."""

from __future__ import annotations

from functools import partial

import numpy as np

from gradcmp.ops.primitives import expand
from gradcmp.ops.shapes import Axis
from gradcmp.ops.spec import Array, Kink

HALVES = "any split of the gradient among the tied is a subgradient"
NO_SLOPE = "the slope is infinite there: 0 is a convention, and the formula gives inf or NaN"
LENGTH = "the length has a kink at 0: 0 is a subgradient, and the formula gives 0 / 0"
MASKED = "nothing is left to divide by: NaN is what the formula gives, and 0 or 1 / n conventions"


def any_zero(x: Array, *_: Array, **static: object) -> bool:
    """Whether an element is 0."""
    return bool(np.any(x == 0))


def both_zero(x: Array, y: Array) -> bool:
    """Whether two operands are 0 at one place."""
    return bool(np.any((x == 0) & (y == 0)))


def any_equal(x: Array, y: Array) -> bool:
    """Whether two operands are equal somewhere."""
    return bool(np.any(x == y))


def all_zero(x: Array, axis: Axis = None, **static: object) -> bool:
    """Whether there is nothing but zeros along an axis."""
    return bool(np.any(np.all(x == 0, axis=axis)))


def all_equal(x: Array, axis: Axis = None, **static: object) -> bool:
    """Whether all elements along an axis are equal."""
    return bool(np.any(np.max(x, axis=axis) == np.min(x, axis=axis)))


def all_masked(x: Array, axis: Axis = None, **static: object) -> bool:
    """Whether there is nothing but minus infinity along an axis."""
    return bool(np.any(np.all(np.isneginf(x), axis=axis)))


def tied(x: Array, axis: Axis = None, smallest: bool = False, **static: object) -> bool:
    """Whether the largest element along an axis, or the smallest, is there more than once."""
    y = np.min(x, axis=axis) if smallest else np.max(x, axis=axis)
    return bool(np.any(np.sum(x == expand(y, axis, np.ndim(x)), axis=axis) > 1))


def masked(call: str, axis: Axis = -1) -> Kink:
    """Return the point where all along an axis is masked; `axis` is the function's default."""
    met = partial(all_masked, axis=axis)
    return Kink("a row of -inf", call, {"x": (-np.inf, -np.inf)}, MASKED, met)
