"""Picking elements: by a key that is written out, or by an array of indices."""

from __future__ import annotations

import math
from functools import partial
from types import EllipsisType
from typing import Any, TypeAlias

import numpy as np

from gradcmp.case import Shape
from gradcmp.ops.layout.gathering import bounds_along, require_entries, require_indices
from gradcmp.ops.primitives import flat_indices, scatter_add, zeros
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import single_axis
from gradcmp.ops.spec import Array, ArraySpec, Example, Integers, Op, Pullback, ShapeError

Part: TypeAlias = int | slice | EllipsisType | None
Key: TypeAlias = tuple[Part, ...]


def _spelled_out(key: Key, ndim: int) -> tuple[int | slice | None, ...]:
    """Replace ``...``, or the axes that a key leaves off at the end, by full slices."""
    named = [part for part in key if part is not None and part is not ...]
    if key.count(...) > 1:
        raise ShapeError("a key can have one '...'")
    if len(named) > ndim:
        raise ShapeError(f"{len(named)} indices are too many for an array with {ndim} axes")
    at = key.index(...) if ... in key else len(key)
    filled = (*key[:at], *(slice(None),) * (ndim - len(named)), *key[at + 1 :])
    return tuple(part for part in filled if not isinstance(part, EllipsisType))


def _getitem_infer(x: ArraySpec, key: Key) -> ArraySpec:
    lengths = iter(x.shape)
    shape: list[int] = []
    for part in _spelled_out(key, len(x.shape)):
        if part is None:
            shape.append(1)
        elif isinstance(part, slice):
            if part.step == 0:
                raise ShapeError("a slice has step 0")
            shape.append(len(range(*part.indices(next(lengths)))))
        else:
            length = next(lengths)
            if not -length <= part < length:
                raise ShapeError(f"index {part} is out of range for an axis of length {length}")
    return ArraySpec(tuple(shape), x.kind)


def getitem(x: Array, key: Key) -> tuple[Array, Pullback]:
    """x[key]: integers, slices with any step, ``...`` and None for a new axis.

    VJP: dx = dy where the key points, else 0.
    """
    y = x[key]
    origin = np.full(np.shape(x), math.prod(np.shape(y)))  # such a key points nowhere twice
    origin[key] = flat_indices(np.shape(y))

    def pullback(dy: Array) -> tuple[Array]:
        padded = np.concatenate([np.reshape(dy, (-1,)), zeros(dy, (1,))])
        return (np.take(padded, origin),)

    return y, pullback


def _getitem_torch(torch: Any, x: Any, key: Key) -> Any:
    """Torch has no negative steps: such an axis is flipped and counted from its other end."""
    parts = list(_spelled_out(key, x.ndim))
    where = [i for i, part in enumerate(parts) if part is not None]
    flipped = []
    for axis, i in enumerate(where):
        part = parts[i]
        if isinstance(part, slice) and (part.step or 1) < 0:
            start, stop, step = part.indices(x.shape[axis])
            last = x.shape[axis] - 1
            parts[i] = slice(last - start, last - stop, -step)
            flipped.append(axis)
    return (torch.flip(x, flipped) if flipped else x)[tuple(parts)]


register(
    Op(
        "getitem",
        getitem,
        infer=_getitem_infer,
        native={
            "torch": _getitem_torch,
            "tensorflow": lambda _, x, key: x[key],
            "jax": lambda _, x, key: x[key],
        },
        examples=(
            Example("x[0]", {"x": (4, 3)}),
            Example("x[1:, ::2]", {"x": (4, 3)}),
            Example("x[..., None, -1]", {"x": (4, 3, 2)}),
            Example("x[::-1, 2:0:-1]", {"x": (4, 3)}),
            Example("x[-1, ..., None, 4::-2]", {"x": (2, 3, 6)}),
            Example("x[3:1]", {"x": (4, 3)}),
        ),
    )
)


def _take_infer(x: ArraySpec, indices: ArraySpec, axis: int = 0) -> ArraySpec:
    require_indices(indices)
    at = single_axis(axis, len(x.shape))
    require_entries(x, indices, at)
    return ArraySpec(x.shape[:at] + indices.shape + x.shape[at + 1 :], x.kind)


def put_back(dy: Array, indices: Array, shape: Shape, axis: int) -> Array:
    """Add up dy where `indices` along `axis` of `shape` point: the transpose of `np.take`."""
    places = np.take(flat_indices(shape), indices, axis=axis)
    return np.reshape(scatter_add(dy, places, math.prod(shape)), shape)


def take(x: Array, indices: Array, axis: int = 0) -> tuple[Array, Pullback]:
    """The entries of x along `axis` that `indices` name, 0 being the first: an embedding.

    VJP: dx_j = sum of dy over all places whose index is j.
    Convention: an index below 0 or beyond the end is an error. NumPy, JAX and torch's brackets
    count back from the end what is below 0, torch's embedding and TensorFlow do not; beyond the
    end JAX gives NaN, and a GPU of TensorFlow 0.
    """
    shape = np.shape(x)
    return (
        np.take(x, indices, axis=axis),
        lambda dy: (put_back(dy, indices, shape, axis), None),
    )


def _take_torch(torch: Any, x: Any, indices: Any, axis: int = 0) -> Any:
    if axis == 0 and x.ndim == 2 and not x.dtype.is_complex:  # of those no gradient
        return torch.nn.functional.embedding(indices, x)
    before = (slice(None),) * (axis % x.ndim)
    if indices.ndim == 0:  # as one number, which a compiler would have to know
        return x[(*before, indices.reshape(1))].squeeze(axis)
    return x[(*before, indices)]


register(
    Op(
        "take",
        take,
        infer=_take_infer,
        native={
            "torch": _take_torch,
            "tensorflow": lambda tf, x, indices, axis=0: tf.gather(x, indices, axis=axis),
            "jax": lambda jax, x, indices, axis=0: jax.numpy.take(x, indices, axis=axis),
        },
        domain={"indices": Integers(0, 3)},
        bounds=partial(bounds_along, axis=0),
        examples=(
            Example("take(x, indices)", {"x": (3, 4), "indices": (2, 5)}),
            Example("take(x, indices, axis=-1)", {"x": (2, 4), "indices": (6,)}),
            Example("take(x, indices, axis=1)", {"x": (2, 3, 2), "indices": ()}),
        ),
    )
)
