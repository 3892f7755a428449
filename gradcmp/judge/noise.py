"""Arrays that carry rounding noise: the reference runs on them as it stands.

A `Noisy` holds the noise-free float64 array and K replicas of it, stacked on a leading axis that
nobody outside sees. NumPy's own protocols hand every primitive that a reference or a pullback
applies to it, and after each the replicas get the rounding error that the dtype under test would
have made there. The spread of the replicas at the end is the scale of the noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.mixins import NDArrayOperatorsMixin

from gradcmp.case import DType

Stack: TypeAlias = npt.NDArray[Any]
Rule: TypeAlias = Callable[..., Any]

LONGEST_SUM = 4096  # terms whose errors add up: frameworks sum longer ones in blocks
COMMON_MODE = 0.25  # share of an elementary function's error that its elements have in common
SPREAD = 1.4  # a rounding error seen through c in [1, 2) is this much smaller than the true one
HASHED_RMS = 0.408  # root mean square of (RN(c w) / c - w) / (u w) over c and w: sqrt(1/6)
EPS = 2.0**-52  # from 1 to the next float64
TINY = 2.0**-1022  # below it float64 itself loses digits
NEAR = 4.0  # spreads from a kink within which another backend may take the other branch


@dataclass(frozen=True)
class Precision:
    """What the rounding of a dtype is made of.

    Attributes
    ----------
    u : float
        Unit roundoff: half the distance from 1 to the next number.
    u_sum : float
        Unit roundoff of the accumulator of a sum or a matrix product.
    eta : float
        The smallest step near zero; frameworks may flush anything below it.
    largest : float
        The largest finite number.
    """

    u: float
    u_sum: float
    eta: float
    largest: float


PRECISIONS: Mapping[DType, Precision] = {
    "float64": Precision(2.0**-53, 2.0**-53, 2.0**-1022, float(np.finfo(np.float64).max)),
    "float32": Precision(2.0**-24, 2.0**-24, 2.0**-126, float(np.finfo(np.float32).max)),
    "float16": Precision(2.0**-11, 2.0**-24, 2.0**-25, 65504.0),
    "bfloat16": Precision(2.0**-8, 2.0**-24, 2.0**-126, 3.3895313892515355e38),
}

# Half of the worst error seen over the frameworks, in units of u. What is not here and not in
# EXACT has no model.
KAPPA: Mapping[np.ufunc, float] = {
    np.add: 1,
    np.subtract: 1,
    np.multiply: 1,
    np.divide: 1,
    np.square: 1,
    np.reciprocal: 1,
    np.sqrt: 2,
    np.exp: 4,
    np.log: 4,
    np.sin: 4,
    np.cos: 4,
    np.log1p: 6,
    np.expm1: 6,
    np.power: 8,  # exp(y log x): the errors of both
    np.tanh: 11,
}
ELEMENTARY = frozenset(ufunc for ufunc, kappa in KAPPA.items() if kappa > 2)
ORDERINGS = frozenset((np.greater, np.greater_equal, np.less, np.less_equal))
EQUALITIES = frozenset((np.equal, np.not_equal))
EXACT = frozenset(
    (np.negative, np.positive, np.absolute, np.maximum, np.minimum, np.copysign)
) | frozenset((np.logical_and, np.logical_or, np.logical_not, np.isfinite, np.isnan, np.isinf))


class NoModelError(TypeError):
    """An array function that the noise model does not know; the caller falls back."""


@dataclass
class NoiseModel:
    """The rounding of one dtype, replicated.

    Attributes
    ----------
    precision : Precision
        Of the dtype under test.
    replicas : int
        K; with 0 there is no noise, and `nudge` alone tells two runs apart.
    rng : Generator
        Draws the c of every primitive; seeded, so that a verdict repeats.
    nudge : {0, 1, -1}
        How exact ties are broken: not at all, for the later operand or element, for the earlier.
    branches : bool
        Whether a comparison was met: only then can breaking ties change anything.
    """

    precision: Precision
    replicas: int
    rng: np.random.Generator
    nudge: int = 0
    branches: bool = False
    _held: int = 0  # elements taken in so far: their ranks when ties are broken

    def __post_init__(self) -> None:
        bits = round(-math.log2(self.precision.u))  # of the significand
        self._splitter = 2.0 ** (53 - bits) + 1.0

    def hold(self, array: Stack) -> Noisy:
        """Take an array in, with one rounding error each: it absorbs equally good algorithms."""
        held = np.array(array, np.float64)
        if self.nudge:
            ranks = np.arange(self._held + 1, self._held + 1 + held.size).reshape(held.shape)
            step = np.maximum(np.abs(held) * EPS, TINY)  # the smallest that tells two apart
            held = held + self.nudge * ranks * step
            self._held += held.size
        return self.jitter(np.repeat(held[None], self.replicas + 1, axis=0), 1.0)

    def constant(self, value: float) -> Any:
        """Take a number in; one that the dtype cannot hold exactly gets an error."""
        rounded = self._round(np.float64(value))
        return self.hold(np.asarray(value)) if rounded != value else np.float64(value)

    def jitter(self, stack: Stack, kappa: float, common: bool = False) -> Noisy:
        """Add the error of one primitive to the replicas: equal values get equal errors."""
        y = stack[1:]
        c = self._draw(stack.ndim)
        with np.errstate(all="ignore"):
            error = SPREAD * kappa * (self._round(c * y) / c - y)
            if common:
                xi = self.rng.standard_normal(self.replicas).reshape(c.shape)
                error += COMMON_MODE * kappa * self.precision.u * xi * y
            error[~np.isfinite(error)] = 0.0
            stack[1:] = y + error
        return Noisy(stack, self)

    def jitter_sum(self, stack: Stack, squares: Stack, terms: Any) -> Noisy:
        """Add the error of a sum of `terms` terms whose squares add up to `squares`.

        Its standard deviation is ``u_sum sqrt(m/3 S^2 + (m/6 + 1) Q)`` with ``S`` the sum, ``Q``
        the sum of squares and ``m = min(terms, 4096)``: recursive summation in random order.
        """
        m = np.minimum(terms, LONGEST_SUM)
        y = stack[1:]
        c = self._draw(stack.ndim)
        with np.errstate(all="ignore"):
            deviation = self.precision.u_sum * np.sqrt(m / 3 * y * y + (m / 6 + 1) * squares)
            w = np.abs(y) + np.sqrt(squares)  # what the error is a function of
            hashed = (self._round(c * w) / c - w) / (self.precision.u * HASHED_RMS)
            error = deviation * np.where(w > 0, hashed / np.where(w > 0, w, 1.0), 0.0)
            error[~np.isfinite(error)] = 0.0
            stack[1:] = y + error
        if self.precision.u_sum == self.precision.u:
            return Noisy(stack, self)
        return self.jitter(stack, 1.0)  # the accumulator is finer than the result

    def _draw(self, ndim: int) -> Stack:
        return self.rng.uniform(1.0, 2.0, self.replicas).reshape((-1,) + (1,) * (ndim - 1))

    def _round(self, y: Any) -> Any:
        """Round to the significand of the dtype, by Veltkamp's splitting."""
        if self.precision.u == PRECISIONS["float64"].u:
            return y  # the arithmetic at hand rounds c y by itself
        t = self._splitter * y
        return t - (t - y)


class Noisy(NDArrayOperatorsMixin):
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
    def real(self) -> Noisy:
        """Itself: replicas are real."""
        return self

    def __getitem__(self, key: Any) -> Noisy:
        parts = key if isinstance(key, tuple) else (key,)
        return Noisy(self.stack[(slice(None), *parts)], self.model)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        rule: Rule | None = _METHODS.get(method)
        if rule is None or kwargs.get("out") is not None or kwargs.get("where", True) is not True:
            raise NoModelError(f"{ufunc.__name__}.{method} has no noise model")
        kwargs.pop("out", None)
        return rule(self.model, ufunc, *inputs, **kwargs)

    def __array_function__(self, function: Rule, types: Any, args: Any, kwargs: Any) -> Any:
        from gradcmp.judge.movement import MOVEMENTS

        rule = MOVEMENTS.get(function)
        if rule is None:
            raise NoModelError(f"numpy.{function.__name__} has no noise model")
        return rule(*args, **kwargs)


def align(arrays: tuple[Any, ...], model: NoiseModel) -> list[Any]:
    """Make stacks that broadcast against each other: axes are added after the replicas."""
    held = [model.constant(a) if type(a) is float else a for a in arrays]
    ndim = max(np.ndim(a) for a in held)
    return [
        a.stack.reshape((len(a.stack),) + (1,) * (ndim - a.ndim) + a.shape)
        if isinstance(a, Noisy)
        else a
        for a in held
    ]


def _call(model: NoiseModel, ufunc: np.ufunc, *inputs: Any, **kwargs: Any) -> Any:
    if ufunc is np.matmul:
        return _matmul(model, *inputs, **kwargs)
    if kwargs:
        raise NoModelError(f"{ufunc.__name__} with {', '.join(kwargs)} has no noise model")
    stacks = align(inputs, model)
    with np.errstate(all="ignore"):
        if ufunc in ORDERINGS:
            return Noisy(_order(model, ufunc, *stacks), model)
        if ufunc is np.sign:
            above, below = (_order(model, o, stacks[0], 0.0) for o in (np.greater, np.less))
            return Noisy(above.astype(np.float64) - below, model)
        model.branches |= ufunc in EQUALITIES
        result = ufunc(*stacks)
    if ufunc in EQUALITIES or ufunc in EXACT:
        return Noisy(result, model)
    kappa = KAPPA.get(ufunc)
    if kappa is None:
        raise NoModelError(f"{ufunc.__name__} has no noise model")
    if any(s.dtype == np.bool_ for s in stacks if isinstance(s, np.ndarray)):
        return Noisy(result, model)  # a product with a mask is exact
    return model.jitter(result, kappa, common=ufunc in ELEMENTARY)


def _order(model: NoiseModel, ufunc: np.ufunc, left: Any, right: Any) -> Stack:
    """Compare; where the operands are within noise of each other, either branch is taken."""
    model.branches = True
    difference = np.asarray(left - right, np.float64)
    base, replicas = difference[:1], difference[1:]
    tied = base == 0
    if model.nudge:
        difference = np.where(tied, float(model.nudge), difference)
    result: Stack = ufunc(difference, 0.0)
    spread = np.abs(replicas - base).max(axis=0, keepdims=True, initial=0.0)
    near = (np.abs(base) <= NEAR * spread) & ~tied
    if near.any():
        either = model.rng.random(replicas.shape) < 0.5
        result[1:] = np.where(near, either, result[1:])
    return result


def _matmul(model: NoiseModel, left: Any, right: Any) -> Noisy:
    if np.ndim(left) == 1:
        product = _matmul(model, np.expand_dims(left, 0), right)
        return product[..., 0, :] if np.ndim(right) > 1 else product[..., 0]
    if np.ndim(right) == 1:
        return _matmul(model, left, np.expand_dims(right, 1))[..., 0]
    a, b = align((left, right), model)
    with np.errstate(all="ignore"):
        product = np.matmul(a, b)
        base = [s[:1] if isinstance(x, Noisy) else s for s, x in ((a, left), (b, right))]
        squares = np.matmul(np.square(base[0]), np.square(base[1]))
    return model.jitter_sum(product, squares, np.shape(left)[-1])


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(1, ndim + 1))
    return tuple(one % ndim + 1 for one in (axis if isinstance(axis, tuple) else (axis,)))


def _reduce(
    model: NoiseModel, ufunc: np.ufunc, x: Any, axis: Any = 0, keepdims: bool = False, **rest: Any
) -> Noisy:
    axes = _axes(axis, x.ndim)
    terms = math.prod(x.stack.shape[one] for one in axes)
    with np.errstate(all="ignore"):
        result = np.asarray(ufunc.reduce(x.stack, axis=axes, keepdims=keepdims))
        if ufunc in EXACT:
            return Noisy(result, model)
        if ufunc is np.multiply:
            return model.jitter(result, math.sqrt(max(terms, 1)))
        if ufunc is not np.add:
            raise NoModelError(f"{ufunc.__name__}.reduce has no noise model")
        squares = np.sum(np.square(x.stack[:1], dtype=np.float64), axis=axes, keepdims=keepdims)
    return model.jitter_sum(result.astype(np.float64, copy=False), squares, terms)


def _accumulate(model: NoiseModel, ufunc: np.ufunc, x: Any, axis: int = 0, **rest: Any) -> Noisy:
    if ufunc is not np.add:
        raise NoModelError(f"{ufunc.__name__}.accumulate has no noise model")
    (along,) = _axes(axis, x.ndim)
    with np.errstate(all="ignore"):
        result = np.add.accumulate(x.stack, axis=along)
        squares = np.add.accumulate(np.square(x.stack[:1]), axis=along)
    length = x.stack.shape[along]
    terms = np.arange(1, length + 1).reshape((-1,) + (1,) * (x.stack.ndim - 1 - along))
    return model.jitter_sum(result, squares, terms)


def _at(model: NoiseModel, ufunc: np.ufunc, target: Any, index: Any, values: Any) -> None:
    """Scatter-add into `target`, which the reference has just made: a sum of ``count`` terms."""
    if ufunc is not np.add or not isinstance(target, Noisy):
        raise NoModelError(f"{ufunc.__name__}.at has no noise model")
    parts = index if isinstance(index, tuple) else (index,)
    squares = np.zeros((1, *target.shape))
    terms = np.zeros(target.shape)
    stack = values.stack if isinstance(values, Noisy) else np.asarray(values)[None]
    np.add.at(target.stack, (slice(None), *parts), stack)
    np.add.at(squares, (slice(None), *parts), np.square(stack[:1]))
    np.add.at(terms, parts, 1.0)
    model.jitter_sum(target.stack, squares, terms)


_METHODS: Mapping[str, Rule] = {
    "__call__": _call,
    "reduce": _reduce,
    "accumulate": _accumulate,
    "at": _at,
}
