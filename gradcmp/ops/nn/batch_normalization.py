"""Normalization over a batch, or by what was seen in training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcmp.ops.nn.normalization import (
    WEIGHTS,
    require_affine,
    standardize,
    standardize_pullback,
)
from gradcmp.ops.primitives import constant, total
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError


def _batch_infer(
    x: ArraySpec,
    weight: ArraySpec,
    bias: ArraySpec,
    running_mean: ArraySpec | None = None,
    running_var: ArraySpec | None = None,
    eps: float = 1e-5,
) -> ArraySpec:
    require_affine(x, weight, bias, eps)
    if len(x.shape) < 2:
        raise ShapeError(f"x {x.shape} needs an axis of samples and one of channels")
    if weight.shape != x.shape[1:2]:
        raise ShapeError(f"weight {weight.shape} does not fit the {x.shape[1]} channels of x")
    if (running_mean is None) != (running_var is None):
        raise ShapeError("of running_mean and running_var one is given, and both are needed")
    for name, spec in (("running_mean", running_mean), ("running_var", running_var)):
        if spec is not None:
            require_float(spec)
            if spec.shape != weight.shape:
                raise ShapeError(f"{name} {spec.shape} does not fit the {x.shape[1]} channels of x")
    n = math.prod(x.shape[:1] + x.shape[2:])
    if n < 2 and running_mean is None:
        raise ShapeError(f"x {x.shape} has {n} values a channel, and statistics need two")
    return x


def _all_but_channels(x: Any) -> tuple[int, ...]:
    return tuple(i for i in range(len(x.shape)) if i != 1)


def batch_norm(
    x: Array,
    weight: Array,
    bias: Array,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    eps: float = 1e-5,
) -> tuple[Array, Pullback]:
    """weight * z + bias with z = (x - mean) / sqrt(variance + eps) over all axes but channels.

    The channels are axis 1; statistics are those of this batch, as in training, and the variance
    divides by n; or the running ones, as in inference, which are one for each channel.

    VJP: as for layer_norm, over the axes that this one averages; with running statistics
    dx = g / sqrt(variance + eps) with g = weight * dy, dmean = -sum(dx),
    dvariance = -sum(g * z) / (2 (variance + eps)).
    Ref: Ioffe and Szegedy (2015). Keras and Flax take eps 1e-3 and 1e-5, channels last.
    """
    axes = _all_but_channels(x)
    per_channel = (-1,) + (1,) * (np.ndim(x) - 2)
    scale, shift = np.reshape(weight, per_channel), np.reshape(bias, per_channel)
    if running_mean is None or running_var is None:
        z, inverse = standardize(x, axes, eps)

        def trained(dy: Array) -> tuple[Array, ...]:
            dx = standardize_pullback(dy * scale, z, inverse, axes)
            return dx, total(dy * z, axes), total(dy, axes)

        return z * scale + shift, trained

    variance = running_var + constant(eps, x)
    held = 1 / np.sqrt(np.reshape(variance, per_channel))
    fixed = (x - np.reshape(running_mean, per_channel)) * held

    def pullback(dy: Array) -> tuple[Array, ...]:
        g = dy * scale
        dx = g * held
        dvariance = -total(g * fixed, axes) / (2 * variance)
        return dx, total(dy * fixed, axes), total(dy, axes), -total(dx, axes), dvariance

    return fixed * scale + shift, pullback


def _batch_torch(
    torch: Any,
    x: Any,
    weight: Any,
    bias: Any,
    running_mean: Any = None,
    running_var: Any = None,
    eps: float = 1e-5,
) -> Any:
    """torch has no derivative for running statistics: they go into x and the weight."""
    batch_norm = torch.nn.functional.batch_norm
    if running_mean is None:
        return batch_norm(x, None, None, weight, bias, training=True, eps=eps)
    mean = running_mean.reshape((-1,) + (1,) * (x.ndim - 2))
    scale = weight * torch.rsqrt(running_var + eps)
    zeros, ones = torch.zeros_like(weight), torch.ones_like(weight)
    return batch_norm(x - mean, zeros, ones, scale, bias, training=False, eps=0.0)


def _batch_tensorflow(
    tf: Any,
    x: Any,
    weight: Any,
    bias: Any,
    running_mean: Any = None,
    running_var: Any = None,
    eps: float = 1e-5,
) -> Any:
    beside = (-1,) + (1,) * (len(x.shape) - 2)
    scale, offset = (tf.reshape(one, beside) for one in (weight, bias))
    if running_mean is None:
        mean, variance = tf.nn.moments(x, axes=_all_but_channels(x), keepdims=True)
    else:
        mean, variance = (tf.reshape(one, beside) for one in (running_mean, running_var))
    return tf.nn.batch_normalization(x, mean, variance, offset, scale, eps)


def _batch_jax(
    jax: Any,
    x: Any,
    weight: Any,
    bias: Any,
    running_mean: Any = None,
    running_var: Any = None,
    eps: float = 1e-5,
) -> Any:
    per_channel = (-1,) + (1,) * (x.ndim - 2)
    mean = variance = None
    if running_mean is not None:
        mean, variance = (one.reshape(per_channel) for one in (running_mean, running_var))
    z = jax.nn.standardize(x, axis=_all_but_channels(x), mean=mean, variance=variance, epsilon=eps)
    return z * weight.reshape(per_channel) + bias.reshape(per_channel)


def _batch_call(
    x: Array,
    weight: Array,
    bias: Array,
    eps: float = 1e-5,
    running_mean: Array | None = None,
    running_var: Array | None = None,
) -> None:
    """Let eps stand fourth, as it did before there were running statistics."""


RUNNING = {"weight": (3,), "bias": (3,), "running_mean": (3,), "running_var": (3,)}

register(
    Op(
        "batch_norm",
        batch_norm,
        infer=_batch_infer,
        native={"torch": _batch_torch, "tensorflow": _batch_tensorflow, "jax": _batch_jax},
        domain={"weight": WEIGHTS, "running_var": WEIGHTS},
        examples=(
            Example("batch_norm(x, weight, bias)", {"x": (5, 3), "weight": (3,), "bias": (3,)}),
            Example(
                "batch_norm(x, weight, bias, 0.01, running_mean, running_var)",
                {"x": (2, 3, 4), **RUNNING},
            ),
            Example(
                "batch_norm(x, weight, bias, running_mean=running_mean, running_var=running_var)",
                {"x": (1, 3), **RUNNING},
            ),
            Example(
                "batch_norm(x, weight, bias, eps=0.01)",
                {"x": (2, 3, 2, 4), "weight": (3,), "bias": (3,)},
            ),
        ),
        call=_batch_call,
    )
)
