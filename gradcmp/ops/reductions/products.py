"""Products: along one or more axes, or running along one, their gradients right beside zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.blocks import spelled
from gradcmp.ops.primitives import expand
from gradcmp.ops.reductions.rows import as_rows, carried_back
from gradcmp.ops.reductions.sums import calls, running, running_calls, several
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import Axis, normalize_axes, reduction
from gradcmp.ops.spec import Array, Op, Pullback


def _of_earlier(x: Array) -> Array:
    """Return for each element along the last axis the product of all before it, 1 for the first."""
    ahead = np.concatenate([np.ones_like(x[..., :1]), x], axis=-1)
    y: Array = np.multiply.accumulate(ahead[..., :-1], -1)
    return y


def prod(x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[Array, Pullback]:
    """Product of the elements along `axis`; of none it is 1.

    VJP: dx_i = dy * product of all others, which needs no division by an x_i that may be 0.
    """
    axes = normalize_axes(axis, np.ndim(x))
    y: Array = np.prod(x, axis=axes, keepdims=keepdims)

    def pullback(dy: Array) -> tuple[Array]:
        rows, back = as_rows(x, axes)
        each, _ = as_rows(expand(dy, axis, np.ndim(x)), axes)
        later = np.flip(_of_earlier(np.flip(rows, axis=-1)), axis=-1)
        return (back(each * (_of_earlier(rows) * later)),)

    return y, pullback


def _prod_torch(torch: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """torch multiplies along one axis, or all."""
    if axis is None and not keepdims:
        return torch.prod(x)
    for one in reversed(normalize_axes(axis, x.ndim)):
        x = torch.prod(x, dim=one, keepdim=keepdims)
    return x


register(
    Op(
        "prod",
        prod,
        infer=reduction,
        native={
            "torch": _prod_torch,
            **spelled(tensorflow="reduce_prod", jax="numpy.prod"),
        },
        examples=calls("prod", *several("prod")),
    )
)


def cumulative_prod(x: Array, axis: int | None = None) -> tuple[Array, Pullback]:
    """Running products along `axis`, which may be left out for one axis: y_i = x_0 * ... * x_i.

    VJP: dx_i = y_(i-1) * c_i with c_i = dy_i + x_(i+1) * c_(i+1), with nothing divided by x.
    Convention: right beside zeros, where TensorFlow divides by x: a zero has the gradient 0 there.
    """
    along = -1 if axis is None else axis
    y: Array = np.multiply.accumulate(x, along)

    def pullback(dy: Array) -> tuple[Array]:
        rows, upstream = (np.moveaxis(z, along, -1) for z in (x, dy))
        following = np.concatenate([rows[..., 1:], rows[..., :1]], axis=-1)
        dx = _of_earlier(rows) * carried_back(upstream, following)
        return (np.moveaxis(dx, -1, along),)

    return y, pullback


register(
    Op(
        "cumulative_prod",
        cumulative_prod,
        infer=running,
        native={
            "torch": lambda torch, x, axis=None: torch.cumprod(x, dim=-1 if axis is None else axis),
            "tensorflow": lambda tf, x, axis=None: tf.math.cumprod(
                x, axis=-1 if axis is None else axis
            ),
            "jax": lambda jax, x, axis=None: jax.numpy.cumulative_prod(x, axis=axis),
        },
        examples=running_calls("cumulative_prod"),
    )
)
