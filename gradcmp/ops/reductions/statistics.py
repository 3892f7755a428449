"""Spread: variance and standard deviation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcmp.ops.kinks import LENGTH, all_equal
from gradcmp.ops.primitives import average, constant, count, drop, expand, total
from gradcmp.ops.reductions.sums import calls
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import Axis, floating_reduction
from gradcmp.ops.spec import Array, ArraySpec, Example, Kink, Op, Pullback, ShapeError
from gradcmp.ops.static import require_number
from gradcmp.ops.tails import length


def _infer(
    x: ArraySpec, axis: Axis = None, correction: float = 0, keepdims: bool = False
) -> ArraySpec:
    require_number("correction", correction)
    result = floating_reduction(x, axis, keepdims)
    n = count(x.shape, axis)
    if not n > correction:
        raise ShapeError(f"correction {correction} leaves nothing to divide by: n is {n}")
    return result


def _deviation(x: Array, axis: Axis, correction: float) -> tuple[Array, Any]:
    """Return the deviations from the mean, and n - correction."""
    divisor = constant(count(np.shape(x), axis) - correction, x)
    return x - average(x, axis, keepdims=True), divisor


def _centred(dx: Array, axis: Axis) -> Array:
    """Return dx without its mean along `axis`: the way of a cotangent of deviations to x.

    Deviations add up to zero, and so does what is proportional to them: nothing is taken off
    but rounding errors. Frameworks that derive the variance step by step make those.
    """
    return dx - average(dx, axis, keepdims=True)


def var(
    x: Array, axis: Axis = None, correction: float = 0, keepdims: bool = False
) -> tuple[Array, Pullback]:
    """sum (x - mean)^2 / (n - correction) along `axis`.

    VJP: dx = 2 * (x - mean) / (n - correction) * dy.
    """
    deviation, divisor = _deviation(x, axis, correction)
    y = total(deviation * deviation, axis, keepdims=True) / divisor

    def pullback(dy: Array) -> tuple[Array]:
        return (_centred(2 * deviation / divisor * expand(dy, axis, np.ndim(x)), axis),)

    return y if keepdims else drop(y, axis), pullback


def std(
    x: Array, axis: Axis = None, correction: float = 0, keepdims: bool = False
) -> tuple[Array, Pullback]:
    """sqrt(sum (x - mean)^2 / (n - correction)) along `axis`.

    VJP: dx = (x - mean) / ((n - correction) * y) * dy.
    Convention: 0 where y = 0, as torch has it; TensorFlow and JAX have NaN.
    """
    deviation, divisor = _deviation(x, axis, correction)
    y = length(deviation, axis, divisor)

    def pullback(dy: Array) -> tuple[Array]:
        nothing = np.real(y) == 0
        unit = deviation / (divisor * np.where(nothing, 1, y))
        dx = unit * np.where(nothing, 0, expand(dy, axis, np.ndim(x)))
        return (_centred(dx, axis),)

    return y if keepdims else drop(y, axis), pullback


def _correction(x: Any, axis: Axis, correction: float) -> float:
    """TensorFlow divides by n; this factor turns that into n - correction."""
    n = count(tuple(x.shape), axis)
    return n / (n - correction)


def _examples(name: str) -> tuple[Example, ...]:
    return (
        *calls(name),
        Example(f"{name}(x, correction=1)", {"x": (4, 3)}),
        Example(f"{name}(x, axis=(0, 1), correction=0.5)", {"x": (2, 3, 2)}),
    )


register(
    Op(
        "var",
        var,
        infer=_infer,
        native={
            "torch": lambda torch, x, axis=None, correction=0, keepdims=False: torch.var(
                x, dim=axis, correction=correction, keepdim=keepdims
            ),
            "tensorflow": lambda tf, x, axis=None, correction=0, keepdims=False: (
                tf.math.reduce_variance(x, axis=axis, keepdims=keepdims)
                * _correction(x, axis, correction)
            ),
            "jax": lambda jax, x, axis=None, correction=0, keepdims=False: jax.numpy.var(
                x, axis=axis, ddof=correction, keepdims=keepdims
            ),
        },
        examples=_examples("var"),
    )
)
register(
    Op(
        "std",
        std,
        infer=_infer,
        native={
            "torch": lambda torch, x, axis=None, correction=0, keepdims=False: torch.std(
                x, dim=axis, correction=correction, keepdim=keepdims
            ),
            "tensorflow": lambda tf, x, axis=None, correction=0, keepdims=False: (
                tf.math.reduce_std(x, axis=axis, keepdims=keepdims)
                * math.sqrt(_correction(x, axis, correction))
            ),
            "jax": lambda jax, x, axis=None, correction=0, keepdims=False: jax.numpy.std(
                x, axis=axis, ddof=correction, keepdims=keepdims
            ),
        },
        examples=_examples("std"),
        kinks=(Kink("equal numbers", "std(x)", {"x": (2.0, 2.0, 2.0)}, LENGTH, all_equal),),
    )
)
