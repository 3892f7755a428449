"""Activation functions made of pieces."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.blocks import spelled, unary
from gradcmp.ops.primitives import constant, unbroadcast, unless_nan
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Interval, Op, Pullback, ShapeError
from gradcmp.ops.static import require_number

OFF_ZERO = Interval(-2.0, 2.0, avoid=(0.0,))


def _leaky_infer(x: ArraySpec, negative_slope: float = 0.01) -> ArraySpec:
    require_float(x)
    require_number("negative_slope", negative_slope)
    return x


def leaky_relu(x: Array, negative_slope: float = 0.01) -> tuple[Array, Pullback]:
    """x where x > 0, else negative_slope * x.

    VJP: dx = dy where x > 0, else negative_slope * dy.
    Convention: negative_slope at 0, where JAX gives 1; NaN gives NaN, and a gradient of 0.
    TensorFlow is spelled with its comparison: tf.nn.leaky_relu has 0.2 for a default, and carries
    its slope in float32 whatever x is.
    """
    below, slope = np.real(x) <= 0, constant(negative_slope, x)
    y = np.where(below, slope * x, x)
    return y, lambda dy: (unless_nan(np.where(below, slope * dy, dy), x),)


register(
    Op(
        "leaky_relu",
        leaky_relu,
        infer=_leaky_infer,
        native={
            "torch": lambda torch, x, negative_slope=0.01: torch.nn.functional.leaky_relu(
                x, negative_slope
            ),
            "tensorflow": lambda tf, x, negative_slope=0.01: tf.where(
                tf.greater(x, 0), x, negative_slope * x
            ),
            "jax": lambda jax, x, negative_slope=0.01: jax.nn.leaky_relu(x, negative_slope),
        },
        domain={"x": OFF_ZERO},
        examples=(
            Example("leaky_relu(x)", {"x": (4, 3)}),
            Example("leaky_relu(x, 0.3)", {"x": (5,)}),
            Example("leaky_relu(x, negative_slope=-0.5)", {"x": ()}),
        ),
        compares=True,
    )
)


def relu6(x: Array) -> tuple[Array, Pullback]:
    """min(max(x, 0), 6).

    VJP: dx = dy where 0 < x < 6, else 0.
    Convention: 0 at 0 and 6; NaN gives NaN, and a gradient of 0.
    """
    low, high = np.real(x) <= 0, np.real(x) >= 6
    outside = np.logical_or(low, high)
    y = np.where(low, 0, np.where(high, constant(6, x), x))
    return y, lambda dy: (unless_nan(np.where(outside, 0, dy), x),)


register(
    unary(
        relu6,
        spelled(torch="nn.functional.relu6", tensorflow="nn.relu6", jax="nn.relu6"),
        Interval(-4.0, 10.0, avoid=(0.0, 6.0)),
        compares=True,
    )
)


def hard_sigmoid(x: Array) -> tuple[Array, Pullback]:
    """relu6(x + 3) / 6.

    VJP: dx = dy / 6 where -3 < x < 3, else 0.
    Convention: 0 at -3 and 3; NaN gives NaN, and a gradient of 0.
    The gradient of torch's carries 1/6 in float32. Keras 2 had min(max(0.2 * x + 0.5, 0), 1) by
    this name.
    """
    low, high = np.real(x) <= -3, np.real(x) >= 3
    outside = np.logical_or(low, high)
    y = np.where(low, 0, np.where(high, constant(1, x), (x + 3) / 6))
    return y, lambda dy: (unless_nan(np.where(outside, 0, dy / 6), x),)


OFF_THREE = Interval(-5.0, 5.0, avoid=(-3.0, 3.0))

register(
    unary(
        hard_sigmoid,
        {
            **spelled(torch="nn.functional.hardsigmoid", jax="nn.hard_sigmoid"),
            "tensorflow": lambda tf, x: tf.nn.relu6(x + 3) / 6,
        },
        OFF_THREE,
        compares=True,
    )
)


def hard_swish(x: Array) -> tuple[Array, Pullback]:
    """x * relu6(x + 3) / 6.

    VJP: dx = (2 * x + 3) / 6 * dy where -3 < x < 3, 0 below and dy above.
    Convention: 0 at -3 and 1 at 3; NaN gives NaN, and a gradient of 0.
    """
    low, high = np.real(x) <= -3, np.real(x) >= 3
    y = np.where(low, 0, np.where(high, x, x * ((x + 3) / 6)))

    def pullback(dy: Array) -> tuple[Array]:
        inside = (2 * x + 3) / 6 * dy
        return (unless_nan(np.where(low, 0, np.where(high, dy, inside)), x),)

    return y, pullback


register(
    unary(
        hard_swish,
        {
            **spelled(torch="nn.functional.hardswish", jax="nn.hard_swish"),
            "tensorflow": lambda tf, x: x * tf.nn.relu6(x + 3) / 6,
        },
        OFF_THREE,
        compares=True,
    )
)


def hard_tanh(x: Array) -> tuple[Array, Pullback]:
    """min(max(x, -1), 1).

    VJP: dx = dy where -1 <= x <= 1, else 0.
    Convention: 1 at -1 and 1, as clip, where torch gives 0; NaN gives NaN, and a gradient of 0.
    """
    low, high = np.real(x) < -1, np.real(x) > 1
    outside = np.logical_or(low, high)
    y = np.where(low, constant(-1, x), np.where(high, constant(1, x), x))
    return y, lambda dy: (unless_nan(np.where(outside, 0, dy), x),)


register(
    unary(
        hard_tanh,
        {
            **spelled(torch="nn.functional.hardtanh", jax="nn.hard_tanh"),
            "tensorflow": lambda tf, x: tf.clip_by_value(x, -1, 1),
        },
        Interval(-2.0, 2.0, avoid=(-1.0, 1.0)),
        compares=True,
    )
)


def _prelu_infer(x: ArraySpec, weight: ArraySpec) -> ArraySpec:
    require_float(x)
    require_float(weight)
    channels = x.shape[1] if len(x.shape) > 1 else 1
    if weight.shape not in ((), (1,), (channels,)):
        raise ShapeError(
            f"weight of shape {weight.shape} is not one number, nor one for each of the "
            f"{channels} channels along axis 1"
        )
    return x


def _along_channels(weight: Any, ndim: int) -> tuple[int, ...]:
    """Return the shape in which one weight for all, or one a channel, lies beside `ndim` axes."""
    (channels,) = tuple(weight.shape) or (1,)
    return () if channels == 1 else (int(channels),) + (1,) * (ndim - 2)


def prelu(x: Array, weight: Array) -> tuple[Array, Pullback]:
    """x where x > 0, else weight * x, with one weight, or one for each channel of axis 1.

    VJP: dx = dy where x > 0, else weight * dy; dweight = sum of x * dy where x <= 0.
    Convention: weight at 0; NaN gives NaN, and gradients of 0.
    torch alone has one; the others are spelled with a comparison.
    """
    below = np.real(x) <= 0
    w = np.reshape(weight, _along_channels(weight, np.ndim(x)))

    def pullback(dy: Array) -> tuple[Array, Array]:
        dx = unless_nan(np.where(below, w * dy, dy), x)
        dw = unbroadcast(np.where(below, x * dy, 0), w)
        return dx, np.reshape(dw, np.shape(weight))

    return np.where(below, w * x, x), pullback


register(
    Op(
        "prelu",
        prelu,
        infer=_prelu_infer,
        native={
            "torch": lambda torch, x, weight: torch.nn.functional.prelu(x, weight),
            "tensorflow": lambda tf, x, weight: tf.where(
                tf.greater(x, 0), x, tf.reshape(weight, _along_channels(weight, x.shape.rank)) * x
            ),
            "jax": lambda jax, x, weight: jax.numpy.where(
                jax.numpy.greater(x, 0),
                x,
                jax.numpy.reshape(weight, _along_channels(weight, x.ndim)) * x,
            ),
        },
        domain={"x": OFF_ZERO},
        examples=(
            Example("prelu(x, weight)", {"x": (4, 3), "weight": (3,)}),
            Example("prelu(x, weight)", {"x": (2, 3, 4), "weight": (3,)}),
            Example("prelu(x, weight)", {"x": (5,), "weight": (1,)}),
            Example("prelu(x, weight)", {"x": (2, 2), "weight": ()}),
            Example("prelu(x, 0.25)", {"x": (2, 2)}),
        ),
        compares=True,
    )
)
