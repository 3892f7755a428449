"""Hyperbolic functions and their inverses."""

from __future__ import annotations

import numpy as np

from gradcmp.ops.blocks import spelled, unary
from gradcmp.ops.registry import register
from gradcmp.ops.spec import Array, Interval, Pullback
from gradcmp.ops.tails import hypot_value


def sinh(x: Array) -> tuple[Array, Pullback]:
    """Hyperbolic sine, (exp(x) - exp(-x)) / 2.

    VJP: dx = cosh(x) * dy.
    """
    return np.sinh(x), lambda dy: (np.cosh(x) * dy,)


register(
    unary(
        sinh,
        spelled(torch="sinh", tensorflow="math.sinh", jax="numpy.sinh"),
        noise={np.sinh: 5, np.cosh: 5},
    )
)


def cosh(x: Array) -> tuple[Array, Pullback]:
    """Hyperbolic cosine, (exp(x) + exp(-x)) / 2.

    VJP: dx = sinh(x) * dy.
    """
    return np.cosh(x), lambda dy: (np.sinh(x) * dy,)


register(unary(cosh, spelled(torch="cosh", tensorflow="math.cosh", jax="numpy.cosh")))


def asinh(x: Array) -> tuple[Array, Pullback]:
    """Inverse hyperbolic sine, log(x + sqrt(x^2 + 1)).

    VJP: dx = dy / sqrt(x^2 + 1).
    """
    return np.arcsinh(x), lambda dy: (dy / hypot_value(x, np.ones_like(x)),)


register(
    unary(
        asinh,
        spelled(torch="asinh", tensorflow="math.asinh", jax="numpy.arcsinh"),
        noise={np.arcsinh: 3},
    )
)


def acosh(x: Array) -> tuple[Array, Pullback]:
    """Inverse hyperbolic cosine, log(x + sqrt(x^2 - 1)); NaN below 1.

    VJP: dx = dy / sqrt((x - 1) * (x + 1)).
    Convention: infinite at 1.
    """
    return np.arccosh(x), lambda dy: (dy / (np.sqrt(x - 1) * np.sqrt(x + 1)),)


register(
    unary(
        acosh,
        spelled(torch="acosh", tensorflow="math.acosh", jax="numpy.arccosh"),
        Interval(1.2, 3.0),
        noise={np.arccosh: 4},
    )
)


def atanh(x: Array) -> tuple[Array, Pullback]:
    """Inverse hyperbolic tangent, log((1 + x) / (1 - x)) / 2; NaN beyond -1 and 1.

    VJP: dx = dy / ((1 - x) * (1 + x)).
    Convention: infinite at -1 and 1.
    """
    return np.arctanh(x), lambda dy: (dy / ((1 - x) * (1 + x)),)


register(
    unary(
        atanh,
        spelled(torch="atanh", tensorflow="math.atanh", jax="numpy.arctanh"),
        Interval(-0.8, 0.8),
        noise={np.arctanh: 3},
    )
)
