"""Special functions: the complement and the inverse of the error function, and the gamma family."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from gradcmp.ops.blocks import spelled, unary
from gradcmp.ops.erf import SMALL, erf_value, erfc_value, gaussian
from gradcmp.ops.primitives import constant, magnitude, offered
from gradcmp.ops.registry import register
from gradcmp.ops.spec import Array, Interval, Pullback
from gradcmp.ops.tails import precise

WINITZKI = 0.147  # of his approximation of erfinv, good for a start
HALLEY = 3  # steps that triple the digits each: from 2 to more than there are
FAR = 10.0  # from here on the asymptotic series have all digits with the terms below
# B_2k, the Bernoulli numbers.
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def in_float64(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Wrap a function whose series has more steps than a coarser dtype has digits for."""

    @wraps(function)
    def wide(x: Array) -> Array:
        if x.dtype.itemsize >= 8:
            return function(x)
        return function(x.astype(np.float64)).astype(x.dtype)

    return wide


def erfc(x: Array) -> tuple[Array, Pullback]:
    """1 - erf(x), without cancellation where erf(x) is nearly 1.

    VJP: dx = -2 / sqrt(pi) * exp(-x * x) * dy.
    """
    slope = constant(-2 / math.sqrt(math.pi), x)

    def density() -> Array:
        return precise(lambda x: np.exp(-x * x), gaussian, x)

    return erfc_value(x), lambda dy: (slope * density() * dy,)


register(
    unary(
        erfc,
        spelled(torch="erfc", tensorflow="math.erfc", jax="scipy.special.erfc"),
        noise={erfc_value: 17},
        loses_digits=True,
    )
)


@in_float64
def _erfinv(x: Array) -> Array:
    """Solve erf(y) = |x| by Halley's steps, from 0.47 on erfc(y) = 1 - |x|."""
    size = magnitude(x)
    inside = np.real(size) < 1
    p = np.where(inside, size, 0)
    q = 1 - p
    log = np.log1p(-np.real(p) * np.real(p))
    middle = 2 / (math.pi * WINITZKI) + log / 2
    y: Any = np.sqrt(-log / WINITZKI / (np.sqrt(middle * middle - log / WINITZKI) + middle))
    for _ in range(HALLEY):
        outer = np.real(y) > SMALL
        off = np.where(outer, q - erfc_value(y), erf_value(y) - p)
        step = off * (math.sqrt(math.pi) / 2) / gaussian(y)
        y = y - step / (1 + step * y)
    y = np.where(inside, y, np.where(np.real(size) == 1, np.inf, np.nan))
    signed: Array = np.where(np.real(x) < 0, -y, y)
    return signed


def erfinv_value(x: Array) -> Array:
    """Return the inverse of erf. A class of arrays may treat it as one primitive: `offered`."""
    answer = offered(erfinv_value, x)
    value: Array = _erfinv(x) if answer is NotImplemented else answer
    return value


def erfinv(x: Array) -> tuple[Array, Pullback]:
    """Inverse of the error function; NaN beyond -1 and 1.

    VJP: dx = sqrt(pi) / 2 * exp(y * y) * dy.
    Convention: infinite at -1 and 1. TensorFlow goes through the quantile of (x + 1) / 2, and loses
    digits near 0; it has float32 and float64 alone, and the others are computed in float32.
    """
    y = erfinv_value(x)
    slope = constant(math.sqrt(math.pi) / 2, x)
    return y, lambda dy: (slope * np.exp(y * y) * dy,)


def in_float32(path: str) -> Callable[..., Any]:
    """Return TensorFlow's spelling of what has no kernel for float16 and bfloat16."""
    (call,) = spelled(tensorflow=path).values()

    def native(tf: Any, x: Any) -> Any:
        if x.dtype in (tf.float16, tf.bfloat16):
            return tf.cast(call(tf, tf.cast(x, tf.float32)), x.dtype)
        return call(tf, x)

    return native


register(
    unary(
        erfinv,
        {
            **spelled(torch="erfinv", jax="scipy.special.erfinv"),
            "tensorflow": in_float32("math.erfinv"),
        },
        Interval(-0.9, 0.9),
        noise={erfinv_value: 10},
    )
)


def _shifted(x: Array) -> tuple[Array, Array, Array, Array]:
    """Return where x < 0, 1 - x there and x elsewhere, the same moved to `FAR`, and what pi sees.

    The last is the distance from the nearest whole number where x < 0, else 1/2.
    """
    below = np.real(x) < 0
    away = np.where(below, x - np.rint(np.where(below, np.real(x), 0)), 0.5)
    right = np.where(below, 1 - x, x)
    return below, right, np.where(np.real(right) < FAR, right + int(FAR), right), away


def _series(square: Array, factors: Sequence[float]) -> Array:
    """Sum factors[k] * square^k by Horner's rule."""
    y: Any = factors[-1]
    for factor in reversed(factors[:-1]):
        y = y * square + factor
    return y  # type: ignore[no-any-return]


def _steps(x: Array) -> list[Array]:
    """Return x, x + 1 … where the recurrence takes them to `FAR`; nothing is left of 1 beyond."""
    return [np.where(np.real(x) < FAR, x + k, 1) for k in range(int(FAR))]


@in_float64
def lgamma_value(x: Array) -> Array:
    """Return log|gamma(x)|: Stirling's series from `FAR` on, the recurrence and reflection below.

    Ref: Abramowitz and Stegun (1964), 6.1.17, 6.1.41.
    """
    below, right, z, away = _shifted(x)
    factors = [b / ((2 * k) * (2 * k - 1)) for k, b in enumerate(BERNOULLI, 1)]
    inverse = 1 / z
    tail = inverse * _series(inverse * inverse, factors)
    stirling = (z - 0.5) * (np.log(z) - 1) + (math.log(2 * math.pi) / 2 - 0.5) + tail
    product: Any = 1.0
    for step in _steps(right):
        product = product * step
    y: Array = stirling - np.log(product)
    sine = magnitude(np.sin(math.pi * away))
    return np.where(below, math.log(math.pi) - np.log(sine) - y, y)


@in_float64
def digamma_value(x: Array) -> Array:
    """Return the derivative of log|gamma|.

    Ref: Abramowitz and Stegun (1964), 6.3.6, 6.3.7, 6.3.18.
    """
    below, right, z, away = _shifted(x)
    inverse = 1 / z
    square = inverse * inverse
    factors = [b / (2 * k) for k, b in enumerate(BERNOULLI, 1)]
    y: Array = np.log(z) - inverse / 2 - square * _series(square, factors)
    near = np.real(right) < FAR
    for step in _steps(right):
        y = y - np.where(near, 1 / step, 0)
    return np.where(below, y - math.pi / np.tan(math.pi * away), y)


@in_float64
def trigamma_value(x: Array) -> Array:
    """Return the derivative of digamma.

    Ref: Abramowitz and Stegun (1964), 6.4.6, 6.4.7, 6.4.12.
    """
    below, right, z, away = _shifted(x)
    inverse = 1 / z
    square = inverse * inverse
    y: Array = inverse + square / 2 + inverse * square * _series(square, BERNOULLI)
    near = np.real(right) < FAR
    for step in _steps(right):
        y = y + np.where(near, 1 / (step * step), 0)
    scaled = math.pi / np.sin(math.pi * away)
    return np.where(below, scaled * scaled - y, y)


def lgamma(x: Array) -> tuple[Array, Pullback]:
    """log|gamma(x)|, gamma(n) = (n - 1)! for whole numbers.

    VJP: dx = digamma(x) * dy.
    Convention: infinite at 0, -1, -2 …
    TensorFlow computes bfloat16 in float32.
    """
    return lgamma_value(x), lambda dy: (digamma_value(x) * dy,)


register(
    unary(
        lgamma,
        {
            **spelled(torch="lgamma", jax="scipy.special.gammaln"),
            "tensorflow": in_float32("math.lgamma"),
        },
        Interval(0.3, 4.0),
    )
)


def digamma(x: Array) -> tuple[Array, Pullback]:
    """Derivative of lgamma.

    VJP: dx = trigamma(x) * dy.
    Convention: infinite, of either sign, or NaN at 0, -1, -2 …
    The gradient of torch's has nine digits. TensorFlow computes float16 and bfloat16 in float32.
    """
    return digamma_value(x), lambda dy: (trigamma_value(x) * dy,)


register(
    unary(
        digamma,
        {
            **spelled(torch="digamma", jax="scipy.special.digamma"),
            "tensorflow": in_float32("math.digamma"),
        },
        Interval(0.3, 4.0),
    )
)
