"""Normalization of groups of channels, of each channel, and by the root mean square."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from gradcmp.ops.nn.normalization import (
    WEIGHTS,
    last_axes,
    standardize,
    standardize_pullback,
)
from gradcmp.ops.primitives import average, constant, total, total_as, unbroadcast
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError
from gradcmp.ops.static import require_int, require_number


def _infer(
    x: ArraySpec,
    weight: ArraySpec | None = None,
    bias: ArraySpec | None = None,
    num_groups: int = 1,
    eps: float = 1e-5,
) -> ArraySpec:
    require_float(x)
    require_int("num_groups", num_groups, low=1)
    require_number("eps", eps, low=0)
    if len(x.shape) < 2 or 0 in x.shape[1:]:
        raise ShapeError(f"x {x.shape} is not (samples, channels, ...), each channel with elements")
    if x.shape[1] % num_groups:
        raise ShapeError(f"{x.shape[1]} channels cannot be {num_groups} groups of one size")
    for name, spec in (("weight", weight), ("bias", bias)):
        if spec is not None:
            require_float(spec)
            if spec.shape != x.shape[1:2]:
                raise ShapeError(f"{name} {spec.shape} does not fit the {x.shape[1]} channels of x")
    return x


def group_norm(
    x: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    num_groups: int = 1,
    eps: float = 1e-5,
) -> tuple[Array, Pullback]:
    """weight * z + bias with z = (x - mean) / sqrt(variance + eps) over each sample's groups.

    x is (samples, channels, ...); neighbouring channels make a group; weight and bias, which may be
    left out, are one for each channel; the variance divides by n. Keras and Flax have the channels
    last, and 1e-3 and 1e-6 for eps.

    VJP: as for layer_norm, over the axes that this one averages.
    Ref: Wu and He (2018).
    """
    shape = np.shape(x)
    grouped = (shape[0], num_groups, math.prod(shape[1:]) // num_groups)
    held, inverse = standardize(np.reshape(x, grouped), (2,), eps)
    z = np.reshape(held, shape)
    beside = (-1,) + (1,) * (len(shape) - 2)
    scale = None if weight is None else np.reshape(weight, beside)
    y = z if scale is None else z * scale
    axes = tuple(i for i in range(len(shape)) if i != 1)

    def pullback(dy: Array) -> tuple[Array | None, ...]:
        g = dy if scale is None else dy * scale
        dx = np.reshape(standardize_pullback(np.reshape(g, grouped), held, inverse, (2,)), shape)
        dweight = None if weight is None else total(dy * z, axes)
        if bias is None:
            return (dx,) if weight is None else (dx, dweight)
        return dx, dweight, total(dy, axes)

    return y if bias is None else y + np.reshape(bias, beside), pullback


def _affine(z: Any, weight: Any, bias: Any, beside: tuple[int, ...], reshape: Any) -> Any:
    if weight is not None:
        z = z * reshape(weight, beside)
    return z if bias is None else z + reshape(bias, beside)


def _group_torch(
    torch: Any, x: Any, weight: Any = None, bias: Any = None, num_groups: int = 1, eps: float = 1e-5
) -> Any:
    """torch's kernel fails backward with a bias and no weight: the bias is then added after it."""
    group_norm = torch.nn.functional.group_norm
    if weight is not None or bias is None:
        return group_norm(x, num_groups, weight, bias, eps)
    beside = (-1,) + (1,) * (len(x.shape) - 2)
    return group_norm(x, num_groups, None, None, eps) + bias.reshape(beside)


def _group_tensorflow(
    tf: Any, x: Any, weight: Any = None, bias: Any = None, num_groups: int = 1, eps: float = 1e-5
) -> Any:
    """As Keras does it, with tf.nn.moments and tf.nn.batch_normalization."""
    shape = tuple(x.shape)
    grouped = tf.reshape(x, (shape[0], num_groups, math.prod(shape[1:]) // num_groups))
    mean, variance = tf.nn.moments(grouped, axes=[2], keepdims=True)
    z = tf.nn.batch_normalization(grouped, mean, variance, None, None, eps)
    beside = (-1,) + (1,) * (len(shape) - 2)
    return _affine(tf.reshape(z, shape), weight, bias, beside, tf.reshape)


def _group_jax(
    jax: Any, x: Any, weight: Any = None, bias: Any = None, num_groups: int = 1, eps: float = 1e-5
) -> Any:
    shape = tuple(x.shape)
    grouped = x.reshape((shape[0], num_groups, math.prod(shape[1:]) // num_groups))
    z = jax.nn.standardize(grouped, axis=2, epsilon=eps).reshape(shape)
    beside = (-1,) + (1,) * (len(shape) - 2)
    return _affine(z, weight, bias, beside, jax.numpy.reshape)


def _group_call(
    x: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> None:
    """Let the number of groups stand second, as in torch."""


IMAGES = {"x": (2, 4, 3), "weight": (4,), "bias": (4,)}

register(
    Op(
        "group_norm",
        group_norm,
        infer=_infer,
        native={
            "torch": _group_torch,
            "tensorflow": _group_tensorflow,
            "jax": _group_jax,
        },
        domain={"weight": WEIGHTS},
        examples=(
            Example("group_norm(x, 2, weight, bias)", IMAGES),
            Example("group_norm(x, 1, weight, eps=0.01)", {"x": (3, 4), "weight": (4,)}),
            Example("group_norm(x, 2, bias=bias)", {"x": (2, 4, 2, 3), "bias": (4,)}),
            Example("group_norm(x, num_groups=2)", {"x": (2, 4, 2)}),
        ),
        call=_group_call,
    )
)


def _instance_infer(
    x: ArraySpec,
    weight: ArraySpec | None = None,
    bias: ArraySpec | None = None,
    eps: float = 1e-5,
) -> ArraySpec:
    if len(x.shape) < 3 or math.prod(x.shape[2:]) < 2:
        raise ShapeError(f"x {x.shape} has no channels of two elements or more in each sample")
    return _infer(x, weight, bias, x.shape[1], eps)


def instance_norm(
    x: Array, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> tuple[Array, Pullback]:
    """weight * z + bias with z = (x - mean) / sqrt(variance + eps) over each sample's channels.

    group_norm with as many groups as channels.

    VJP: as for layer_norm, over the axes that this one averages.
    Ref: Ulyanov, Vedaldi and Lempitsky (2016).
    """
    return group_norm(x, weight, bias, np.shape(x)[1], eps)


register(
    Op(
        "instance_norm",
        instance_norm,
        infer=_instance_infer,
        native={
            "torch": lambda torch, x, weight=None, bias=None, eps=1e-5: (
                torch.nn.functional.instance_norm(x, weight=weight, bias=bias, eps=eps)
            ),
            "tensorflow": lambda tf, x, weight=None, bias=None, eps=1e-5: _group_tensorflow(
                tf, x, weight, bias, x.shape[1], eps
            ),
            "jax": lambda jax, x, weight=None, bias=None, eps=1e-5: _group_jax(
                jax, x, weight, bias, x.shape[1], eps
            ),
        },
        domain={"weight": WEIGHTS},
        examples=(
            Example("instance_norm(x, weight, bias)", IMAGES),
            Example("instance_norm(x, eps=0.01)", {"x": (2, 3, 2, 2)}),
            Example("instance_norm(x, bias=bias)", {"x": (1, 2, 4), "bias": (2,)}),
        ),
    )
)


def _rms_infer(x: ArraySpec, weight: ArraySpec, eps: float = 1e-6) -> ArraySpec:
    for spec in (x, weight):
        require_float(spec)
    require_number("eps", eps, low=0)
    axes = len(weight.shape)
    if not axes or x.shape[-axes:] != weight.shape or 0 in weight.shape:
        raise ShapeError(f"the weight's shape {weight.shape} is not how {x.shape} ends")
    return x


def rms_norm(x: Array, weight: Array, eps: float = 1e-6) -> tuple[Array, Pullback]:
    """weight * z with z = x / sqrt(mean(x^2) + eps) over the weight's axes.

    The weight has the shape of the last axes of x. torch's eps is the machine's unless told
    otherwise; Keras and Flax have 1e-6.

    VJP: with g = weight * dy: dx = (g - z * mean(g * z)) / sqrt(mean(x^2) + eps),
    dweight = sum(dy * z).
    Ref: Zhang and Sennrich (2019).
    """
    axes = last_axes(weight, x)
    inverse = 1 / np.sqrt(average(x * x, axes, keepdims=True) + constant(eps, x))
    z = x * inverse

    def pullback(dy: Array) -> tuple[Array, Array]:
        g = dy * weight
        dx = (g - z * average(g * z, axes, keepdims=True)) * inverse
        return dx, unbroadcast(dy * z, weight, partial(total_as, "affine"))

    return z * weight, pullback


def _rms_tensorflow(tf: Any, x: Any, weight: Any, eps: float = 1e-6) -> Any:
    squares = tf.reduce_mean(tf.square(x), axis=last_axes(weight, x), keepdims=True)
    return x * tf.math.rsqrt(squares + eps) * weight


def _rms_jax(jax: Any, x: Any, weight: Any, eps: float = 1e-6) -> Any:
    squares = jax.numpy.mean(jax.numpy.square(x), axis=last_axes(weight, x), keepdims=True)
    return x * jax.lax.rsqrt(squares + eps) * weight


register(
    Op(
        "rms_norm",
        rms_norm,
        infer=_rms_infer,
        native={
            "torch": lambda torch, x, weight, eps=1e-6: torch.nn.functional.rms_norm(
                x, weight.shape, weight, eps
            ),
            "tensorflow": _rms_tensorflow,
            "jax": _rms_jax,
        },
        domain={"weight": WEIGHTS},
        examples=(
            Example("rms_norm(x, weight)", {"x": (4, 6), "weight": (6,)}),
            Example("rms_norm(x, weight, eps=0.01)", {"x": (2, 3, 4), "weight": (3, 4)}),
        ),
    )
)
