"""By size: sorted, and the largest few."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.primitives import zeros
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import along_axis, single_axis
from gradcmp.ops.spec import Array, ArraySpec, Example, Kink, Op, Pullback, ShapeError
from gradcmp.ops.static import require_bool, require_int


def order_of(x: Array, axis: int, descending: bool = False) -> Array:
    """Return the places of the elements along an axis by size; equal ones stay as they stand."""
    key = np.real(x)
    order: Array = np.argsort(-key if descending else key, axis=axis, kind="stable")
    return order


def ranks_of(order: Array, axis: int) -> Array:
    """Return for each element its place in the order: the inverse permutation."""
    ranks: Array = np.argsort(order, axis=axis, kind="stable")
    return ranks


def _infer_sorted(x: ArraySpec, axis: int = -1, descending: bool = False) -> ArraySpec:
    require_bool("descending", descending)
    return along_axis(x, axis)


def sort(x: Array, axis: int = -1, descending: bool = False) -> tuple[Array, Pullback]:
    """The elements along `axis` by size, from the smallest or the largest on.

    VJP: dx = dy at the place that each element has come to.
    Convention: equal elements stay in their order.
    """
    order = order_of(x, axis, descending)
    y: Array = np.take_along_axis(x, order, axis=axis)
    return y, lambda dy: (np.take_along_axis(dy, ranks_of(order, axis), axis=axis),)


def argsort(x: Array, axis: int = -1, descending: bool = False) -> tuple[Array, Pullback]:
    """The places of the elements along `axis` by size, for `take_along_axis`.

    Convention: equal elements stay in their order.
    """
    return order_of(x, axis, descending), lambda dy: (None,)


def _direction(descending: bool) -> str:
    return "DESCENDING" if descending else "ASCENDING"


def _sorts(name: str) -> tuple[Example, ...]:
    return (
        Example(f"{name}(x)", {"x": (4, 3)}),
        Example(f"{name}(x, axis=0)", {"x": (5,)}),
        Example(f"{name}(x, axis=1, descending=True)", {"x": (2, 4, 3)}),
    )


FIRST = "equal elements may come in any order"


def _ties(call: str, w: tuple[float, ...] = (1.0, 2.0), name: str = "ties") -> Kink:
    """Return the point of equal elements, of which one comes first: seen by unequal cotangents."""
    return Kink(name, f"{call} * w", {"x": (1.0, 1.0), "w": w}, FIRST)


register(
    Op(
        "sort",
        sort,
        infer=_infer_sorted,
        native={
            "torch": lambda torch, x, axis=-1, descending=False: (
                torch.sort(x, dim=axis, descending=descending, stable=True).values
            ),
            "tensorflow": lambda tf, x, axis=-1, descending=False: tf.sort(
                x, axis=axis, direction=_direction(descending)
            ),
            "jax": lambda jax, x, axis=-1, descending=False: jax.numpy.sort(
                x, axis=axis, descending=descending
            ),
        },
        examples=_sorts("sort"),
        compares=True,
        kinks=(_ties("sort(x)"), _ties("sort(x, descending=True)", name="ties, descending")),
    )
)
register(
    Op(
        "argsort",
        argsort,
        infer=lambda x, axis=-1, descending=False: ArraySpec(
            _infer_sorted(x, axis, descending).shape, "int"
        ),
        native={
            "torch": lambda torch, x, axis=-1, descending=False: torch.argsort(
                x, dim=axis, descending=descending, stable=True
            ),
            "tensorflow": lambda tf, x, axis=-1, descending=False: tf.cast(
                tf.argsort(x, axis=axis, direction=_direction(descending), stable=True), tf.int64
            ),
            "jax": lambda jax, x, axis=-1, descending=False: jax.numpy.argsort(
                x, axis=axis, descending=descending
            ),
        },
        examples=_sorts("argsort"),
        differentiable=False,
        compares=True,
    )
)


def _top_k_infer(x: ArraySpec, k: int, axis: int = -1) -> ArraySpec:
    along_axis(x, axis)
    at = single_axis(axis, len(x.shape))
    require_int("k", k, 0)
    if k > x.shape[at]:
        raise ShapeError(f"k is {k}, and axis {axis} has length {x.shape[at]}")
    return ArraySpec((*x.shape[:at], k, *x.shape[at + 1 :]))


def top_k(x: Array, k: int, axis: int = -1) -> tuple[Array, Pullback]:
    """The k largest elements along `axis`, the largest first; their places are not a result.

    VJP: dx = dy at the place that each of them has come to, 0 for all others.
    Convention: of equal elements the first counts as larger.
    """
    shape, at = np.shape(x), axis % np.ndim(x)
    order = order_of(x, at, descending=True)
    key = (*(slice(None),) * at, slice(k))
    y: Array = np.take_along_axis(x, order[key], axis=at)

    def pullback(dy: Array) -> tuple[Array]:
        others = zeros(dy, (*shape[:at], shape[at] - k, *shape[at + 1 :]))
        by_rank = np.concatenate([dy, others], axis=at)
        return (np.take_along_axis(by_rank, ranks_of(order, at), axis=at),)

    return y, pullback


def _last(transpose: Any, function: Any, x: Any, axis: int) -> Any:
    """Apply a function of the last axis to another one."""
    order = list(range(len(x.shape)))
    at = axis % len(order)
    if at == order[-1]:
        return function(x)
    order[at], order[-1] = order[-1], order[at]
    return transpose(function(transpose(x, order)), order)


register(
    Op(
        "top_k",
        top_k,
        infer=_top_k_infer,
        native={
            "torch": lambda torch, x, k, axis=-1: torch.topk(x, k, dim=axis).values,
            "tensorflow": lambda tf, x, k, axis=-1: _last(
                tf.transpose, lambda x: tf.math.top_k(x, k).values, x, axis
            ),
            "jax": lambda jax, x, k, axis=-1: jax.lax.top_k(x, k, axis=axis)[0],
        },
        examples=(
            Example("top_k(x, 2)", {"x": (4, 3)}),
            Example("top_k(x, k=3, axis=0)", {"x": (4, 3)}),
            Example("top_k(x, 1, axis=1)", {"x": (2, 4, 3)}),
        ),
        compares=True,
        kinks=(_ties("top_k(x, 1)", w=(1.0,)),),
    )
)
