"""Gated linear units."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.registry import register
from gradcmp.ops.shapes import along_axis, single_axis
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError
from gradcmp.ops.tails import logistic_slope, precise, sigmoid_value


def _glu_infer(x: ArraySpec, axis: int = -1) -> ArraySpec:
    along_axis(x, axis)
    i = single_axis(axis, len(x.shape))
    if x.shape[i] % 2:
        raise ShapeError(f"axis {axis} has length {x.shape[i]}, and must be of two halves")
    return ArraySpec((*x.shape[:i], x.shape[i] // 2, *x.shape[i + 1 :]))


def glu(x: Array, axis: int = -1) -> tuple[Array, Pullback]:
    """a * sigmoid(b) of the halves a and b of x along `axis`.

    VJP: da = sigmoid(b) * dy, db = a * sigmoid(b) * (1 - sigmoid(b)) * dy.
    Ref: Dauphin, Fan, Auli and Grangier (2017). TensorFlow is spelled as the formula.
    """
    half = np.shape(x)[axis] // 2
    before = (slice(None),) * (axis % np.ndim(x))
    a, b = x[(*before, slice(None, half))], x[(*before, slice(half, None))]
    s = sigmoid_value(b)

    def pullback(dy: Array) -> tuple[Array]:
        slope = precise(lambda _, s: s * (1 - s), lambda b, _: logistic_slope(b), b, s)
        return (np.concatenate([s * dy, a * slope * dy], axis=axis),)

    return a * s, pullback


def _glu_tensorflow(tf: Any, x: Any, axis: int = -1) -> Any:
    halves = tf.split(x, 2, axis=axis)
    return halves[0] * tf.sigmoid(halves[1])


register(
    Op(
        "glu",
        glu,
        infer=_glu_infer,
        native={
            "torch": lambda torch, x, axis=-1: torch.nn.functional.glu(x, dim=axis),
            "tensorflow": _glu_tensorflow,
            "jax": lambda jax, x, axis=-1: jax.nn.glu(x, axis=axis),
        },
        examples=(
            Example("glu(x)", {"x": (3, 4)}),
            Example("glu(x, axis=0)", {"x": (2, 3)}),
            Example("glu(x, axis=-2)", {"x": (2, 4, 3)}),
        ),
        loses_digits=True,
    )
)
