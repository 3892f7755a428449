"""Picking along an axis: by an array of indices that has the shape of the result."""

from __future__ import annotations

import math
from types import EllipsisType

import numpy as np

from gradcmp.case import Shape
from gradcmp.ops.primitives import flat_indices, scatter_add
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import broadcast, single_axis
from gradcmp.ops.spec import Array, ArraySpec, Example, Integers, Op, Pullback, ShapeError


def require_indices(indices: ArraySpec) -> None:
    """Raise `ShapeError` unless an operand is of integers."""
    if indices.kind != "int":
        raise ShapeError(f"the indices are of kind '{indices.kind}', and must be integers")


def require_entries(x: ArraySpec, indices: ArraySpec, at: int) -> None:
    """Raise `ShapeError` where there are indices and nothing that they could name."""
    if x.shape[at] == 0 and 0 not in indices.shape:
        raise ShapeError(f"axis {at} of {x.shape} has no entries that an index could name")


def require_inside(x: ArraySpec, indices: ArraySpec, axis: int) -> None:
    """Raise `ShapeError` unless indices along an axis have the axes of x, none of them longer."""
    require_indices(indices)
    at = single_axis(axis, len(x.shape))
    if len(indices.shape) != len(x.shape):
        raise ShapeError(f"indices {indices.shape} and {x.shape} differ in their number of axes")
    for i, (n, m) in enumerate(zip(x.shape, indices.shape, strict=True)):
        if i != at and m > n:
            raise ShapeError(f"indices {indices.shape} are longer than {x.shape} along axis {i}")
    require_entries(x, indices, at)


def bounds_along(
    x: ArraySpec, indices: ArraySpec, *rest: ArraySpec, axis: int = -1
) -> tuple[range | None, ...]:
    """Return what the indices along one axis of x may be."""
    return (None, range(x.shape[axis]), *[None] * len(rest))


def block(shape: Shape, indices: Shape, axis: int) -> tuple[slice, ...]:
    """Return the key of what indices along an axis reach: all of it, of the others so much."""
    at = axis % len(shape)
    return tuple(slice(None if i == at else n) for i, n in enumerate(indices))


def _picked(
    x: Array, indices: Array, key: tuple[slice | EllipsisType, ...], axis: int
) -> tuple[Array, Pullback]:
    shape = np.shape(x)
    y: Array = np.take_along_axis(x[key], np.asarray(indices), axis=axis)

    def pullback(dy: Array) -> tuple[Array, None]:
        places = np.take_along_axis(flat_indices(shape)[key], np.asarray(indices), axis=axis)
        return np.reshape(scatter_add(dy, places, math.prod(shape)), shape), None

    return y, pullback


def _take_along_axis_infer(x: ArraySpec, indices: ArraySpec, axis: int = -1) -> ArraySpec:
    require_indices(indices)
    at = single_axis(axis, len(x.shape))
    if len(indices.shape) != len(x.shape):
        raise ShapeError(f"indices {indices.shape} and {x.shape} differ in their number of axes")
    require_entries(x, indices, at)
    one, other = (ArraySpec((*spec.shape[:at], 1, *spec.shape[at + 1 :])) for spec in (x, indices))
    shape = broadcast(one, other)
    return ArraySpec((*shape[:at], indices.shape[at], *shape[at + 1 :]), x.kind)


def take_along_axis(x: Array, indices: Array, axis: int = -1) -> tuple[Array, Pullback]:
    """y_ij = x_i,k with k = indices_ij along `axis`; along the others x and indices broadcast.

    VJP: dx_ik = sum of dy_ij over all j whose index is k.
    Convention: an index below 0 or beyond the end is an error, as of `take`.
    """
    return _picked(x, indices, (...,), axis)


register(
    Op(
        "take_along_axis",
        take_along_axis,
        infer=_take_along_axis_infer,
        native={
            "torch": lambda torch, x, indices, axis=-1: torch.take_along_dim(x, indices, dim=axis),
            "tensorflow": lambda tf, x, indices, axis=-1: tf.experimental.numpy.take_along_axis(
                x, indices, axis
            ),
            "jax": lambda jax, x, indices, axis=-1: jax.numpy.take_along_axis(
                x, indices, axis=axis
            ),
        },
        domain={"indices": Integers(0, 3)},
        bounds=bounds_along,
        examples=(
            Example("take_along_axis(x, indices)", {"x": (4, 3), "indices": (4, 2)}),
            Example("take_along_axis(x, indices, axis=0)", {"x": (3, 2), "indices": (5, 1)}),
            Example("take_along_axis(x, indices, axis=1)", {"x": (1, 4, 2), "indices": (2, 3, 2)}),
            Example("take_along_axis(x, indices, axis=0)", {"x": (3,), "indices": (5,)}),
        ),
    )
)


def _gather_infer(x: ArraySpec, indices: ArraySpec, axis: int) -> ArraySpec:
    require_inside(x, indices, axis)
    return ArraySpec(indices.shape, x.kind)


def gather(x: Array, indices: Array, axis: int) -> tuple[Array, Pullback]:
    """y_ij = x_i,k with k = indices_ij along `axis`, in the shape of the indices: torch's gather.

    It does not broadcast as `take_along_axis` does: of x only as much is read as there are
    indices, the first row for one row of them. TensorFlow's gather is `take`.

    VJP: dx_ik = sum of dy_ij over all j whose index is k.
    Convention: an index below 0 or beyond the end is an error, as of `take`.
    """
    return _picked(x, indices, block(np.shape(x), np.shape(indices), axis), axis)


register(
    Op(
        "gather",
        gather,
        infer=_gather_infer,
        native={
            "torch": lambda torch, x, indices, axis: torch.gather(x, axis, indices),
            "tensorflow": lambda tf, x, indices, axis: tf.experimental.numpy.take_along_axis(
                x[block(x.shape, indices.shape, axis)], indices, axis
            ),
            "jax": lambda jax, x, indices, axis: jax.numpy.take_along_axis(
                x[block(x.shape, indices.shape, axis)], indices, axis=axis
            ),
        },
        domain={"indices": Integers(0, 3)},
        bounds=bounds_along,
        examples=(
            Example("gather(x, indices, 0)", {"x": (3, 4), "indices": (5, 4)}),
            Example("gather(x, indices, axis=-1)", {"x": (4, 3), "indices": (1, 2)}),
            Example("gather(x, indices, axis=1)", {"x": (2, 3, 4), "indices": (2, 2, 3)}),
        ),
    )
)
