"""Array functions that move numbers without computing any, for arrays that carry replicas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gradcmp.judge.noise.model import FUNCTIONS, NoiseModel, NoisyArray, Rule, align


def _shift(axis: int, ndim: int) -> int:
    return axis % ndim + 1


def _shift_all(axis: Any, ndim: int) -> Any:
    return (
        tuple(_shift(one, ndim) for one in axis)
        if isinstance(axis, Sequence)
        else _shift(axis, ndim)
    )


def _reshape(x: NoisyArray, shape: Any, **_: Any) -> NoisyArray:
    new = (shape,) if isinstance(shape, int) else tuple(shape)
    return NoisyArray(x.stack.reshape((len(x.stack), *new)), x.model)


def _transpose(x: NoisyArray, axes: Any = None) -> NoisyArray:
    order = range(x.ndim)[::-1] if axes is None else axes
    return NoisyArray(x.stack.transpose((0, *(_shift(a, x.ndim) for a in order))), x.model)


def _broadcast_to(x: NoisyArray, shape: Any, **_: Any) -> NoisyArray:
    (stack,) = align((x,), x.model)
    new = (shape,) if isinstance(shape, int) else tuple(shape)
    stack = stack.reshape((len(stack),) + (1,) * (len(new) - x.ndim) + x.shape)
    return NoisyArray(np.broadcast_to(stack, (len(stack), *new)), x.model)


def _expand_dims(x: NoisyArray, axis: Any) -> NoisyArray:
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    ndim = x.ndim + len(axes)
    return NoisyArray(np.expand_dims(x.stack, tuple(a % ndim + 1 for a in axes)), x.model)


def _squeeze(x: NoisyArray, axis: Any = None) -> NoisyArray:
    axes = tuple(i for i, n in enumerate(x.shape) if n == 1) if axis is None else axis
    axes = axes if isinstance(axes, tuple) else (axes,)
    return NoisyArray(np.squeeze(x.stack, tuple(_shift(a, x.ndim) for a in axes)), x.model)


def _along(function: Rule) -> Rule:
    """Wrap a function ``(x, axis=...)`` of one array and one axis."""

    def rule(x: NoisyArray, *args: Any, axis: Any = None, **rest: Any) -> NoisyArray:
        axis = tuple(range(x.ndim)) if axis is None else axis
        return NoisyArray(function(x.stack, *args, axis=_shift_all(axis, x.ndim), **rest), x.model)

    return rule


def _moveaxis(x: NoisyArray, source: Any, destination: Any) -> NoisyArray:
    moved = np.moveaxis(x.stack, _shift_all(source, x.ndim), _shift_all(destination, x.ndim))
    return NoisyArray(moved, x.model)


def _swapaxes(x: NoisyArray, one: int, other: int) -> NoisyArray:
    return NoisyArray(x.stack.swapaxes(_shift(one, x.ndim), _shift(other, x.ndim)), x.model)


def _joining(function: Rule, new_axes: int) -> Rule:
    def rule(arrays: Sequence[Any], axis: int = 0, **_: Any) -> NoisyArray:
        model = next(a.model for a in arrays if isinstance(a, NoisyArray))
        stacks = [stack_of(a, model) for a in arrays]
        return NoisyArray(function(stacks, axis=_shift(axis, stacks[0].ndim - 1 + new_axes)), model)

    return rule


def stack_of(a: Any, model: NoiseModel) -> Any:
    """Return the replicas of an operand; what has none is the same in each."""
    if isinstance(a, NoisyArray):
        return a.stack
    return np.broadcast_to(np.asarray(a)[None], (model.replicas + 1, *np.shape(a)))


def _where(condition: Any, x: Any, y: Any) -> NoisyArray:
    model = next(a.model for a in (condition, x, y) if isinstance(a, NoisyArray))
    return NoisyArray(np.where(*align((condition, x, y), model)), model)


def _take(x: NoisyArray, indices: Any, axis: int | None = None, **_: Any) -> NoisyArray:
    if axis is None:
        return _take(_reshape(x, -1), indices, axis=0)
    return NoisyArray(np.take(x.stack, indices, axis=_shift(axis, x.ndim)), x.model)


def _take_along_axis(x: Any, indices: Any, axis: int) -> NoisyArray:
    model = next(a.model for a in (x, indices) if isinstance(a, NoisyArray))
    stacks = (stack_of(x, model), stack_of(indices, model))
    return NoisyArray(np.take_along_axis(*stacks, axis=_shift(axis, np.ndim(x))), model)


def _argmax(x: NoisyArray, axis: int | None = None) -> NoisyArray:
    """Find the first of the largest, in every replica."""
    if axis is None:
        return _argmax(_reshape(x, -1), axis=0)
    along, branches = _shift(axis, x.ndim), x.model.branches
    first = np.argmax(x.stack, axis=along)
    if not branches.free:
        length = x.stack.shape[along]
        last = length - 1 - np.argmax(np.flip(x.stack[:1], axis=along), axis=along)
        branches.tied |= bool(np.any(first[:1] != last))
        branches.near += int(np.count_nonzero(np.any(first[1:] != first[:1], axis=0)))
    return NoisyArray(branches.decide(first), x.model)


def _argsort(x: NoisyArray, axis: int = -1, **rest: Any) -> NoisyArray:
    """Sort every replica; the inverse of such an order decides nothing anew."""
    along, branches = _shift(axis, x.ndim), x.model.branches
    order = np.argsort(x.stack, axis=along, **rest)
    if x.dtype.kind == "i":
        return NoisyArray(order, x.model)
    if not branches.free:
        by_size = np.sort(x.stack[:1], axis=along)
        branches.tied |= bool(np.any(np.diff(by_size, axis=along) == 0))
        branches.near += int(np.count_nonzero(np.any(order[1:] != order[:1], axis=0)))
    return NoisyArray(branches.decide(order), x.model)


def _filled(value: float) -> Rule:
    def rule(x: NoisyArray, dtype: Any = None, shape: Any = None, **_: Any) -> NoisyArray:
        new = x.shape if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
        return NoisyArray(np.full((len(x.stack), *new), value, dtype or x.dtype), x.model)

    return rule


def _pad(x: NoisyArray, pad_width: Any, mode: str = "constant", **rest: Any) -> NoisyArray:
    widths = np.broadcast_to(np.asarray(pad_width), (x.ndim, 2))
    return NoisyArray(np.pad(x.stack, [(0, 0), *map(tuple, widths)], mode, **rest), x.model)  # type: ignore[call-overload]


def _windows(x: NoisyArray, window_shape: Any, axis: Any = None, **_: Any) -> NoisyArray:
    axes = tuple(range(x.ndim)) if axis is None else axis
    return NoisyArray(sliding_window_view(x.stack, window_shape, _shift_all(axes, x.ndim)), x.model)


def _ufunc_method(ufunc: np.ufunc, method: str, **defaults: Any) -> Rule:
    def rule(x: NoisyArray, axis: Any = None, **rest: Any) -> Any:
        return getattr(ufunc, method)(x, axis=axis, **{**defaults, **rest})

    return rule


FUNCTIONS.update(
    {
        np.shape: lambda x: x.shape,
        np.ndim: lambda x: x.ndim,
        np.size: lambda x: x.size,
        np.real: lambda x: x,
        np.reshape: _reshape,
        np.transpose: _transpose,
        np.broadcast_to: _broadcast_to,
        np.expand_dims: _expand_dims,
        np.squeeze: _squeeze,
        np.flip: _along(np.flip),
        np.roll: _along(np.roll),
        np.moveaxis: _moveaxis,
        np.swapaxes: _swapaxes,
        np.concatenate: _joining(np.concatenate, 0),
        np.stack: _joining(np.stack, 1),
        np.where: _where,
        np.take: _take,
        np.take_along_axis: _take_along_axis,
        np.argmax: _argmax,
        np.argsort: _argsort,
        np.zeros_like: _filled(0.0),
        np.ones_like: _filled(1.0),
        np.pad: _pad,
        np.copy: lambda x: NoisyArray(x.stack.copy(), x.model),
        np.cumsum: _ufunc_method(np.add, "accumulate"),
        np.sum: _ufunc_method(np.add, "reduce"),
        np.prod: _ufunc_method(np.multiply, "reduce"),
        np.max: _ufunc_method(np.maximum, "reduce"),
        np.min: _ufunc_method(np.minimum, "reduce"),
        np.amax: _ufunc_method(np.maximum, "reduce"),
        np.amin: _ufunc_method(np.minimum, "reduce"),
        sliding_window_view: _windows,
    }
)
