"""Activation functions of neural networks."""

from __future__ import annotations

import math

import numpy as np

from gradcmp.ops.elementwise import spelled, unary
from gradcmp.ops.erf import erf_value
from gradcmp.ops.primitives import constant, largest, magnitude, total
from gradcmp.ops.shapes import along_axis, require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Interval, Op, Pullback, register
from gradcmp.ops.static import require_choice
from gradcmp.ops.tails import (
    gauss,
    log_softmax_precisely,
    log_softmax_pullback_precisely,
    logistic_slope,
    normal_distribution,
    precise,
    softmax_pullback_precisely,
)

SQRT_HALF = math.sqrt(0.5)
SQRT_2_OVER_PI = math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715


def sigmoid_value(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)) from exp(-|x|), which cannot overflow."""
    e = np.exp(-magnitude(x))
    y: Array = np.where(np.real(x) < 0, e, 1) / (1 + e)
    return y


def sigmoid(x: Array) -> tuple[Array, Pullback]:
    """1 / (1 + exp(-x)).

    VJP: dx = y * (1 - y) * dy.
    """
    y = sigmoid_value(x)

    def slope() -> Array:
        return precise(lambda _, y: y * (1 - y), lambda x, _: logistic_slope(x), x, y)

    return y, lambda dy: (slope() * dy,)


register(
    unary(
        sigmoid, spelled(torch="sigmoid", tensorflow="sigmoid", jax="nn.sigmoid"), loses_digits=True
    )
)


def relu(x: Array) -> tuple[Array, Pullback]:
    """max(x, 0).

    VJP: dx = dy where x > 0, else 0.
    Convention: 0 at 0.
    """
    off = np.real(x) <= 0
    return np.where(off, 0, x), lambda dy: (np.where(off, 0, dy),)


register(
    unary(
        relu,
        spelled(torch="relu", tensorflow="nn.relu", jax="nn.relu"),
        Interval(-2.0, 2.0, avoid=(0.0,)),
        compares=True,
    ),
)


def silu(x: Array) -> tuple[Array, Pullback]:
    """x * sigmoid(x), also called swish.

    VJP: dx = s * (1 + x * (1 - s)) * dy with s = sigmoid(x).
    """
    s = sigmoid_value(x)
    return x * s, lambda dy: (s * (1 + x * (1 - s)) * dy,)


register(unary(silu, spelled(torch="nn.functional.silu", tensorflow="nn.silu", jax="nn.silu")))


def _gelu_infer(x: ArraySpec, approximate: str = "none") -> ArraySpec:
    require_float(x)
    require_choice("approximate", approximate, ("none", "tanh"))
    return x


def gelu(x: Array, approximate: str = "none") -> tuple[Array, Pullback]:
    """x * (1 + erf(x / sqrt(2))) / 2, or its approximation with "tanh".

    The approximation is x * (1 + t) / 2 with t = tanh(u), u = sqrt(2 / pi) * (x + 0.044715 x^3).

    VJP: dx = (Phi(x) + x * phi(x)) * dy, the normal distribution and its density; with "tanh"
    dx = (1 + t + x * (1 - t^2) * u') / 2 * dy.
    Ref: Hendrycks and Gimpel (2016). tf.nn.gelu(approximate=True) carries 0.044715 in float32.
    """
    if approximate == "tanh":
        scale, cubic = constant(SQRT_2_OVER_PI, x), constant(GELU_CUBIC, x)
        u = scale * (x + cubic * (x * x * x))
        t = np.tanh(u)
        inner = scale * (1 + 3 * cubic * (x * x))
        y = precise(
            lambda x, t, _: x * (1 + t) / 2, lambda x, _, u: x * sigmoid_value(2 * u), x, t, u
        )

        def slope() -> Array:
            return precise(
                lambda x, t, _, inner: (1 + t + x * (1 - t * t) * inner) / 2,
                lambda x, _, u, inner: sigmoid_value(2 * u) + 2 * x * logistic_slope(2 * u) * inner,
                *(x, t, u, inner),
            )

        return y, lambda dy: (slope() * dy,)
    phi = precise(lambda x: (1 + erf_value(x * constant(SQRT_HALF, x))) / 2, normal_distribution, x)
    density = precise(lambda x: np.exp(-x * x / 2), gauss, x) * constant(SQRT_2_OVER_PI / 2, x)
    return x * phi, lambda dy: ((phi + x * density) * dy,)


register(
    Op(
        "gelu",
        gelu,
        infer=_gelu_infer,
        native={
            "torch": lambda torch, x, approximate="none": torch.nn.functional.gelu(
                x, approximate=approximate
            ),
            "tensorflow": lambda tf, x, approximate="none": tf.nn.gelu(
                x, approximate=approximate == "tanh"
            ),
            "jax": lambda jax, x, approximate="none": jax.nn.gelu(
                x, approximate=approximate == "tanh"
            ),
        },
        examples=(
            Example("gelu(x)", {"x": (4, 3)}),
            Example("gelu(x, approximate='tanh')", {"x": (4, 3)}),
        ),
        loses_digits=True,
    )
)


def softmax_value(x: Array, axis: int) -> Array:
    """Return exp(x_i) / sum exp(x), shifted by the largest element so that nothing overflows."""
    e = np.exp(x - largest(x, axis))
    y: Array = e / total(e, axis, keepdims=True)
    return y


def softmax_pullback(dy: Array, y: Array, axis: int) -> Array:
    """Return y * (dy - <dy, y>) along `axis`."""
    return precise(
        lambda dy, y: y * (dy - total(dy * y, axis, keepdims=True)),
        lambda dy, y: softmax_pullback_precisely(dy, y, axis),
        *(dy, y),
    )


def log_softmax_value(x: Array, axis: int) -> Array:
    """Return x_i - log sum exp(x), shifted by the largest element so that nothing overflows."""

    def usual(x: Array) -> Array:
        shifted = x - largest(x, axis)
        y: Array = shifted - np.log(total(np.exp(shifted), axis, keepdims=True))
        return y

    return precise(usual, lambda x: log_softmax_precisely(x, axis), x)


AXES = ((4, 3), -1), ((4, 3), 0), ((2, 3, 4), 1)


def softmax(x: Array, axis: int = -1) -> tuple[Array, Pullback]:
    """y_i = exp(x_i) / sum_j exp(x_j) along `axis`.

    VJP: dx = y * (dy - <dy, y>).
    Ref: Goodfellow et al. (2016), section 6.2.2.3.
    """
    y = softmax_value(x, axis)
    return y, lambda dy: (softmax_pullback(dy, y, axis),)


register(
    Op(
        "softmax",
        softmax,
        infer=along_axis,
        native={
            "torch": lambda torch, x, axis=-1: torch.softmax(x, dim=axis),
            "tensorflow": lambda tf, x, axis=-1: tf.nn.softmax(x, axis=axis),
            "jax": lambda jax, x, axis=-1: jax.nn.softmax(x, axis=axis),
        },
        examples=tuple(Example(f"softmax(x, axis={axis})", {"x": shape}) for shape, axis in AXES),
        loses_digits=True,
    )
)


def log_softmax(x: Array, axis: int = -1) -> tuple[Array, Pullback]:
    """y_i = x_i - log sum_j exp(x_j) along `axis`.

    VJP: dx = dy - exp(y) * sum(dy).
    """
    y = log_softmax_value(x, axis)

    def pullback(dy: Array) -> tuple[Array]:
        dx = precise(
            lambda dy, y: dy - np.exp(y) * total(dy, axis, keepdims=True),
            lambda dy, y: log_softmax_pullback_precisely(dy, y, axis),
            *(dy, y),
        )
        return (dx,)

    return y, pullback


register(
    Op(
        "log_softmax",
        log_softmax,
        infer=along_axis,
        native={
            "torch": lambda torch, x, axis=-1: torch.log_softmax(x, dim=axis),
            "tensorflow": lambda tf, x, axis=-1: tf.nn.log_softmax(x, axis=axis),
            "jax": lambda jax, x, axis=-1: jax.nn.log_softmax(x, axis=axis),
        },
        examples=tuple(
            Example(f"log_softmax(x, axis={axis})", {"x": shape}) for shape, axis in AXES
        ),
        loses_digits=True,
    )
)
