"""Reductions: one operand, one or more axes summed up."""

from __future__ import annotations

import numpy as np

from gradcmp.ops.shapes import Axis, expand, reduction
from gradcmp.ops.spec import Array, Example, Op, Pullback, register


def sum(x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[Array, Pullback]:
    """Sum of the elements along `axis`.

    VJP: dx_i = dy, broadcast back along `axis`.
    """
    y = np.sum(x, axis=axis, keepdims=keepdims)

    def pullback(dy: Array) -> tuple[Array]:
        full = dy if keepdims else expand(dy, axis, np.ndim(x))
        return (np.broadcast_to(full, np.shape(x)),)

    return y, pullback


register(
    Op(
        "sum",
        sum,
        infer=reduction,
        native={
            "torch": lambda torch, x, axis=None, keepdims=False: torch.sum(
                x, dim=axis, keepdim=keepdims
            ),
            "tensorflow": lambda tf, x, axis=None, keepdims=False: tf.reduce_sum(
                x, axis=axis, keepdims=keepdims
            ),
            "jax": lambda jax, x, axis=None, keepdims=False: jax.numpy.sum(
                x, axis=axis, keepdims=keepdims
            ),
        },
        examples=(
            Example("sum(x)", {"x": (4, 3)}),
            Example("sum(x, axis=0)", {"x": (4, 3)}),
            Example("sum(x, axis=(0, 2), keepdims=True)", {"x": (2, 3, 4)}),
        ),
    )
)
