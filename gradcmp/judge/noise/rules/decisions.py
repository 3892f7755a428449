"""Functions that jump: where numbers are within noise of the jump, replicas take either side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcmp.judge.noise.model import NoiseModel, NoisyArray, Stack, align


def has_ties(equal: int, sizes: Sequence[int]) -> bool:
    """Whether more elements are equal than when each finds itself: an array beside its maximum.

    Parameters
    ----------
    sizes : sequence of int
        Of the operands, the smallest first.
    """
    return equal > (sizes[0] if sizes[0] < sizes[-1] else 0)


def either(
    model: NoiseModel,
    distance: Stack,
    result: Stack,
    sides: tuple[Any, Any],
    agreed: Stack | None = None,
) -> Stack:
    """Take either side where the distance from a jump is within noise, and none at an exact tie.

    Noise never breaks a tie: there the result is that of the noise-free run.

    Parameters
    ----------
    agreed : array, optional
        Where all who were given the same numbers have the same result; everywhere, if omitted.
    """
    branches = model.branches
    if branches.free:
        known = distance if agreed is None else np.where(agreed, distance, np.nan)
        return branches.decide(result, known)
    base, replicas = distance[:1], distance[1:]
    tied = base == 0
    if tied.any():
        branches.tied = True
        result = np.where(tied, result[:1], result)
    near = _near(model, base, replicas)
    if near.any():
        branches.near += int(np.count_nonzero(near))
        either = model.rng.random(replicas.shape) < model.tie_probability(replicas.ndim)
        result[1:] = np.where(near, np.where(either, *sides), result[1:])
    return branches.decide(result)


def _near(model: NoiseModel, base: Stack, replicas: Stack) -> Stack:
    """Return where two numbers are closer than their noise, and not equal."""
    spread = np.abs(replicas - base).max(axis=0, keepdims=True, initial=0.0)
    near: Stack = (np.abs(base) <= model.kink_width * spread) & (base != 0)
    return near


def _order(model: NoiseModel, ufunc: np.ufunc, *operands: Any) -> Stack:
    """Compare two numbers, which jumps where they are equal."""
    left, right = align(operands, model)
    difference = np.asarray(left - right, np.float64)
    return either(model, difference, ufunc(left, right), (True, False))


def _sign(model: NoiseModel, ufunc: np.ufunc, x: NoisyArray) -> Stack:
    """Return the sign, which jumps at zero."""
    return either(model, x.stack, np.sign(x.stack), (1.0, -1.0))


def _signbit(model: NoiseModel, ufunc: np.ufunc, x: NoisyArray) -> Stack:
    """Return whether a number is negative, or -0, which jumps at zero."""
    return either(model, x.stack, np.signbit(x.stack), (True, False))


def _equality(model: NoiseModel, ufunc: np.ufunc, *operands: Any) -> Stack:
    """Note what is equal, or might be: an array that meets its own maximum, for one."""
    left, right = align(operands, model)
    result: Stack = ufunc(left, right)
    branches, asked = model.branches, ufunc is np.equal
    if not branches.free:
        equal = int(np.count_nonzero(result[0] == asked))
        branches.tied |= has_ties(equal, sorted(int(np.size(one)) for one in operands))
        changed = result[1:] != result[:1]
        branches.near += int(np.count_nonzero(changed.any(axis=0)))
    result = branches.share(result == asked, model.rng) == asked
    return branches.decide(result, np.subtract(left, right, dtype=np.float64))


def _rounded(model: NoiseModel, ufunc: np.ufunc, x: NoisyArray) -> Stack:
    """Round to whole numbers, which jumps at those, or halfway between them."""
    return _steps(model, ufunc, x.stack, ufunc(x.stack))


def _quotient(model: NoiseModel, ufunc: np.ufunc, *operands: Any) -> Stack:
    """Round x / y down, which jumps at the multiples of y."""
    x, y = align(operands, model)
    return _counted(model, np.floor, x, y, np.floor_divide(x, y))


def _remainder(model: NoiseModel, ufunc: np.ufunc, *operands: Any) -> Stack:
    """Return what is left of x / y, which jumps where that does, rounded down or cut down."""
    x, y = align(operands, model)
    rest = np.asarray(ufunc(x, y), np.float64)
    count = np.rint((x - rest) / y)
    taken = _counted(model, np.floor if ufunc is np.remainder else np.trunc, x, y, count.copy())
    back = count - taken
    rest = np.where(np.isfinite(back) & (back != 0), rest + back * y, rest)
    return model.settled(rest)


def _counted(model: NoiseModel, down: np.ufunc, x: Stack, y: Stack, count: Stack) -> Stack:
    """Return how often y goes into x.

    Some libraries round x / y before they cut it down, and others do not. Where one rounding makes
    a whole number of what is none, neither is wrong, though x and y were given.
    """
    ratio = np.asarray(x / y, np.float64)
    disputed = np.abs(ratio - np.rint(ratio)) <= 2 * model.precision.u * np.abs(ratio)
    return _steps(model, down, ratio, count, ~disputed | (np.fmod(x, y) == 0))


def _steps(
    model: NoiseModel, ufunc: np.ufunc, exact: Stack, result: Stack, agreed: Stack | None = None
) -> Stack:
    """Take the whole number on either side where what is rounded is within noise of a jump."""
    base = exact[:1]
    jump = np.floor(base) + 0.5 if ufunc is np.rint else np.rint(base)
    sides = ufunc(np.nextafter(jump, -np.inf)), ufunc(np.nextafter(jump, np.inf))
    return either(model, exact - jump, result, sides, agreed)


DECISIONS: Mapping[np.ufunc, Callable[..., Stack]] = {
    **dict.fromkeys((np.greater, np.greater_equal, np.less, np.less_equal), _order),
    **dict.fromkeys((np.equal, np.not_equal), _equality),
    **dict.fromkeys((np.floor, np.ceil, np.rint, np.trunc), _rounded),
    np.sign: _sign,
    np.signbit: _signbit,
    np.floor_divide: _quotient,
    **dict.fromkeys((np.remainder, np.fmod), _remainder),
}
