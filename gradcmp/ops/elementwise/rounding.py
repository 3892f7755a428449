"""Rounding to whole numbers, and what is left of a division."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcmp.ops.blocks import binary, spelled, unary
from gradcmp.ops.primitives import unbroadcast, zeros
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import floating
from gradcmp.ops.spec import Array, Interval, Op, Pullback

# Between whole and half numbers, which are where these functions jump.
SMOOTH = Interval(-2.0, 2.0, avoid=(-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0), gap=0.05)


def _no_slope(dy: Array) -> tuple[Array]:
    return (zeros(dy, np.shape(dy)),)


def floor(x: Array) -> tuple[Array, Pullback]:
    """Largest whole number that is not above x.

    VJP: dx = 0.
    Convention: 0 at whole numbers, too; TensorFlow's GradientTape gives None.
    """
    return np.floor(np.real(x)), _no_slope


def ceil(x: Array) -> tuple[Array, Pullback]:
    """Smallest whole number that is not below x.

    VJP: dx = 0.
    Convention: 0 at whole numbers, too; TensorFlow's GradientTape gives None.
    """
    return np.ceil(np.real(x)), _no_slope


def round(x: Array) -> tuple[Array, Pullback]:
    """Nearest whole number, of two that are as near the even one.

    VJP: dx = 0.
    Convention: 0 at half numbers, too; TensorFlow's GradientTape gives None.
    """
    return np.rint(np.real(x)), _no_slope


def trunc(x: Array) -> tuple[Array, Pullback]:
    """Whole part of x, rounded towards 0.

    VJP: dx = 0.
    Convention: 0 at whole numbers, too. TensorFlow is spelled with floor and ceil.
    """
    return np.trunc(np.real(x)), _no_slope


def _stepping(reference: Callable[..., Any], tensorflow: Any) -> Op:
    name = reference.__name__
    native = {**spelled(torch=name, jax=f"numpy.{name}"), "tensorflow": tensorflow}
    return unary(reference, native, SMOOTH)


register(_stepping(floor, lambda tf, x: tf.math.floor(x)))
register(_stepping(ceil, lambda tf, x: tf.math.ceil(x)))
register(_stepping(round, lambda tf, x: tf.math.round(x)))
register(_stepping(trunc, lambda tf, x: tf.where(tf.less(x, 0), tf.math.ceil(x), tf.math.floor(x))))


def remainder(x: Array, y: Array) -> tuple[Array, Pullback]:
    """x - floor(x / y) * y, which has the sign of y as Python's % has.

    VJP: dx = dz, dy = -floor(x / y) * dz, each summed over its broadcast axes.
    Convention: the same at multiples of y. The C function fmod has the sign of x.
    """
    count = np.floor_divide(np.real(x), np.real(y))

    def pullback(dz: Array) -> tuple[Array, Array]:
        return unbroadcast(dz, x), unbroadcast(-count * dz, y)

    analytic = "c" in (x.dtype.kind, y.dtype.kind)  # of complex numbers NumPy has none
    return x - count * y if analytic else np.remainder(x, y), pullback


register(
    binary(
        remainder,
        spelled(torch="remainder", tensorflow="math.floormod", jax="numpy.remainder"),
        floating,
        x=Interval(0.1, 0.6),
        y=Interval(0.7, 1.2),
        sign="%",
    )
)
