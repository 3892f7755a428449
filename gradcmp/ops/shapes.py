"""Shape and kind rules that many ops share: what comes out, known before anything runs."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from gradcmp.case import Shape
from gradcmp.ops.spec import ArraySpec, Kind, ShapeError
from gradcmp.ops.static import require_bool

Axis: TypeAlias = int | tuple[int, ...] | None


def broadcast(*specs: ArraySpec) -> Shape:
    """Return the common shape under NumPy's broadcasting.

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


def common_kind(*specs: ArraySpec) -> Kind:
    """Return the kind that all of them have.

    NumPy, torch and JAX promote a mixture differently and TensorFlow refuses it, so it is
    refused here.
    """
    kinds = {spec.kind for spec in specs}
    if len(kinds) > 1:
        mixture = " and ".join(repr(kind) for kind in sorted(kinds))
        raise ShapeError(f"arrays of kinds {mixture} cannot be mixed")
    return specs[0].kind


def numeric(*specs: ArraySpec) -> ArraySpec:
    """Any number of operands, all real or all integer, broadcast against each other."""
    kind = common_kind(*specs)
    if kind == "bool":
        raise ShapeError("booleans were given where numbers are needed; select with where()")
    return ArraySpec(broadcast(*specs), kind)


def floating(*specs: ArraySpec) -> ArraySpec:
    """Like `numeric`, for functions of real numbers only: an integer operand is an error."""
    for spec in specs:
        require_float(spec)
    return ArraySpec(broadcast(*specs), "float")


def comparison(*specs: ArraySpec) -> ArraySpec:
    """Any number of operands of one kind, broadcast; a boolean result."""
    common_kind(*specs)
    return ArraySpec(broadcast(*specs), "bool")


def require_float(spec: ArraySpec) -> None:
    """Raise `ShapeError` for an array that is not of real numbers."""
    if spec.kind != "float":
        raise ShapeError(f"an array of kind '{spec.kind}' was given where real numbers are needed")


def normalize_axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Return the axes as a sorted tuple of non-negative numbers; None means all of them."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    if not axes:
        # NumPy then reduces nothing and torch reduces everything.
        raise ShapeError("axis is (), and must name an axis, or be None for all of them")
    return tuple(sorted(distinct_axes(axes, ndim)))


def distinct_axes(axes: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """Return the axes as non-negative numbers in their own order; naming one twice is an error."""
    for one in axes:
        if isinstance(one, bool) or not isinstance(one, int):
            raise ShapeError(f"axis is {one!r}, and must be an integer or a tuple of integers")
        if not -ndim <= one < ndim:
            many = "1 axis" if ndim == 1 else f"{ndim} axes"
            raise ShapeError(f"axis {one} is out of range for an array with {many}")
    normal = tuple(one % ndim for one in axes)
    if len(set(normal)) < len(normal):
        raise ShapeError(f"axis {axes} names an axis twice")
    return normal


def single_axis(axis: int, ndim: int) -> int:
    """Return one axis as a non-negative number; a tuple is an error."""
    if isinstance(axis, tuple) or axis is None:
        raise ShapeError(f"axis is {axis!r}, and must be one integer")
    return distinct_axes((axis,), ndim)[0]


def reduction(x: ArraySpec, axis: Axis = None, keepdims: bool = False) -> ArraySpec:
    """One operand of numbers, with `axis` removed, or kept with length 1."""
    require_bool("keepdims", keepdims)
    axes = normalize_axes(axis, len(x.shape))
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes)
    return ArraySpec(shape, numeric(x).kind)


def floating_reduction(x: ArraySpec, axis: Axis = None, keepdims: bool = False) -> ArraySpec:
    """Like `reduction`, for real numbers only, and at least one of them (a maximum, a mean)."""
    require_float(x)
    if any(x.shape[i] == 0 for i in normalize_axes(axis, len(x.shape))):
        raise ShapeError(f"shape {x.shape} has no elements along axis {axis}")
    return reduction(x, axis, keepdims)


def along_axis(x: ArraySpec, axis: int = -1) -> ArraySpec:
    """One operand of real numbers, same shape out, with one axis that must exist."""
    require_float(x)
    single_axis(axis, len(x.shape))
    return x
