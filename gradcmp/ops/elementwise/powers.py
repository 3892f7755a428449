"""Powers, roots and logarithms: of other bases, and of sums and products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcmp.ops.blocks import binary, spelled, unary
from gradcmp.ops.primitives import constant, magnitude, unbroadcast
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import floating
from gradcmp.ops.spec import Array, Interval, Pullback
from gradcmp.ops.tails import sigmoid_value

POSITIVE = Interval(0.3, 2.0)
LN2 = math.log(2)
LN10 = math.log(10)


def exp2(x: Array) -> tuple[Array, Pullback]:
    """2^x.

    VJP: dx = log(2) * y * dy.
    """
    y = np.exp2(x)
    return y, lambda dy: (constant(LN2, x) * y * dy,)


register(
    unary(
        exp2,
        {
            **spelled(torch="exp2", jax="numpy.exp2"),
            "tensorflow": lambda tf, x: tf.pow(tf.constant(2.0, x.dtype), x),
        },
        noise={np.exp2: 9},
    )
)


def log2(x: Array) -> tuple[Array, Pullback]:
    """Logarithm of base 2.

    VJP: dx = dy / (log(2) * x).
    """
    return np.log2(x), lambda dy: (dy / (constant(LN2, x) * x),)


register(
    unary(
        log2,
        {
            **spelled(torch="log2", jax="numpy.log2"),
            "tensorflow": lambda tf, x: tf.math.log(x) / LN2,
        },
        POSITIVE,
        noise={np.log2: 2},
    )
)


def log10(x: Array) -> tuple[Array, Pullback]:
    """Logarithm of base 10.

    VJP: dx = dy / (log(10) * x).
    """
    return np.log10(x), lambda dy: (dy / (constant(LN10, x) * x),)


register(
    unary(
        log10,
        {
            **spelled(torch="log10", jax="numpy.log10"),
            "tensorflow": lambda tf, x: tf.math.log(x) / LN10,
        },
        POSITIVE,
        noise={np.log10: 2},
    )
)


def _cube_root(x: Array) -> Array:
    if x.dtype.kind != "c":
        y: Array = np.cbrt(x)
        return y
    size = magnitude(x)
    root = np.cbrt(np.real(size))
    root = np.where(np.real(x) == 0, 1, root)
    for _ in range(2):  # Newton's step from a root that is exact on the real line
        root = root - (root - size / (root * root)) / 3
    root = np.where(x == 0, 0, root)
    return np.where(np.real(x) < 0, -root, root)


def cbrt(x: Array) -> tuple[Array, Pullback]:
    """Real cube root, negative for negative x.

    VJP: dx = dy / (3 * y * y).
    Convention: infinite at 0, as JAX; torch and TensorFlow have sign(x) * |x|^(1/3) alone, whose
    gradient is NaN there.
    """
    y = _cube_root(x)
    return y, lambda dy: (dy / (3 * (y * y)),)


register(
    unary(
        cbrt,
        {
            "torch": lambda torch, x: torch.sign(x) * torch.pow(torch.abs(x), 1 / 3),
            "tensorflow": lambda tf, x: tf.sign(x) * tf.pow(tf.abs(x), 1 / 3),
            "jax": lambda jax, x: jax.numpy.cbrt(x),
        },
        Interval(-2.0, 2.0, avoid=(0.0,), gap=0.3),
        noise={np.cbrt: 2},
    )
)


def logaddexp(x: Array, y: Array) -> tuple[Array, Pullback]:
    """log(exp(x) + exp(y)), shifted by the larger one so that nothing overflows.

    VJP: dx = sigmoid(x - y) * dz, dy = sigmoid(y - x) * dz, each summed over its broadcast axes.
    Convention: NaN where x and y are the same infinity; JAX gives 1 each at plus infinity.
    TensorFlow is spelled with reduce_logsumexp: its experimental.numpy.logaddexp gives all of the
    gradient to x where x = y.
    """
    d = x - y
    same = np.isnan(d)  # or one of them is NaN
    below = np.real(d) < 0
    larger = np.where(below, y, x) + np.log1p(np.exp(-np.where(below, -d, d)))

    def pullback(dz: Array) -> tuple[Array, Array]:
        return unbroadcast(sigmoid_value(d) * dz, x), unbroadcast(sigmoid_value(-d) * dz, y)

    return np.where(same, x + y, larger), pullback


def _logaddexp_tensorflow(tf: Any, x: Any, y: Any) -> Any:
    zeros = tf.zeros_like(x + y)
    return tf.reduce_logsumexp(tf.stack([x + zeros, y + zeros]), axis=0)


register(
    binary(
        logaddexp,
        {
            **spelled(torch="logaddexp", jax="numpy.logaddexp"),
            "tensorflow": _logaddexp_tensorflow,
        },
        floating,
    )
)


def _product(x: Array, y: Array, log: Array, slope: Array) -> tuple[Array, Pullback]:
    """Return x times a logarithm of y with that slope, and 0 where x is 0 and y is a number."""
    nothing = np.logical_and(np.real(x) == 0, np.logical_not(np.isnan(y)))
    pole = np.logical_and(nothing, np.logical_not(np.isfinite(log)))

    def pullback(dz: Array) -> tuple[Array, Array]:
        dx = np.where(pole, 0, dz * log)
        dy = np.where(nothing, 0, dz * x * slope)
        return unbroadcast(dx, x), unbroadcast(dy, y)

    return np.where(nothing, 0, x * log), pullback


def xlogy(x: Array, y: Array) -> tuple[Array, Pullback]:
    """x * log(y), and 0 where x is 0.

    VJP: dx = log(y) * dz, dy = x / y * dz, each summed over its broadcast axes.
    Convention: 0 for both at (0, 0), as TensorFlow, which gives dx = 0 wherever x = 0; JAX gives
    dx = -inf there, and torch and JAX dy = NaN.
    """
    return _product(x, y, np.log(y), 1 / y)


register(
    binary(
        xlogy,
        spelled(torch="xlogy", tensorflow="math.xlogy", jax="scipy.special.xlogy"),
        floating,
        y=POSITIVE,
        compares=True,
    )
)


def xlog1py(x: Array, y: Array) -> tuple[Array, Pullback]:
    """x * log(1 + y), and 0 where x is 0.

    VJP: dx = log(1 + y) * dz, dy = x / (1 + y) * dz, each summed over its broadcast axes.
    Convention: 0 for both at (0, -1), as TensorFlow, which gives dx = 0 wherever x = 0; JAX gives
    dx = -inf there, and torch and JAX dy = NaN.
    """
    return _product(x, y, np.log1p(y), 1 / (1 + y))


register(
    binary(
        xlog1py,
        {
            **spelled(torch="special.xlog1py", tensorflow="math.xlog1py"),
            # In a script y may be an integer, which JAX's takes for none of its own.
            "jax": lambda jax, x, y: jax.scipy.special.xlog1py(x, 1.0 * y),
        },
        floating,
        y=Interval(-0.5, 2.0),
        compares=True,
    )
)
