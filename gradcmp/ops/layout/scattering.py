"""Putting: elements of another array are assigned to places of x, or added there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from gradcmp.ops import primitives
from gradcmp.ops.layout.gathering import block, bounds_along, require_inside
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import common_kind, numeric
from gradcmp.ops.spec import Array, ArraySpec, Distinct, Example, Integers, Op, Pullback, ShapeError

ToBoth: TypeAlias = "Callable[[Array], tuple[Array, Array]]"  # cotangents of x and the values


def assigned(x: Array, places: Array, values: Array) -> tuple[Array, ToBoth]:
    """Return x with `values` at `places` of its elements in a row, the last of several at one."""
    shape, size = np.shape(x), math.prod(np.shape(x))
    row = np.reshape(places, -1)
    last = np.full(size, -1)
    np.maximum.at(last, row, np.arange(row.size))
    source = np.reshape(np.where(last < 0, np.arange(size), size + last), shape)
    flat = [np.reshape(x, (-1,)), np.reshape(values, (-1,))]
    kept = np.reshape(last < 0, shape)
    stays = np.reshape(last[row] == np.arange(row.size), np.shape(values))

    def pullback(dy: Array) -> tuple[Array, Array]:
        return np.where(kept, dy, 0), np.where(stays, np.take(dy, places), 0)

    return np.take(np.concatenate(flat), source), pullback


def added(x: Array, places: Array, values: Array) -> tuple[Array, ToBoth]:
    """Return x with `values` added at `places` of its elements in a row."""
    shape = np.shape(x)
    y = x + np.reshape(primitives.scatter_add(values, places, math.prod(shape)), shape)
    return y, lambda dy: (dy, np.take(dy, places))


def beside_indices(y: Array, to_both: ToBoth) -> tuple[Array, Pullback]:
    """Return a value and its pullback where indices stand between the two that have gradients."""

    def pullback(dy: Array) -> tuple[Array, None, Array]:
        dx, dsrc = to_both(dy)
        return dx, None, dsrc

    return y, pullback


def _along(x: Array, indices: Array, axis: int) -> Array:
    """Return the places that indices along an axis name."""
    shape = np.shape(x)
    key = block(shape, np.shape(indices), axis)
    return np.take_along_axis(primitives.flat_indices(shape)[key], np.asarray(indices), axis=axis)


def _scatter_infer(x: ArraySpec, indices: ArraySpec, src: ArraySpec, axis: int) -> ArraySpec:
    require_inside(x, indices, axis)
    if src.shape != indices.shape:
        raise ShapeError(f"src {src.shape} and indices {indices.shape} differ in shape")
    return ArraySpec(x.shape, common_kind(x, src))


def scatter(x: Array, indices: Array, src: Array, axis: int) -> tuple[Array, Pullback]:
    """x with src_ij at place k = indices_ij along `axis` of its row i: torch's scatter.

    VJP: dx = dy, and 0 where something was put; dsrc_ij = dy at its place.
    Convention: of several at one place the last counts, and the others have the gradient 0. In
    torch and TensorFlow all of them have that of the last, which their own values belie.
    """
    return beside_indices(*assigned(x, _along(x, indices, axis), src))


def _scatter_add_infer(x: ArraySpec, indices: ArraySpec, src: ArraySpec, axis: int) -> ArraySpec:
    spec = _scatter_infer(x, indices, src, axis)
    return ArraySpec(spec.shape, numeric(spec).kind)


def scatter_add(x: Array, indices: Array, src: Array, axis: int) -> tuple[Array, Pullback]:
    """x with src_ij added to place k = indices_ij along `axis` of its row i, as in torch.

    VJP: dx = dy; dsrc_ij = dy at its place.
    """
    return beside_indices(*added(x, _along(x, indices, axis), src))


def _grid(x: Any, indices: Any, axis: int, reshape: Any, arange: Any) -> list[Any]:
    """Return an index for each axis of x, those beside `axis` counting along it."""
    at, ndim = axis % len(x.shape), len(x.shape)
    return [
        indices if i == at else reshape(arange(n), tuple(n if i == j else 1 for j in range(ndim)))
        for i, n in enumerate(tuple(indices.shape))
    ]


def _tensorflow_grid(tf: Any, x: Any, indices: Any, axis: int) -> Any:
    grid = _grid(x, indices, axis, tf.reshape, lambda n: tf.range(tf.constant(n, dtype=tf.int64)))
    return tf.stack([tf.broadcast_to(one, tuple(indices.shape)) for one in grid], axis=-1)


def _jax_grid(jax: Any, x: Any, indices: Any, axis: int) -> tuple[Any, ...]:
    return tuple(_grid(x, indices, axis, jax.numpy.reshape, jax.numpy.arange))


def _scatters(name: str) -> tuple[Example, ...]:
    return (
        Example(f"{name}(x, indices, src, 0)", {"x": (4, 3), "indices": (2, 3), "src": (2, 3)}),
        Example(
            f"{name}(x, indices, src, axis=-1)", {"x": (3, 4), "indices": (2, 4), "src": (2, 4)}
        ),
        Example(
            f"{name}(x, indices, src, axis=1)",
            {"x": (2, 4, 3), "indices": (2, 3, 1), "src": (2, 3, 1)},
        ),
    )


register(
    Op(
        "scatter",
        scatter,
        infer=_scatter_infer,
        native={
            "torch": lambda torch, x, indices, src, axis: torch.scatter(x, axis, indices, src),
            "tensorflow": lambda tf, x, indices, src, axis: tf.tensor_scatter_nd_update(
                x, _tensorflow_grid(tf, x, indices, axis), src
            ),
            "jax": lambda jax, x, indices, src, axis: x.at[_jax_grid(jax, x, indices, axis)].set(
                src
            ),
        },
        domain={"indices": Distinct(4)},
        bounds=bounds_along,
        examples=_scatters("scatter"),
    )
)
register(
    Op(
        "scatter_add",
        scatter_add,
        infer=_scatter_add_infer,
        native={
            "torch": lambda torch, x, indices, src, axis: torch.scatter_add(x, axis, indices, src),
            "tensorflow": lambda tf, x, indices, src, axis: tf.tensor_scatter_nd_add(
                x, _tensorflow_grid(tf, x, indices, axis), src
            ),
            "jax": lambda jax, x, indices, src, axis: x.at[_jax_grid(jax, x, indices, axis)].add(
                src
            ),
        },
        domain={"indices": Integers(0, 3)},
        bounds=bounds_along,
        examples=_scatters("scatter_add"),
    )
)
