"""Trigonometric functions, in radians: their inverses, and what is made of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcmp.ops.blocks import binary, spelled, unary
from gradcmp.ops.kinks import LENGTH, both_zero
from gradcmp.ops.primitives import constant, magnitude, unbroadcast
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import floating
from gradcmp.ops.spec import Array, Interval, Kink, Pullback
from gradcmp.ops.tails import hypot_value, precise

OFF_ZERO = Interval(-2.0, 2.0, avoid=(0.0,), gap=0.2)
INSIDE_ONE = Interval(-0.9, 0.9)
SINC_NEAR = 0.25  # below it the slope of sinc is summed up, where its closed form cancels
SINC_TERMS = 9


def tan(x: Array) -> tuple[Array, Pullback]:
    """Tangent of x.

    VJP: dx = (1 + y * y) * dy.
    """
    y = np.tan(x)
    return y, lambda dy: ((1 + y * y) * dy,)


register(
    unary(
        tan,
        spelled(torch="tan", tensorflow="math.tan", jax="numpy.tan"),
        Interval(-1.2, 1.2),
        noise={np.tan: 4},
    )
)


def asin(x: Array) -> tuple[Array, Pullback]:
    """Inverse sine, from -pi / 2 to pi / 2; NaN beyond -1 and 1.

    VJP: dx = dy / sqrt((1 - x) * (1 + x)).
    Convention: infinite at -1 and 1.
    """
    return np.arcsin(x), lambda dy: (dy / np.sqrt((1 - x) * (1 + x)),)


register(
    unary(
        asin,
        spelled(torch="asin", tensorflow="math.asin", jax="numpy.arcsin"),
        INSIDE_ONE,
        noise={np.arcsin: 4},
    )
)


def acos(x: Array) -> tuple[Array, Pullback]:
    """Inverse cosine, from 0 to pi; NaN beyond -1 and 1.

    VJP: dx = -dy / sqrt((1 - x) * (1 + x)).
    Convention: infinite at -1 and 1.
    """
    return np.arccos(x), lambda dy: (-dy / np.sqrt((1 - x) * (1 + x)),)


register(
    unary(
        acos,
        spelled(torch="acos", tensorflow="math.acos", jax="numpy.arccos"),
        INSIDE_ONE,
        noise={np.arccos: 4},
    )
)


def atan(x: Array) -> tuple[Array, Pullback]:
    """Inverse tangent, from -pi / 2 to pi / 2.

    VJP: dx = dy / (1 + x * x).
    """
    return np.arctan(x), lambda dy: (dy / (1 + x * x),)


register(
    unary(
        atan,
        spelled(torch="atan", tensorflow="math.atan", jax="numpy.arctan"),
        noise={np.arctan: 2},
    )
)


def angle_of(y: Array, x: Array) -> Array:
    """Return the angle of (x, y); of complex numbers by the smaller quotient, which is analytic."""
    if "c" not in (x.dtype.kind, y.dtype.kind):
        angle: Array = np.arctan2(y, x)
        return angle
    steep = np.abs(np.real(y)) > np.abs(np.real(x))
    t = np.arctan(np.where(steep, x, y) / np.where(steep, y, x))
    half = np.copysign(math.pi / 2, np.real(y))
    return np.where(steep, half - t, np.where(np.real(x) < 0, t + 2 * half, t))


def _origin(call: str) -> Kink:
    """Return the point where both operands are 0, which has neither a direction nor a slope."""
    return Kink("x = 0, y = 0", call, {"x": (0.0,), "y": (0.0,)}, LENGTH, both_zero)


def atan2(y: Array, x: Array) -> tuple[Array, Pullback]:
    """Angle of the point (x, y), from -pi to pi.

    VJP: with r^2 = x^2 + y^2, dy = dz * x / r^2, dx = -dz * y / r^2, each summed over its
    broadcast axes.
    Convention: 0 at (0, 0), as torch; TensorFlow and JAX give NaN.
    """

    def pullback(dz: Array) -> tuple[Array, Array]:
        r = hypot_value(x, y)
        r = np.where(np.real(r) == 0, 1, r)
        return unbroadcast(dz * (x / r) / r, y), unbroadcast(-dz * (y / r) / r, x)

    return angle_of(y, x), pullback


register(
    binary(
        atan2,
        spelled(torch="atan2", tensorflow="math.atan2", jax="numpy.arctan2"),
        floating,
        x=OFF_ZERO,
        y=OFF_ZERO,
        noise={np.arctan2: 3},
        kinks=(_origin("atan2(x, y)"),),
    )
)


def hypot(x: Array, y: Array) -> tuple[Array, Pullback]:
    """sqrt(x^2 + y^2), without overflow of the squares.

    VJP: dx = dz * x / z, dy = dz * y / z, each summed over its broadcast axes.
    Convention: 0 at (0, 0), as the norm; torch and TensorFlow give NaN, JAX 1/2 each.
    TensorFlow has sqrt(x^2 + y^2) alone, whose squares overflow.
    """
    z = hypot_value(x, y)

    def pullback(dz: Array) -> tuple[Array, Array]:
        r = np.where(np.real(z) == 0, 1, z)
        return unbroadcast(dz * (x / r), x), unbroadcast(dz * (y / r), y)

    return z, pullback


register(
    binary(
        hypot,
        {
            **spelled(torch="hypot", jax="numpy.hypot"),
            "tensorflow": lambda tf, x, y: tf.sqrt(x * x + y * y),
        },
        floating,
        x=OFF_ZERO,
        y=OFF_ZERO,
        noise={np.hypot: 3},
        kinks=(_origin("hypot(x, y)"),),
    )
)


def _sinc_slope(x: Array) -> Array:
    """Return (cos(pi x) - sinc(x)) / x, near 0 as the sum of -2k (-1)^k (pi x)^2k / (2k + 1)! / x.

    pi x is reduced by whole turns before pi is multiplied in.
    """
    near = np.real(magnitude(x)) < SINC_NEAR
    small, far = np.where(near, x, 0), np.where(near, 1, x)
    square = (math.pi * small) * (math.pi * small)
    series: Any = 0.0
    for k in range(SINC_TERMS, 0, -1):
        term = (-1) ** k * 2 * k / math.factorial(2 * k + 1)
        series = series * square + term
    turned = math.pi * (far - 2 * np.rint(np.real(far) / 2))
    closed = (np.cos(turned) - np.sin(turned) / (math.pi * far)) / far
    slope: Array = np.where(near, series * math.pi * (math.pi * small), closed)
    return slope


def sinc(x: Array) -> tuple[Array, Pullback]:
    """sin(pi * x) / (pi * x), and 1 at 0.

    VJP: dx = (cos(pi * x) - y) / x * dy.
    Convention: 0 at 0; TensorFlow, which spells it so, gives NaN.
    """
    zero = np.real(x) == 0
    full = constant(math.pi, x) * np.where(zero, 1, x)

    def usual(x: Array) -> Array:
        slope: Array = (np.cos(full) - y) / np.where(zero, 1, x)
        return np.where(zero, 0, slope)

    y = np.where(zero, 1, np.sin(full) / full)
    return y, lambda dy: (precise(usual, _sinc_slope, x) * dy,)


def _sinc_tensorflow(tf: Any, x: Any) -> Any:
    full = math.pi * x
    return tf.where(tf.equal(x, 0), tf.ones_like(x), tf.sin(full) / full)


register(
    unary(
        sinc,
        {**spelled(torch="sinc", jax="numpy.sinc"), "tensorflow": _sinc_tensorflow},
        OFF_ZERO,
        loses_digits=True,
    )
)
