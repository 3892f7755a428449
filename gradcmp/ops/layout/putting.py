"""Putting by index arrays: rows or elements of x that are assigned, or added to."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from gradcmp.ops.layout.gathering import bounds_along, require_entries, require_indices
from gradcmp.ops.layout.scattering import added, assigned, beside_indices
from gradcmp.ops.primitives import flat_indices, spread, unbroadcast
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import broadcast, common_kind, numeric, single_axis
from gradcmp.ops.spec import Array, ArraySpec, Distinct, Example, Integers, Op, Pullback, ShapeError
from gradcmp.ops.static import require_bool


def _index_add_infer(x: ArraySpec, indices: ArraySpec, src: ArraySpec, axis: int = 0) -> ArraySpec:
    require_indices(indices)
    at = single_axis(axis, len(x.shape))
    if len(indices.shape) != 1:
        raise ShapeError(f"indices {indices.shape} are not one for each slice")
    shape = (*x.shape[:at], *indices.shape, *x.shape[at + 1 :])
    if src.shape != shape:
        raise ShapeError(f"src is {src.shape}, and must be {shape}: a slice for each index")
    require_entries(x, indices, at)
    return ArraySpec(x.shape, numeric(ArraySpec((), common_kind(x, src))).kind)


def index_add(x: Array, indices: Array, src: Array, axis: int = 0) -> tuple[Array, Pullback]:
    """x with slice j of src added to slice indices_j along `axis`, as in torch.

    VJP: dx = dy; dsrc = the slices of dy that `indices` name.
    """
    places = np.take(flat_indices(np.shape(x)), np.asarray(indices), axis=axis)
    return beside_indices(*added(x, places, src))


def _index_add_tensorflow(tf: Any, x: Any, indices: Any, src: Any, axis: int = 0) -> Any:
    """TensorFlow adds along the first axis."""
    at = axis % len(x.shape)
    swap = [at, *range(1, at), 0, *range(at + 1, len(x.shape))]
    if at:
        x, src = tf.transpose(x, swap), tf.transpose(src, swap)
    y = tf.tensor_scatter_nd_add(x, tf.expand_dims(indices, -1), src)
    return tf.transpose(y, swap) if at else y


def _index_add_jax(jax: Any, x: Any, indices: Any, src: Any, axis: int = 0) -> Any:
    return x.at[(*(slice(None),) * (axis % len(x.shape)), indices)].add(src)


register(
    Op(
        "index_add",
        index_add,
        infer=_index_add_infer,
        native={
            "torch": lambda torch, x, indices, src, axis=0: torch.index_add(x, axis, indices, src),
            "tensorflow": _index_add_tensorflow,
            "jax": _index_add_jax,
        },
        domain={"indices": Integers(0, 3)},
        bounds=partial(bounds_along, axis=0),
        examples=(
            Example("index_add(x, indices, src)", {"x": (3, 2), "indices": (5,), "src": (5, 2)}),
            Example(
                "index_add(x, indices, src, axis=-1)",
                {"x": (2, 4, 3), "indices": (2,), "src": (2, 4, 2)},
            ),
            Example(
                "index_add(x, indices, src, axis=1)", {"x": (2, 3), "indices": (4,), "src": (2, 4)}
            ),
        ),
    )
)


def _index_put_infer(
    x: ArraySpec, values: ArraySpec, *indices: ArraySpec, accumulate: bool = False
) -> ArraySpec:
    require_bool("accumulate", accumulate)
    if not indices or len(indices) > len(x.shape):
        raise ShapeError(
            f"there are {len(indices)} arrays of indices for the {len(x.shape)} axes of {x.shape}"
        )
    for at, one in enumerate(indices):
        require_indices(one)
        require_entries(x, one, at)
    shape = broadcast(*indices) + x.shape[len(indices) :]
    if broadcast(values, ArraySpec(shape)) != shape:
        raise ShapeError(f"values {values.shape} do not fit into {shape}, what the indices name")
    kind = common_kind(x, values)
    return ArraySpec(x.shape, numeric(ArraySpec((), kind)).kind if accumulate else kind)


def index_put(
    x: Array, values: Array, *indices: Array, accumulate: bool = False
) -> tuple[Array, Pullback]:
    """x with ``x[i, j] = values``, or with `accumulate` ``x[i, j] += values`` for every index.

    One array of indices for each of the first axes of x, broadcast; so are the values. torch has
    the indices before the values.

    VJP: dx = dy, and 0 where something was put; dvalues = dy at their places.
    Convention: of several at one place the last counts, and the others have the gradient 0. In
    torch and TensorFlow all of them have that of the last, which their own values belie.
    """
    places = flat_indices(np.shape(x))[tuple(np.asarray(one) for one in indices)]
    fitted = spread(values, places.shape)
    y, pullback = (added if accumulate else assigned)(x, places, fitted)

    def with_indices(dy: Array) -> tuple[Array | None, ...]:
        dx, dvalues = pullback(dy)
        return dx, unbroadcast(dvalues, values), *[None] * len(indices)

    return y, with_indices


def _index_put_tensorflow(
    tf: Any, x: Any, values: Any, *indices: Any, accumulate: bool = False
) -> Any:
    shape = np.broadcast_shapes(*(tuple(one.shape) for one in indices))
    grid = tf.stack([tf.broadcast_to(one, shape) for one in indices], axis=-1)
    fitted = tf.broadcast_to(values, shape + tuple(x.shape)[len(indices) :])
    put = tf.tensor_scatter_nd_add if accumulate else tf.tensor_scatter_nd_update
    return put(x, grid, fitted)


def _index_put_jax(jax: Any, x: Any, values: Any, *indices: Any, accumulate: bool = False) -> Any:
    places = x.at[indices]
    return places.add(values) if accumulate else places.set(values)


register(
    Op(
        "index_put",
        index_put,
        infer=_index_put_infer,
        native={
            "torch": lambda torch, x, values, *indices, accumulate=False: torch.index_put(
                x, indices, values, accumulate=accumulate
            ),
            "tensorflow": _index_put_tensorflow,
            "jax": _index_put_jax,
        },
        domain={"i": Distinct(4), "j": Integers(0, 3), "k": Integers(0, 2)},
        bounds=lambda x, values, *indices, accumulate=False: (
            (None, None, *map(range, x.shape[: len(indices)]))
        ),
        examples=(
            Example("index_put(x, y, i)", {"x": (4, 3), "y": (2, 3), "i": (2,)}),
            Example("index_put(x, y, i, j)", {"x": (4, 3, 2), "y": (2,), "i": (3,), "j": (3,)}),
            Example("index_put(x, y, k, accumulate=True)", {"x": (4, 3), "y": (5, 3), "k": (5,)}),
            Example(
                "index_put(x, y, [k, j], accumulate=True)",
                {"x": (2, 3), "y": (), "k": (2, 1), "j": (4,)},
            ),
        ),
    )
)
