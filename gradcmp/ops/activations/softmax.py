"""Softmax and its logarithm, along an axis."""

from __future__ import annotations

import numpy as np

from gradcmp.ops.kinks import masked
from gradcmp.ops.primitives import largest, total
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import along_axis
from gradcmp.ops.spec import Array, Example, Op, Pullback
from gradcmp.ops.tails import (
    log_softmax_precisely,
    log_softmax_pullback_precisely,
    precise,
    softmax_pullback_precisely,
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
        kinks=(masked("softmax(x)"),),
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
        kinks=(masked("log_softmax(x)"),),
    )
)
