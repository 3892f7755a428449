"""Sums and what is made of them: along one or more axes, or running along one."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.blocks import spelled
from gradcmp.ops.primitives import average, count, expand, spread, total
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import (
    Axis,
    floating,
    floating_reduction,
    reduction,
    require_float,
    single_axis,
)
from gradcmp.ops.spec import Array, ArraySpec, Example, Native, Op, Pullback, ShapeError


def calls(name: str, *more: Example) -> tuple[Example, ...]:
    """Return the examples that every reduction shares, and `more`."""
    return (
        Example(f"{name}(x)", {"x": (4, 3)}),
        Example(f"{name}(x, axis=0)", {"x": (4, 3)}),
        Example(f"{name}(x, axis=-1, keepdims=True)", {"x": (4, 3)}),
        *more,
    )


def several(name: str) -> tuple[Example, ...]:
    """Return examples of a reduction that takes several axes at once."""
    return (
        Example(f"{name}(x, axis=(2, 0))", {"x": (2, 3, 4)}),
        Example(f"{name}(x, keepdims=True)", {"x": (2, 3)}),
    )


def torch_reduction(path: str, named: bool = False) -> Native:
    """Return torch's spelling of a reduction: its words are `dim` and `keepdim`.

    Parameters
    ----------
    path : str
        Of the function inside torch.
    named : bool
        Whether it wants every axis named instead of None.
    """
    (function,) = spelled(torch=path).values()

    def native(torch: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        dim = tuple(range(x.ndim)) if named and axis is None else axis
        return function(torch, x, dim=dim, keepdim=keepdims)

    return native


def sum(x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[Array, Pullback]:
    """Sum of the elements along `axis`.

    VJP: dx_i = dy, broadcast back along `axis`.
    """
    y = total(x, axis, keepdims)
    return y, lambda dy: (spread(expand(dy, axis, np.ndim(x)), np.shape(x)),)


register(
    Op(
        "sum",
        sum,
        infer=reduction,
        native={
            "torch": torch_reduction("sum"),
            **spelled(tensorflow="reduce_sum", jax="numpy.sum"),
        },
        examples=calls("sum", *several("sum")),
    )
)


def nan_sum(x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[Array, Pullback]:
    """Sum of the elements along `axis` that are not NaN; of none it is 0.

    VJP: dx_i = dy, broadcast back along `axis`, and 0 where x_i is NaN.
    """
    missing = np.isnan(np.real(x))
    y = total(np.where(missing, 0, x), axis, keepdims)

    def pullback(dy: Array) -> tuple[Array]:
        return (np.where(missing, 0, expand(dy, axis, np.ndim(x))),)

    return y, pullback


def _nan_sum_tensorflow(tf: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """TensorFlow has no sum without NaN."""
    present = tf.where(tf.math.is_nan(x), tf.zeros_like(x), x)
    return tf.reduce_sum(present, axis=axis, keepdims=keepdims)


register(
    Op(
        "nan_sum",
        nan_sum,
        infer=lambda x, axis=None, keepdims=False: reduction(floating(x), axis, keepdims),
        native={
            "torch": torch_reduction("nansum"),
            "tensorflow": _nan_sum_tensorflow,
            **spelled(jax="numpy.nansum"),
        },
        examples=calls("nan_sum", *several("nan_sum")),
    )
)


def mean(x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[Array, Pullback]:
    """Arithmetic mean of the n elements along `axis`.

    VJP: dx_i = dy / n, broadcast back along `axis`.
    """
    n = count(np.shape(x), axis)
    y = average(x, axis, keepdims)
    return y, lambda dy: (spread(expand(dy / n, axis, np.ndim(x)), np.shape(x)),)


register(
    Op(
        "mean",
        mean,
        infer=floating_reduction,
        native={
            "torch": torch_reduction("mean"),
            **spelled(tensorflow="reduce_mean", jax="numpy.mean"),
        },
        examples=calls("mean", *several("mean")),
    )
)


def running(x: ArraySpec, axis: int | None = None) -> ArraySpec:
    """One operand of real numbers, same shape out; `axis` may be left out where there is one."""
    require_float(x)
    if axis is not None:
        single_axis(axis, len(x.shape))
    elif len(x.shape) != 1:
        raise ShapeError(f"shape {x.shape} has {len(x.shape)} axes, so axis must be given")
    return x


def running_calls(name: str) -> tuple[Example, ...]:
    """Return the examples of what runs along one axis."""
    return (
        Example(f"{name}(x)", {"x": (5,)}),
        Example(f"{name}(x, axis=0)", {"x": (4, 3)}),
        Example(f"{name}(x, axis=-1)", {"x": (2, 3)}),
    )


def cumulative_sum(x: Array, axis: int | None = None) -> tuple[Array, Pullback]:
    """Running sums along `axis`, which may be left out for one axis: y_i = x_0 + ... + x_i.

    VJP: dx_i = dy_i + dy_(i+1) + ... to the end of the axis.
    """
    along = -1 if axis is None else axis

    def pullback(dy: Array) -> tuple[Array]:
        return (np.flip(np.add.accumulate(np.flip(dy, axis=along), along), axis=along),)

    return np.add.accumulate(x, along), pullback


register(
    Op(
        "cumulative_sum",
        cumulative_sum,
        infer=running,
        native={
            "torch": lambda torch, x, axis=None: torch.cumsum(x, dim=-1 if axis is None else axis),
            "tensorflow": lambda tf, x, axis=None: tf.cumsum(x, axis=-1 if axis is None else axis),
            "jax": lambda jax, x, axis=None: jax.numpy.cumulative_sum(x, axis=axis),
        },
        examples=running_calls("cumulative_sum"),
    )
)
