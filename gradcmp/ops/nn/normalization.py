"""Normalization by mean and variance."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from gradcmp.ops.primitives import average, constant, total_as, unbroadcast
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Interval, Op, Pullback, ShapeError
from gradcmp.ops.static import require_number

WEIGHTS = Interval(0.5, 1.5)


def standardize(x: Array, axes: tuple[int, ...], eps: float) -> tuple[Array, Array]:
    """Return (x - mean) / sqrt(variance + eps) along `axes`, and 1 / sqrt(variance + eps).

    From about 1e154 on the variance overflows.
    """
    deviation = x - average(x, axes, keepdims=True)
    variance = average(deviation * deviation, axes, keepdims=True)
    inverse = 1 / np.sqrt(variance + constant(eps, x))
    return deviation * inverse, inverse


def standardize_pullback(dy: Array, y: Array, inverse: Array, axes: tuple[int, ...]) -> Array:
    """Return the pullback of `standardize`: (dy - mean(dy) - y * mean(dy * y)) * inverse."""
    mean = average(dy, axes, keepdims=True)
    along = average(dy * y, axes, keepdims=True)
    dx: Array = (dy - mean - y * along) * inverse
    return dx


def require_affine(x: ArraySpec, weight: ArraySpec, bias: ArraySpec, eps: float) -> None:
    """Refuse a weight and a bias that are not of one shape."""
    for spec in (x, weight, bias):
        require_float(spec)
    require_number("eps", eps, low=0)
    if weight.shape != bias.shape:
        raise ShapeError(f"weight {weight.shape} and bias {bias.shape} differ in shape")


def _layer_infer(x: ArraySpec, weight: ArraySpec, bias: ArraySpec, eps: float = 1e-5) -> ArraySpec:
    require_affine(x, weight, bias, eps)
    axes = len(weight.shape)
    if not axes or x.shape[-axes:] != weight.shape:
        raise ShapeError(f"the weight's shape {weight.shape} is not how {x.shape} ends")
    if 0 in weight.shape:
        raise ShapeError(f"weight {weight.shape} has no elements")
    return x


def last_axes(weight: Any, x: Any) -> tuple[int, ...]:
    """Return the axes of x that a weight covers: its last ones."""
    return tuple(range(len(x.shape) - len(weight.shape), len(x.shape)))


def layer_norm(x: Array, weight: Array, bias: Array, eps: float = 1e-5) -> tuple[Array, Pullback]:
    """weight * z + bias with z = (x - mean) / sqrt(variance + eps) over the weight's axes.

    The weight has the shape of the last axes of x; the variance divides by n.

    VJP: with g = weight * dy: dx = (g - mean(g) - z * mean(g * z)) / sqrt(variance + eps),
    dweight = sum(dy * z), dbias = sum(dy).
    Ref: Ba, Kiros and Hinton (2016).
    """
    axes = last_axes(weight, x)
    z, inverse = standardize(x, axes, eps)

    def pullback(dy: Array) -> tuple[Array, Array, Array]:
        dx = standardize_pullback(dy * weight, z, inverse, axes)
        affine = partial(total_as, "affine")
        dweight, dbias = (unbroadcast(d, weight, affine) for d in (dy * z, dy))
        return dx, dweight, dbias

    return z * weight + bias, pullback


def _layer_tensorflow(tf: Any, x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    mean, variance = tf.nn.moments(x, axes=last_axes(weight, x), keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, bias, weight, eps)


register(
    Op(
        "layer_norm",
        layer_norm,
        infer=_layer_infer,
        native={
            "torch": lambda torch, x, weight, bias, eps=1e-5: torch.nn.functional.layer_norm(
                x, weight.shape, weight, bias, eps
            ),
            "tensorflow": _layer_tensorflow,
            "jax": lambda jax, x, weight, bias, eps=1e-5: (
                jax.nn.standardize(x, axis=last_axes(weight, x), epsilon=eps) * weight + bias
            ),
        },
        domain={"weight": WEIGHTS},
        examples=(
            Example("layer_norm(x, weight, bias)", {"x": (4, 6), "weight": (6,), "bias": (6,)}),
            Example(
                "layer_norm(x, weight, bias, eps=0.01)",
                {"x": (2, 3, 4), "weight": (3, 4), "bias": (3, 4)},
            ),
        ),
    )
)
