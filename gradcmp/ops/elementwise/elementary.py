"""Elementary functions of one operand."""

from __future__ import annotations

import math

import numpy as np

from gradcmp.ops.blocks import spelled, unary
from gradcmp.ops.erf import erf_value
from gradcmp.ops.kinks import NO_SLOPE, any_zero
from gradcmp.ops.primitives import constant
from gradcmp.ops.registry import register
from gradcmp.ops.spec import Array, Interval, Kink, Pullback
from gradcmp.ops.tails import logistic_slope, precise

POSITIVE = Interval(0.3, 2.0)


def exp(x: Array) -> tuple[Array, Pullback]:
    """exp(x).

    VJP: dx = y * dy.
    """
    y = np.exp(x)
    return y, lambda dy: (y * dy,)


register(unary(exp, spelled(torch="exp", tensorflow="math.exp", jax="numpy.exp")))


def expm1(x: Array) -> tuple[Array, Pullback]:
    """exp(x) - 1, without cancellation near 0.

    VJP: dx = (y + 1) * dy.
    """
    y = np.expm1(x)

    def slope() -> Array:
        return precise(lambda _, y: y + 1, lambda x, _: np.exp(x), x, y)

    return y, lambda dy: (slope() * dy,)


register(
    unary(
        expm1,
        spelled(torch="expm1", tensorflow="math.expm1", jax="numpy.expm1"),
        loses_digits=True,
    )
)


def log(x: Array) -> tuple[Array, Pullback]:
    """Natural logarithm.

    VJP: dx = dy / x.
    """
    return np.log(x), lambda dy: (dy / x,)


register(unary(log, spelled(torch="log", tensorflow="math.log", jax="numpy.log"), POSITIVE))


def log1p(x: Array) -> tuple[Array, Pullback]:
    """log(1 + x), without cancellation near 0.

    VJP: dx = dy / (1 + x).
    """
    return np.log1p(x), lambda dy: (dy / (1 + x),)


register(
    unary(
        log1p,
        spelled(torch="log1p", tensorflow="math.log1p", jax="numpy.log1p"),
        Interval(-0.5, 2.0),
    )
)


def sqrt(x: Array) -> tuple[Array, Pullback]:
    """Square root.

    VJP: dx = dy / (2 * y).
    Convention: infinite at 0; NaN below, as the value.
    """
    y = np.sqrt(x)
    return y, lambda dy: (dy / (2 * y),)


register(
    unary(
        sqrt,
        spelled(torch="sqrt", tensorflow="math.sqrt", jax="numpy.sqrt"),
        POSITIVE,
        kinks=(Kink("x = 0", "sqrt(x)", {"x": (0.0,)}, NO_SLOPE, any_zero),),
    )
)


def rsqrt(x: Array) -> tuple[Array, Pullback]:
    """1 / sqrt(x).

    VJP: dx = -dy * y / (2 * x).
    """
    y = 1 / np.sqrt(x)
    return y, lambda dy: (-dy * y / (2 * x),)


register(unary(rsqrt, spelled(torch="rsqrt", tensorflow="math.rsqrt", jax="lax.rsqrt"), POSITIVE))


def sin(x: Array) -> tuple[Array, Pullback]:
    """Sine of x in radians.

    VJP: dx = cos(x) * dy.
    """
    return np.sin(x), lambda dy: (np.cos(x) * dy,)


register(unary(sin, spelled(torch="sin", tensorflow="math.sin", jax="numpy.sin")))


def cos(x: Array) -> tuple[Array, Pullback]:
    """Cosine of x in radians.

    VJP: dx = -sin(x) * dy.
    """
    return np.cos(x), lambda dy: (-np.sin(x) * dy,)


register(unary(cos, spelled(torch="cos", tensorflow="math.cos", jax="numpy.cos")))


def tanh(x: Array) -> tuple[Array, Pullback]:
    """Hyperbolic tangent.

    VJP: dx = (1 - y * y) * dy.
    """
    y = np.tanh(x)

    def slope() -> Array:
        return precise(lambda _, y: 1 - y * y, lambda x, _: 4 * logistic_slope(2 * x), x, y)

    return y, lambda dy: (slope() * dy,)


register(
    unary(tanh, spelled(torch="tanh", tensorflow="math.tanh", jax="numpy.tanh"), loses_digits=True)
)


def erf(x: Array) -> tuple[Array, Pullback]:
    """Error function, 2 / sqrt(pi) times the integral of exp(-t * t) from 0 to x.

    VJP: dx = 2 / sqrt(pi) * exp(-x * x) * dy.
    """
    slope = constant(2 / math.sqrt(math.pi), x)
    return erf_value(x), lambda dy: (slope * np.exp(-x * x) * dy,)


register(
    unary(erf, spelled(torch="erf", tensorflow="math.erf", jax="lax.erf"), noise={erf_value: 15})
)
