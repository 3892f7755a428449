"""Layers that weigh their inputs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcmp.ops.primitives import product, total
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError


def _infer(x: ArraySpec, weight: ArraySpec, bias: ArraySpec | None = None) -> ArraySpec:
    for spec in (x, weight, bias):
        if spec is not None:
            require_float(spec)
    if len(weight.shape) != 2:
        raise ShapeError(f"weight {weight.shape} is not (out, in)")
    if x.shape[-1:] != weight.shape[1:]:
        raise ShapeError(f"x {x.shape} does not end with the {weight.shape[1]} inputs of weight")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(f"bias {bias.shape} is not one for each of {weight.shape[0]} outputs")
    return ArraySpec((*x.shape[:-1], weight.shape[0]))


def linear(x: Array, weight: Array, bias: Array | None = None) -> tuple[Array, Pullback]:
    """x @ weight^T + bias: x is (..., in), the weight (out, in), as in torch.

    Keras and Flax hold the weight as (in, out): write transpose(weight).

    VJP: dx = dy @ weight, dweight = dy^T @ x, dbias = sum(dy), over all axes but the last.
    """
    y = product(x, np.transpose(weight))
    rows = math.prod(np.shape(x)[:-1])

    def pullback(dy: Array) -> tuple[Array, ...]:
        dx = product(dy, weight)
        flat = np.reshape(dy, (rows, np.shape(dy)[-1]))
        dweight = product(np.transpose(flat), np.reshape(x, (rows, np.shape(x)[-1])))
        return (dx, dweight) if bias is None else (dx, dweight, total(flat, 0))

    return y if bias is None else y + bias, pullback


def _tensorflow(tf: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    one = len(x.shape) == 1
    y = tf.linalg.matvec(weight, x) if one else tf.matmul(x, weight, transpose_b=True)
    return y if bias is None else y + bias


def _jax(jax: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    y = x @ weight.T
    return y if bias is None else y + bias


register(
    Op(
        "linear",
        linear,
        infer=_infer,
        native={
            "torch": lambda torch, x, weight, bias=None: torch.nn.functional.linear(
                x, weight, bias
            ),
            "tensorflow": _tensorflow,
            "jax": _jax,
        },
        examples=(
            Example("linear(x, weight)", {"x": (4, 3), "weight": (2, 3)}),
            Example("linear(x, weight, bias)", {"x": (4, 3), "weight": (2, 3), "bias": (2,)}),
            Example("linear(x, weight, bias)", {"x": (2, 4, 3), "weight": (5, 3), "bias": (5,)}),
            Example("linear(x, weight, bias)", {"x": (3,), "weight": (2, 3), "bias": (2,)}),
            Example("linear(x, weight, bias)", {"x": (0, 3), "weight": (1, 3), "bias": (1,)}),
        ),
    )
)
