"""Shape and kind rules that many ops share: what comes out, known before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from gradcmp.case import Shape
from gradcmp.ops.spec import Array, ArraySpec, Kind, ShapeError

Axis: TypeAlias = int | tuple[int, ...] | None

_KINDS: tuple[Kind, ...] = ("bool", "int", "float")  # each absorbs those before it


def promote(*specs: ArraySpec) -> Kind:
    """Give the kind that can hold all of them."""
    return max((spec.kind for spec in specs), key=_KINDS.index)


def broadcast(*specs: ArraySpec) -> Shape:
    """Give the common shape under NumPy's broadcasting.

    Raises
    ------
    ShapeError
        When two axes differ and neither has length 1.
    """
    try:
        return np.broadcast_shapes(*(spec.shape for spec in specs))
    except ValueError:
        shapes = " and ".join(str(spec.shape) for spec in specs)
        raise ShapeError(f"shapes {shapes} cannot be broadcast together") from None


def elementwise(*specs: ArraySpec) -> ArraySpec:
    """Any number of operands, broadcast against each other."""
    return ArraySpec(broadcast(*specs), promote(*specs))


def floating(*specs: ArraySpec) -> ArraySpec:
    """Like `elementwise`, for functions of real numbers only: an integer operand is an error."""
    for spec in specs:
        require_float(spec)
    return elementwise(*specs)


def comparison(*specs: ArraySpec) -> ArraySpec:
    """Like `elementwise`, with a boolean result."""
    return ArraySpec(broadcast(*specs), "bool")


def require_float(spec: ArraySpec) -> None:
    """Raise `ShapeError` for an array that is not of real numbers."""
    if spec.kind != "float":
        raise ShapeError(f"an array of kind '{spec.kind}' was given where real numbers are needed")


def normalize_axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Give the axes as a sorted tuple of non-negative numbers; None means all of them."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    for one in axes:
        if isinstance(one, bool) or not isinstance(one, int):
            raise ShapeError(f"axis is {one!r}, and must be an integer or a tuple of integers")
        if not -ndim <= one < ndim:
            raise ShapeError(f"axis {one} is out of range for an array with {ndim} axes")
    normal = sorted(one % ndim for one in axes)
    if len(set(normal)) < len(normal):
        raise ShapeError(f"axis {axis} names an axis twice")
    return tuple(normal)


def reduction(x: ArraySpec, axis: Axis = None, keepdims: bool = False) -> ArraySpec:
    """One operand, with `axis` removed, or kept with length 1."""
    axes = normalize_axes(axis, len(x.shape))
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes)
    return ArraySpec(shape, x.kind)


def nonempty_reduction(x: ArraySpec, axis: Axis = None, keepdims: bool = False) -> ArraySpec:
    """Like `reduction`, for those without a value on no elements (a maximum, a mean)."""
    require_float(x)
    if any(x.shape[i] == 0 for i in normalize_axes(axis, len(x.shape))):
        raise ShapeError(f"shape {x.shape} has no elements along axis {axis}")
    return reduction(x, axis, keepdims)


def along_axis(x: ArraySpec, axis: int = -1) -> ArraySpec:
    """One operand of real numbers, same shape out, with one axis that must exist."""
    require_float(x)
    normalize_axes(axis, len(x.shape))
    return x


def unbroadcast(dy: Array, x: Array) -> Array:
    """Sum a cotangent over the axes that broadcasting gave to `x`: the transpose of broadcasting.

    ``dx = sum of dy over the axes that x lacks or has with length 1``, in the shape of `x`.
    """
    shape = np.shape(x)
    if np.shape(dy) == shape:
        return dy
    extra = np.ndim(dy) - len(shape)
    axes = tuple(range(extra)) + tuple(
        i + extra for i, n in enumerate(shape) if n == 1 and np.shape(dy)[i + extra] != 1
    )
    return np.reshape(np.sum(dy, axis=axes), shape)


def expand(reduced: Array, axis: Axis, ndim: int) -> Array:
    """Give the axes that a reduction removed back with length 1, so that it broadcasts again."""
    return np.expand_dims(reduced, normalize_axes(axis, ndim))


InferRule: TypeAlias = Callable[..., ArraySpec]
