"""Arrays that carry rounding noise: the reference runs on them as it stands.

A `NoisyArray` holds the noise-free float64 array and K replicas of it, stacked on a leading axis
that nobody outside sees. NumPy's own protocols hand every primitive that a reference or a pullback
applies to it, and after each the replicas get the rounding error that the dtype under test would
have made there. The spread of the replicas at the end is the scale of the noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from gradcmp.dtypes import FORMATS, Format
from gradcmp.judge.noise.branches import Branches
from gradcmp.judge.noise.branches import Stack as Stack
from gradcmp.ops import OPS
from gradcmp.ops.primitives import Sum

Rule: TypeAlias = Callable[..., Any]

# What a replica does at each method of a ufunc, and at each array function: the rules register
# here when their files are imported.
METHODS: dict[str, Rule] = {}
FUNCTIONS: dict[Callable[..., Any], Rule] = {}

LONGEST_SUM = 4096  # terms whose errors add up: frameworks sum longer ones in blocks
ELEMENTARY = 2  # kappa above it: each library approximates the function in its own way
COMMON_MODE = 0.25  # share of an elementary function's error that its elements have in common
SPREAD = 1.4  # a rounding error seen through c in [1, 2) is this much smaller than the true one
HASHED_RMS = 0.408  # root mean square of (RN(c w) / c - w) / (u w) over c and w: sqrt(1/6)


class NoModelError(TypeError):
    """An array function that the noise model does not know; the caller falls back."""


@dataclass
class NoiseModel:
    """The rounding of one dtype, replicated.

    Attributes
    ----------
    precision : Format
        Of the dtype under test.
    replicas : int
        K.
    rng : Generator
        Draws the c of every primitive; seeded, so that a verdict repeats.
    operands : Format, optional
        What the operands of a matrix product are rounded to first: TF32 units do that.
    branches : Branches
        How the replicas take branches, and what lies near a kink.
    precise : bool
        Whether everybody computes by formulas that lose no digits, instead of the usual ones.
    lost_digits : bool
        Whether the usual formula for something lost so much in float64 already that the dtype can
        show it, and a better one did not.
    kink_width : float
        Spreads from a kink within which another backend may take the other branch.
    roundings : int
        How many a replica sees where an implementation rounds once.
    """

    precision: Format
    replicas: int
    rng: np.random.Generator
    operands: Format | None = None
    branches: Branches = field(default_factory=Branches)
    precise: bool = False
    lost_digits: bool = False
    kink_width: ClassVar[float] = 4.0
    roundings: ClassVar[int] = 1

    def wrap(self, array: Stack) -> NoisyArray:
        """Take an array in, with one rounding error each: it absorbs equally good algorithms."""
        held = np.array(array, np.float64)
        return self.wrap_with_error(np.repeat(held[None], self.replicas + 1, axis=0))

    def wrap_with_error(self, stack: Stack) -> NoisyArray:
        """Return copies of what is taken in one error each."""
        return self.jitter(stack, 1.0)

    def constant(self, value: float) -> Any:
        """Take a number in; one that the dtype cannot hold exactly gets an error."""
        rounded = self._round(np.float64(value))
        return self.wrap(np.asarray(value)) if rounded != value else np.float64(value)

    def jitter(
        self, stack: Stack, kappa: float | Stack, common: bool = False, product: bool = False
    ) -> NoisyArray:
        """Add the error of one primitive to the replicas: equal values get equal errors.

        Parameters
        ----------
        kappa : float or array
            How large the error is, in units of u; one number, or one that broadcasts.
        common : bool
            Whether its elements have a part of it in common.
        product : bool
            Whether it is a product or quotient of two arrays: of interest to `Bfloat16Model`.
        """
        if not self.replicas:
            return NoisyArray(stack, self)
        y = stack[1:]
        c = self._draw(stack.ndim)
        error = self._rounding(y, c)
        error *= SPREAD * kappa
        if common:
            xi = self.rng.standard_normal(self.replicas).reshape(c.shape)
            error += COMMON_MODE * kappa * self.precision.u * xi * y
        y += _finite(error)
        return NoisyArray(stack, self)

    def approximate(self, stack: Stack, kappa: float, product: bool = False) -> NoisyArray:
        """Add the error of a primitive that computes element by element; of an exact one none."""
        if not kappa:
            return NoisyArray(stack, self)
        return self.jitter(stack, kappa, common=kappa > ELEMENTARY, product=product)

    def settled(self, stack: Stack) -> Stack:
        """Return what is exact but for one rounding: numbers of the dtype stay as they are."""
        held = self._round(stack.copy()) == stack
        return stack if held.all() else np.where(held, stack, self.jitter(stack.copy(), 1.0).stack)

    def jitter_sum(self, stack: Stack, squares: Stack, terms: Any, kind: Sum) -> NoisyArray:
        """Add the error of a sum of `terms` terms whose squares add up to `squares`.

        Its standard deviation is ``u_sum sqrt(m/3 S^2 + (m/6 + 1) Q)``, S the sum, Q that of the
        squares, ``m = min(terms, 4096)``: recursive summation in random order.
        """
        u_sum = self.accumulator(kind)
        m = np.minimum(terms, LONGEST_SUM)
        y = stack[1:]
        deviation = u_sum * np.sqrt(m / 3 * y * y + (m / 6 + 1) * squares)
        self._stray(stack, deviation, np.sqrt(squares))
        if u_sum == self.precision.u:
            return NoisyArray(stack, self)
        return self.jitter(stack, 1.0)  # the accumulator is finer than the result

    def move(self, stack: Stack, roundings: float, size: Stack) -> Stack:
        """Return copies of numbers, moved by so many roundings of a `size` that may not be theirs.

        These are roundings of the accumulator: in it libraries compute on whole matrices, and
        the places between which they interpolate.
        """
        moved = stack.copy()
        self._stray(moved, roundings * self.precision.u_sum * size[1:], size[1:])
        return moved

    def _stray(self, stack: Stack, deviation: Stack, size: Stack) -> None:
        """Add an error of a standard deviation to the replicas: equal values get equal errors."""
        y = stack[1:]
        w = np.abs(y) + size  # what the error is a function of
        error = self._rounding(w, self._draw(stack.ndim))
        error /= w
        error *= deviation / (self.precision.u * HASHED_RMS)
        y += _finite(error)

    def accumulator(self, kind: Sum) -> float:
        """Return the unit roundoff in which a kind of sum is added up: scattered ones in place."""
        return self.precision.u if kind == "scatter" else self.precision.u_sum

    def tie_probability(self, ndim: int) -> Any:
        """Return how often a near tie goes one way, for each replica of arrays of `ndim` axes."""
        return 0.5

    def begin_backward(self) -> None:
        """Go backwards: what is summed from here on are cotangents."""

    def _draw(self, ndim: int) -> Stack:
        c: Stack = 1.0 + self.rng.random(self.replicas)
        return c.reshape((-1,) + (1,) * (ndim - 1))

    def round_operand(self, x: Any) -> Any:
        """Return an operand of a matrix product as the unit that multiplies sees it."""
        if self.operands is None or not isinstance(x, NoisyArray):
            return x
        coarse = replace(self, precision=self.operands, operands=None)
        return NoisyArray(coarse.jitter(x.stack.copy(), 1.0).stack, self)

    def _rounding(self, y: Stack, c: Stack) -> Stack:
        """Return the error of rounding, seen through c: ``RN(c y) / c - y``."""
        error: Stack = self._round(c * y)
        error /= c
        return np.subtract(error, y, out=error)

    def _round(self, y: Any) -> Any:
        """Round to the significand of the dtype, by Veltkamp's splitting."""
        if self.precision.u == FORMATS["float64"].u:
            return y  # the arithmetic at hand rounds c y by itself
        t = y * (self.precision.u * 2.0**53 + 1.0)
        t -= t - y
        return t


def _finite(error: Stack) -> Stack:
    """Take out what is not finite: there the replicas stay as they are."""
    if math.isfinite(np.add.reduce(error, None)):
        return error
    return np.where(np.isfinite(error), error, 0.0)


class NoisyArray(NDArrayOperatorsMixin):
    """An array with replicas; `stack` has them on a leading axis, the noise-free one first."""

    stack: Stack
    model: NoiseModel

    def __init__(self, stack: Stack, model: NoiseModel) -> None:
        self.stack = stack
        self.model = model

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that everybody outside sees."""
        return self.stack.shape[1:]

    @property
    def ndim(self) -> int:
        """Number of axes without the replicas."""
        return self.stack.ndim - 1

    @property
    def size(self) -> int:
        """Number of elements of one replica."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """float64, or bool for the outcome of a comparison."""
        return self.stack.dtype

    @property
    def real(self) -> NoisyArray:
        """Itself: replicas are real."""
        return self

    def stack_of(self, ndim: int) -> Stack:
        """Return the stack with as many axes as arrays of `ndim` have, after the replicas."""
        missing = ndim - self.ndim
        if not missing:
            return self.stack
        return self.stack.reshape((len(self.stack),) + (1,) * missing + self.shape)

    def __getitem__(self, key: Any) -> NoisyArray:
        parts = key if isinstance(key, tuple) else (key,)
        return NoisyArray(self.stack[(slice(None), *parts)], self.model)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        rule = METHODS.get(method)
        if rule is None or kwargs.get("out") is not None or kwargs.get("where", True) is not True:
            raise NoModelError(f"{ufunc.__name__}.{method} has no noise model")
        kwargs.pop("out", None)
        with np.errstate(all="ignore"):  # infinities are findings, not warnings
            return rule(self.model, ufunc, *inputs, **kwargs)

    def __array_function__(self, function: Rule, types: Any, args: Any, kwargs: Any) -> Any:
        rule = FUNCTIONS.get(function)
        with np.errstate(all="ignore"):
            if rule is not None:
                return rule(*args, **kwargs)
            kappa = OPS.noise(function)
            if kappa is None:
                raise NoModelError(f"{function.__name__} has no noise model")
            return self.model.approximate(function(*align(args, self.model)), kappa)


def align(arrays: tuple[Any, ...], model: NoiseModel) -> list[Any]:
    """Make stacks that broadcast against each other: axes are added after the replicas."""
    held = [model.constant(a) if type(a) is float else a for a in arrays]
    ndim = max(a.ndim if isinstance(a, NoisyArray) else np.ndim(a) for a in held)
    return [a.stack_of(ndim) if isinstance(a, NoisyArray) else a for a in held]
