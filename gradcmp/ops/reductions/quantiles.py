"""Quantiles: the median, and what lies between two elements by size."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from gradcmp.ops.blocks import spelled
from gradcmp.ops.kinks import HALVES
from gradcmp.ops.primitives import constant, count, drop, expand, zeros
from gradcmp.ops.reductions.ordering import order_of, ranks_of
from gradcmp.ops.reductions.rows import as_rows
from gradcmp.ops.reductions.sums import calls, several
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import Axis, floating_reduction, normalize_axes
from gradcmp.ops.spec import Array, ArraySpec, Example, Kink, Op, Pullback, ShapeError
from gradcmp.ops.static import require_number

# How much elements of consecutive ranks count for, in the dtype and class of the array beside
# which it is computed; None for an element that is all there is.
Shares: TypeAlias = "Callable[[Array], list[Any]]"


def _by_rank(
    x: Array, axis: Axis, keepdims: bool, low: int, shares: Shares
) -> tuple[Array, Pullback]:
    """Return the elements along `axis` of rank `low` and on, weighed and added up."""
    axes = normalize_axes(axis, np.ndim(x))
    rows, back = as_rows(x, axes)
    order = order_of(rows, -1)
    many = len(shares(rows[..., :1]))
    places = [order[..., rank : rank + 1] for rank in range(low, low + many)]
    y = sum(_weighted([np.take_along_axis(rows, one, axis=-1) for one in places], shares))
    top = np.max(np.real(rows), axis=-1, keepdims=True)
    y = np.where(np.isnan(top), top, y)  # which stands last by size
    full = np.reshape(y, tuple(1 if i in axes else n for i, n in enumerate(np.shape(x))))

    def pullback(dy: Array) -> tuple[Array]:
        upstream, _ = as_rows(expand(dy, axis, np.ndim(x)), axes)
        *lead, n = np.shape(rows)
        ahead, behind = (zeros(dy, (*lead, m)) for m in (low, n - low - many))
        weighted = _weighted([upstream] * many, shares)
        by_rank = np.concatenate([ahead, *weighted, behind], axis=-1)
        return (back(np.take_along_axis(by_rank, ranks_of(order, -1), axis=-1)),)

    return full if keepdims else drop(full, axis), pullback


def _weighted(arrays: list[Array], shares: Shares) -> list[Array]:
    return [
        z if share is None else share * z
        for z, share in zip(arrays, shares(arrays[0]), strict=True)
    ]


def _whole(beside: Array) -> list[None]:
    return [None]


def _halves(beside: Array) -> list[Any]:
    return [constant(0.5, beside)] * 2


def median(x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[Array, Pullback]:
    """The middle element along `axis` by size; of an even number the mean of the two in the middle.

    torch's own median is the lower of the two.

    VJP: dx = dy where the middle element is, or dy / 2 for each of two, else 0.
    Convention: of equal elements the first counts as smaller.
    """
    n = count(np.shape(x), axis)
    return _by_rank(x, axis, keepdims, (n - 1) // 2, _halves if n % 2 == 0 else _whole)


def _position(q: float, n: int) -> tuple[int, float]:
    """Return the rank below the quantile, and how far from it to the next one."""
    position = q * (n - 1)
    return math.floor(position), position - math.floor(position)


def _infer_quantile(x: ArraySpec, q: float, axis: Axis = None, keepdims: bool = False) -> ArraySpec:
    require_number("q", q, 0)
    if q > 1:
        raise ShapeError(f"q is {q!r}, and must be from 0 to 1")
    return floating_reduction(x, axis, keepdims)


def quantile(
    x: Array, q: float, axis: Axis = None, keepdims: bool = False
) -> tuple[Array, Pullback]:
    """What a share `q` of the n elements along `axis` lies below, linear between elements by size.

    ``(1 - f) * x_(i) + f * x_(i+1)`` with ``i + f = q * (n - 1)``, x_(0) being the smallest.

    VJP: dx = (1 - f) * dy and f * dy where these two are, else 0.
    Convention: of equal elements the first counts as smaller.
    """
    n = count(np.shape(x), axis)
    low, fraction = _position(q, n)

    def shares(beside: Array) -> list[Array]:
        # With the rounding errors that the position has: a small fraction is what is left of it.
        f = np.ones_like(beside) * constant(q, beside) * (n - 1) - low
        return [1 - f, f]

    return _by_rank(x, axis, keepdims, low, shares if fraction else _whole)


def _in_rows(
    transpose: Any, reshape: Any, function: Any, x: Any, axis: Axis, keepdims: bool
) -> Any:
    """Apply what reduces the last axis to the axes of a reduction, made one."""
    axes = normalize_axes(axis, len(x.shape))
    kept = [i for i in range(len(x.shape)) if i not in axes]
    rows = reshape(
        transpose(x, [*kept, *axes]),
        (*[x.shape[i] for i in kept], math.prod([x.shape[i] for i in axes])),
    )
    return reshape(
        function(rows),
        tuple([1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes]),
    )


def _median_torch(torch: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """torch's own is the lower of two in the middle: the upper one is that of the negative."""
    even = count(tuple(x.shape), axis) % 2 == 0

    def middle(rows: Any) -> Any:
        lower = torch.median(rows, dim=-1).values
        return (lower - torch.median(-rows, dim=-1).values) / 2 if even else lower

    return _in_rows(torch.permute, torch.reshape, middle, x, axis, keepdims)


def _quantile_torch(torch: Any, x: Any, q: float, axis: Axis = None, keepdims: bool = False) -> Any:
    """torch knows it in float32 and float64."""
    coarse = x.dtype in (torch.float16, torch.bfloat16)
    wide = x.to(torch.float32) if coarse else x
    if isinstance(axis, tuple):
        y = _in_rows(
            torch.permute,
            torch.reshape,
            lambda rows: torch.quantile(rows, float(q), dim=-1),
            wide,
            axis,
            keepdims,
        )
    else:
        y = torch.quantile(wide, float(q), dim=axis, keepdim=keepdims)
    return y.to(x.dtype) if coarse else y


def _quantile_tensorflow(
    tf: Any, x: Any, q: float, axis: Axis = None, keepdims: bool = False
) -> Any:
    """TensorFlow has neither it nor the median: they are picked from what is sorted."""
    low, fraction = _position(q, count(tuple(x.shape), axis))

    def picked(rows: Any) -> Any:
        by_size = tf.sort(rows, axis=-1)
        if not fraction:
            return by_size[..., low]
        return (1 - fraction) * by_size[..., low] + fraction * by_size[..., low + 1]

    return _in_rows(tf.transpose, tf.reshape, picked, x, axis, keepdims)


def _median_tensorflow(tf: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    return _quantile_tensorflow(tf, x, 0.5, axis, keepdims)


register(
    Op(
        "median",
        median,
        infer=floating_reduction,
        native={
            "torch": _median_torch,
            "tensorflow": _median_tensorflow,
            **spelled(jax="numpy.median"),
        },
        examples=calls("median", *several("median")),
        kinks=(Kink("ties", "median(x)", {"x": (1.0, 1.0, 1.0)}, HALVES),),
        compares=True,
    )
)
register(
    Op(
        "quantile",
        quantile,
        infer=_infer_quantile,
        native={
            "torch": _quantile_torch,
            "tensorflow": _quantile_tensorflow,
            "jax": lambda jax, x, q, axis=None, keepdims=False: jax.numpy.quantile(
                x, float(q), axis=axis, keepdims=keepdims
            ),
        },
        examples=(
            Example("quantile(x, 0.3)", {"x": (4, 3)}),
            Example("quantile(x, q=0.75, axis=0)", {"x": (5, 2)}),
            Example("quantile(x, 0, axis=-1, keepdims=True)", {"x": (4, 3)}),
            Example("quantile(x, 0.9, axis=(2, 0))", {"x": (2, 3, 2)}),
            Example("quantile(x, 1, keepdims=True)", {"x": (2, 3)}),
        ),
        compares=True,
    )
)
