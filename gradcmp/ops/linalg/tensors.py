"""Contractions and Kronecker products."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np

from gradcmp.ops.primitives import product, unbroadcast
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import distinct_axes, require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError

Axes: TypeAlias = int | tuple[tuple[int, ...] | int, ...]


def _pairs(axes: Axes, x: int, y: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return which axes of x and y are summed over, pair by pair, as non-negative numbers."""
    if isinstance(axes, int) and not isinstance(axes, bool):
        if not 0 <= axes <= min(x, y):
            raise ShapeError(f"axes is {axes}, and must be from 0 to {min(x, y)}")
        return tuple(range(x - axes, x)), tuple(range(axes))
    if not isinstance(axes, tuple) or len(axes) != 2:
        raise ShapeError(f"axes is {axes!r}, and must be an integer or two tuples of axes")
    left, right = map(_axes, axes)
    if len(left) != len(right):
        raise ShapeError(f"axes {left} and {right} differ in length")
    return distinct_axes(left, x), distinct_axes(right, y)


def _axes(one: tuple[int, ...] | int) -> tuple[int, ...]:
    return one if isinstance(one, tuple) else (one,)


def _infer_tensordot(x: ArraySpec, y: ArraySpec, axes: Axes = 2) -> ArraySpec:
    require_float(x)
    require_float(y)
    left, right = _pairs(axes, len(x.shape), len(y.shape))
    for i, j in zip(left, right, strict=True):
        if x.shape[i] != y.shape[j]:
            raise ShapeError(
                f"axis {i} of x and axis {j} of y have lengths {x.shape[i]} and {y.shape[j]}"
            )
    rest = [n for i, n in enumerate(x.shape) if i not in left]
    return ArraySpec((*rest, *(n for j, n in enumerate(y.shape) if j not in right)))


def tensordot(x: Array, y: Array, axes: Axes = 2) -> tuple[Array, Pullback]:
    """Sums of products over pairs of axes: the last of x and first of y, or two tuples of axes.

    The result has the other axes of x, then those of y.

    VJP: dx = dz contracted with y over the other axes of y, dy likewise with x.
    """
    left, right = _pairs(axes, np.ndim(x), np.ndim(y))
    rows = [i for i in range(np.ndim(x)) if i not in left]
    columns = [j for j in range(np.ndim(y)) if j not in right]
    kept = [np.shape(x)[i] for i in rows], [np.shape(y)[j] for j in columns]
    common = math.prod(np.shape(x)[i] for i in left)
    m, n = map(math.prod, kept)
    a = np.reshape(np.transpose(x, (*rows, *left)), (m, common))
    b = np.reshape(np.transpose(y, (*right, *columns)), (common, n))

    def back(d: Array, like: Array, order: tuple[int, ...]) -> Array:
        wide = np.reshape(d, tuple(np.shape(like)[i] for i in order))
        return np.transpose(wide, tuple(order.index(i) for i in range(len(order))))

    def pullback(dz: Array) -> tuple[Array, Array]:
        flat = np.reshape(dz, (m, n))
        da, db = product(flat, np.transpose(b)), product(np.transpose(a), flat)
        return back(da, x, (*rows, *left)), back(db, y, (*right, *columns))

    return np.reshape(product(a, b), (*kept[0], *kept[1])), pullback


def _infer_kron(x: ArraySpec, y: ArraySpec) -> ArraySpec:
    require_float(x)
    require_float(y)
    a, b = _alike(x.shape, y.shape)
    return ArraySpec(tuple(m * n for m, n in zip(a, b, strict=True)))


def _alike(x: tuple[int, ...], y: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return both shapes with as many axes: the shorter one gets some of length 1 in front."""
    ndim = max(len(x), len(y))
    return (1,) * (ndim - len(x)) + x, (1,) * (ndim - len(y)) + y


def _interleaved(x: tuple[int, ...], y: tuple[int, ...]) -> tuple[list[int], list[int], list[int]]:
    """Return shapes in which x and y broadcast to all products, and that of the result."""
    a, b = _alike(x, y)
    left = [n for pair in zip(a, (1,) * len(a), strict=True) for n in pair]
    right = [n for pair in zip((1,) * len(b), b, strict=True) for n in pair]
    return left, right, [m * n for m, n in zip(a, b, strict=True)]


def kron(x: Array, y: Array) -> tuple[Array, Pullback]:
    """Kronecker product: every element of x times all of y, block by block along every axis.

    What has fewer axes gets some of length 1 in front. TensorFlow has none: products of what is
    reshaped.

    VJP: dx = the sum over each block of dz * y, dy = the sum over all blocks of x * dz.
    """
    left, right, shape = _interleaved(np.shape(x), np.shape(y))
    a, b = np.reshape(x, left), np.reshape(y, right)

    def pullback(dz: Array) -> tuple[Array, Array]:
        wide = np.reshape(dz, tuple(m * n for m, n in zip(left, right, strict=True)))
        dx, dy = unbroadcast(wide * b, a), unbroadcast(wide * a, b)
        return np.reshape(dx, np.shape(x)), np.reshape(dy, np.shape(y))

    return np.reshape(a * b, shape), pullback


def _tensorflow_kron(tf: Any, x: Any, y: Any) -> Any:
    left, right, shape = _interleaved(tuple(x.shape), tuple(y.shape))
    return tf.reshape(tf.reshape(x, left) * tf.reshape(y, right), shape)


def _torch_tensordot(torch: Any, x: Any, y: Any, axes: Axes = 2) -> Any:
    """Return the contraction; torch wants an integer or two sequences."""
    dims = axes if isinstance(axes, int) else [[*_axes(one)] for one in axes]
    return torch.tensordot(x, y, dims=dims)


register(
    Op(
        "tensordot",
        tensordot,
        infer=_infer_tensordot,
        native={
            "torch": _torch_tensordot,
            "tensorflow": lambda tf, x, y, axes=2: tf.tensordot(x, y, axes=axes),
            "jax": lambda jax, x, y, axes=2: jax.numpy.tensordot(x, y, axes=axes),
        },
        examples=(
            Example("tensordot(x, y)", {"x": (2, 3, 4), "y": (3, 4, 5)}),
            Example("tensordot(x, y, 1)", {"x": (2, 3), "y": (3, 4)}),
            Example("tensordot(x, y, axes=0)", {"x": (2, 3), "y": (4,)}),
            Example("tensordot(x, y, axes=((0, -1), (1, 0)))", {"x": (2, 3, 4), "y": (4, 2)}),
        ),
    )
)
register(
    Op(
        "kron",
        kron,
        infer=_infer_kron,
        native={
            "torch": lambda torch, x, y: torch.kron(x, y),
            "tensorflow": _tensorflow_kron,
            "jax": lambda jax, x, y: jax.numpy.kron(x, y),
        },
        examples=(
            Example("kron(x, y)", {"x": (2, 3), "y": (4, 2)}),
            Example("kron(x, y)", {"x": (3,), "y": (2, 2, 2)}),
            Example("kron(x, y)", {"x": (2, 2), "y": ()}),
        ),
    )
)
