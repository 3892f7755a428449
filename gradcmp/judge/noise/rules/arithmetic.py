"""The noise that each array primitive adds: how far correct implementations of it stray."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcmp.dtypes import FORMATS
from gradcmp.judge.noise.model import (
    FUNCTIONS,
    METHODS,
    NoiseModel,
    NoisyArray,
    NoModelError,
    Rule,
    align,
)
from gradcmp.judge.noise.rules.decisions import DECISIONS
from gradcmp.ops import OPS
from gradcmp.ops.primitives import Sum, convolved_product, fraction, total_as
from gradcmp.ops.tails import precise, square_scale

# Half of the worst error seen over the frameworks, in units of u. What is not here, not in EXACT
# and not in the block of an op has no model.
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
LOST = 1e-3  # of a number: what the usual formula loses of it in float64 is more than rounding
LITTLE = 2.0**-6  # of u: what the usual formula loses in float64 no run in the dtype can show
KAPPA_PRECISE = 15  # of a formula that loses no digits: a handful of elementary functions
PRODUCTS = frozenset((np.multiply, np.divide))
EXACT = frozenset(
    (np.negative, np.positive, np.absolute, np.maximum, np.minimum, np.copysign)
) | frozenset((np.logical_and, np.logical_or, np.logical_not, np.isfinite, np.isnan, np.isinf))


def _call(model: NoiseModel, ufunc: np.ufunc, *inputs: Any, **kwargs: Any) -> Any:
    if ufunc is np.matmul:
        return _matmul(model, *inputs, **kwargs)
    if kwargs:
        raise NoModelError(f"{ufunc.__name__} with {', '.join(kwargs)} has no noise model")
    if ufunc in DECISIONS:
        return NoisyArray(DECISIONS[ufunc](model, ufunc, *inputs), model)
    stacks = align(inputs, model)
    result = ufunc(*stacks)
    if ufunc in EXACT:
        return NoisyArray(result, model)
    kappa = KAPPA[ufunc] if ufunc in KAPPA else OPS.noise(ufunc)
    if kappa is None:
        raise NoModelError(f"{ufunc.__name__} has no noise model")
    if any(s.dtype.kind == "b" for s in stacks if isinstance(s, np.ndarray)):
        return NoisyArray(result, model)  # a product with a mask is exact
    product = ufunc in PRODUCTS and all(isinstance(one, NoisyArray) for one in inputs)
    return model.approximate(result, kappa, product)


def _matmul(model: NoiseModel, left: Any, right: Any, kind: Sum = "product") -> NoisyArray:
    if np.ndim(left) == 1:
        product = _matmul(model, np.expand_dims(left, 0), right, kind)
        return product[..., 0, :] if np.ndim(right) > 1 else product[..., 0]
    if np.ndim(right) == 1:
        return _matmul(model, left, np.expand_dims(right, 1), kind)[..., 0]
    left, right = model.round_operand(left), model.round_operand(right)
    a, b = align((left, right), model)
    product = np.matmul(a, b)
    base = [s[:1] if isinstance(x, NoisyArray) else s for s, x in ((a, left), (b, right))]
    squares = np.matmul(np.square(base[0]), np.square(base[1]))
    return model.jitter_sum(product, squares, np.shape(left)[-1], kind)


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(1, ndim + 1))
    return tuple(one % ndim + 1 for one in (axis if isinstance(axis, tuple) else (axis,)))


def _reduce(
    model: NoiseModel,
    ufunc: np.ufunc,
    x: Any,
    axis: Any = 0,
    keepdims: bool = False,
    kind: Sum = "sum",
    **rest: Any,
) -> NoisyArray:
    axes = _axes(axis, x.ndim)
    terms = math.prod(x.stack.shape[one] for one in axes)
    result = np.asarray(ufunc.reduce(x.stack, axis=axes, keepdims=keepdims))
    if ufunc in EXACT:
        return NoisyArray(result, model)
    if ufunc is np.multiply:
        return model.jitter(result, math.sqrt(max(terms, 1)))
    if ufunc is not np.add:
        raise NoModelError(f"{ufunc.__name__}.reduce has no noise model")
    squares = np.sum(np.square(x.stack[:1], dtype=np.float64), axis=axes, keepdims=keepdims)
    return model.jitter_sum(result.astype(np.float64, copy=False), squares, terms, kind)


def _accumulate(
    model: NoiseModel, ufunc: np.ufunc, x: Any, axis: int = 0, **rest: Any
) -> NoisyArray:
    (along,) = _axes(axis, x.ndim)
    result = ufunc.accumulate(x.stack, axis=along)
    if ufunc in EXACT:
        return NoisyArray(result, model)
    length = x.stack.shape[along]
    terms = np.arange(1, length + 1).reshape((-1,) + (1,) * (x.stack.ndim - 1 - along))
    if ufunc is np.multiply:
        return model.jitter(result, np.sqrt(terms))
    if ufunc is not np.add:
        raise NoModelError(f"{ufunc.__name__}.accumulate has no noise model")
    squares = np.add.accumulate(np.square(x.stack[:1]), axis=along)
    return model.jitter_sum(result, squares, terms, "running")


def _at(model: NoiseModel, ufunc: np.ufunc, target: Any, index: Any, values: Any) -> None:
    """Scatter-add into `target`, which the reference has just made: a sum of ``count`` terms.

    It is accumulated in place: in the dtype itself, by every framework.
    """
    if ufunc is not np.add or not isinstance(target, NoisyArray):
        raise NoModelError(f"{ufunc.__name__}.at has no noise model")
    parts = index if isinstance(index, tuple) else (index,)
    squares = np.zeros((1, *target.shape))
    terms = np.zeros(target.shape)
    stack = values.stack if isinstance(values, NoisyArray) else np.asarray(values)[None]
    np.add.at(target.stack, (slice(None), *parts), stack)
    np.add.at(squares, (slice(None), *parts), np.square(stack[:1]))
    np.add.at(terms, parts, 1.0)
    model.jitter_sum(target.stack, squares, terms, "scatter")


METHODS.update({"__call__": _call, "reduce": _reduce, "accumulate": _accumulate, "at": _at})


def _total_as(kind: Sum, x: NoisyArray, axis: Any, keepdims: bool) -> NoisyArray:
    return _reduce(x.model, np.add, x, axis, keepdims, kind)


def _convolved_product(x: Any, y: Any) -> NoisyArray:
    model = next(a.model for a in (x, y) if isinstance(a, NoisyArray))
    return _matmul(model, x, y, "convolved")


def _fraction(places: Any, x: NoisyArray) -> NoisyArray:
    """Places err in the unit in which sums are accumulated, together and each by itself."""
    model = x.model
    each = np.repeat(np.asarray(places, np.float64)[None], model.replicas + 1, axis=0)
    scale = np.ones((model.replicas + 1,) + (1,) * places.ndim)
    moved = model.move(each, 0.5, each) * model.move(scale, 0.5, scale)
    return model.jitter(moved - np.floor(places), 1.0)


def _precise(usual: Rule, exact: Rule, *operands: Any) -> NoisyArray:
    """Take the value of the exact formula and the noise of the usual one, which everybody uses."""
    model = next(a.model for a in operands if isinstance(a, NoisyArray))
    held = [a.stack if isinstance(a, NoisyArray) else np.asarray(a)[None] for a in operands]
    if model.precise:
        several = [np.broadcast_to(a, (model.replicas + 1, *a.shape[1:])) for a in held]
        stack = np.stack([exact(*one) for one in zip(*several, strict=True)])
        return model.jitter(stack, KAPPA_PRECISE)
    base = exact(*(a[0] for a in held))
    noisy = usual(*operands).stack
    # Fail closed: of what is not finite nothing is known.
    kept = np.abs(base - noisy[0]) <= LITTLE * model.precision.u * np.abs(base)
    model.lost_digits |= not kept.all()
    stack = noisy + (base - noisy[:1])
    # Replicas of what rounds to 1 are 1, too: all that is lost would leave no noise.
    off = (base - noisy[0]) * (model.precision.u / FORMATS["float64"].u)
    off = np.where(np.abs(base - noisy[0]) > LOST * np.abs(base), off, 0.0)
    stack[1::2] += off
    stack[2::2] -= off
    stack = np.where(np.isfinite(stack), stack, noisy)
    stack[0] = base
    return NoisyArray(stack, model)


# Functions that are no ufuncs and make errors of their own.
FUNCTIONS.update(
    {
        precise: _precise,
        square_scale: lambda x, axis: square_scale(x.stack[0], axis),
        total_as: _total_as,
        convolved_product: _convolved_product,
        fraction: _fraction,
    }
)
