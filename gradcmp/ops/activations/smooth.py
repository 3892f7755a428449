"""Activation functions, element by element."""

from __future__ import annotations

import math

import numpy as np

from gradcmp.ops.blocks import spelled, unary
from gradcmp.ops.erf import erf_value
from gradcmp.ops.kinks import any_zero
from gradcmp.ops.primitives import constant, unless_nan
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Interval, Kink, Op, Pullback
from gradcmp.ops.static import require_choice
from gradcmp.ops.tails import (
    SQRT_HALF,
    gauss,
    logistic_slope,
    normal_distribution,
    precise,
    sigmoid_value,
)

SQRT_2_OVER_PI = math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715


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
    Convention: 0 at 0; NaN gives NaN, and a gradient of 0.
    """
    off = np.real(x) <= 0
    return np.where(off, 0, x), lambda dy: (unless_nan(np.where(off, 0, dy), x),)


register(
    unary(
        relu,
        spelled(torch="relu", tensorflow="nn.relu", jax="nn.relu"),
        Interval(-2.0, 2.0, avoid=(0.0,)),
        compares=True,
        kinks=(
            Kink("x = 0", "relu(x)", {"x": (0.0,)}, "a subgradient is any of [0, 1]", any_zero),
        ),
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
