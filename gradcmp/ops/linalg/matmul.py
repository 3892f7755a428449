"""The matrix product."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.primitives import product, unbroadcast
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import broadcast, require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError


def _infer(x: ArraySpec, y: ArraySpec) -> ArraySpec:
    require_float(x)
    require_float(y)
    if not x.shape or not y.shape:
        raise ShapeError("an operand without axes has no matrix product; multiply with *")
    inner = y.shape[-2] if len(y.shape) > 1 else y.shape[0]
    if x.shape[-1] != inner:
        raise ShapeError(f"the inner axes have lengths {x.shape[-1]} and {inner}")
    batch = broadcast(ArraySpec(x.shape[:-2]), ArraySpec(y.shape[:-2]))
    return ArraySpec(batch + x.shape[:-1][-1:] + (y.shape[-1:] if len(y.shape) > 1 else ()))


def matmul(x: Array, y: Array) -> tuple[Array, Pullback]:
    """Matrix product of the last two axes; an operand with one axis is a vector.

    VJP: dx = dz @ y^T, dy = x^T @ dz, each summed over its broadcast axes.
    """
    left = x if np.ndim(x) > 1 else np.expand_dims(x, 0)
    right = y if np.ndim(y) > 1 else np.expand_dims(y, 1)

    def pullback(dz: Array) -> tuple[Array, Array]:
        full = dz if np.ndim(y) > 1 else np.expand_dims(dz, -1)
        full = full if np.ndim(x) > 1 else np.expand_dims(full, -2)
        dx = unbroadcast(product(full, np.swapaxes(right, -1, -2)), left)
        dy = unbroadcast(product(np.swapaxes(left, -1, -2), full), right)
        return np.reshape(dx, np.shape(x)), np.reshape(dy, np.shape(y))

    return product(x, y), pullback


def _tensorflow(tf: Any, x: Any, y: Any) -> Any:
    """TensorFlow's matmul knows no vectors."""
    if x.shape.rank > 1 and y.shape.rank > 1:
        return tf.matmul(x, y)
    if x.shape.rank > 1:
        return tf.linalg.matvec(x, y)
    if y.shape.rank > 1:
        return tf.linalg.matvec(y, x, transpose_a=True)
    return tf.tensordot(x, y, axes=1)


register(
    Op(
        "matmul",
        matmul,
        infer=_infer,
        native={
            "torch": lambda torch, x, y: torch.matmul(x, y),
            "tensorflow": _tensorflow,
            "jax": lambda jax, x, y: jax.numpy.matmul(x, y),
        },
        examples=(
            Example("matmul(x, y)", {"x": (4, 3), "y": (3, 2)}),
            Example("x @ y", {"x": (2, 1, 4, 3), "y": (5, 3, 2)}),
            Example("x @ y", {"x": (3,), "y": (3,)}),
            Example("x @ y", {"x": (2, 4, 3), "y": (3,)}),
            Example("x @ y", {"x": (3,), "y": (2, 3, 4)}),
        ),
    )
)
