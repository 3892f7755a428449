"""Primitives of JAX that add up: reductions, products of matrices, convolutions, scatters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jax import lax

from gradcmp.judge.noise.model import NoiseModel, Stack
from gradcmp.native.jax.movement import Rule, positions
from gradcmp.native.jax.stacks import Value, base, computed, is_noisy, like, moved, stack
from gradcmp.ops.primitives import Sum


def added(
    model: NoiseModel, total: Stack, squares: Stack, terms: Any, kind: Sum, *sources: Value
) -> Value:
    """Return a sum with the error of adding its terms up."""
    if not any(map(is_noisy, sources)) or total.dtype.kind != "f":
        return like(model, total, *sources)
    length = max(len(stack(one)) for one in sources)
    whole = np.array(np.broadcast_to(total, (length, *total.shape[1:])))
    return model.jitter_sum(whole, squares, terms, kind)


def _axes(eqn: Any) -> tuple[int, ...]:
    return tuple(axis + 1 for axis in eqn.params["axes"])


def _reduce_sum(model: NoiseModel, eqn: Any, x: Value) -> Value:
    axes, s = _axes(eqn), stack(x)
    total, terms = np.asarray(s.sum(axes)), math.prod(s.shape[axis] for axis in axes)
    if terms == 1 or s.dtype.kind != "f":
        return like(model, total, x)
    # XLA adds up bfloat16 in the dtype itself.
    kind: Sum = "scatter" if str(eqn.outvars[0].aval.dtype) == "bfloat16" else "sum"
    return added(model, total, np.asarray(np.square(s[:1]).sum(axes)), terms, kind, x)


def _reduced(function: Callable[..., Any]) -> Rule:
    def rule(model: NoiseModel, eqn: Any, x: Value) -> Value:
        return moved(model, lambda s: np.asarray(function(s, _axes(eqn))), x)

    return rule


def _reduce_prod(model: NoiseModel, eqn: Any, x: Value) -> Value:
    terms = math.prod(np.shape(x)[axis] for axis in eqn.params["axes"])
    return computed(model, lambda s: _product(s, eqn, x), math.sqrt(max(terms, 1)), x)


def _product(s: Any, eqn: Any, x: Value) -> Any:
    shift = int(is_noisy(x))
    return np.prod(s, tuple(axis + shift for axis in eqn.params["axes"]))


def _cumsum(model: NoiseModel, eqn: Any, x: Value) -> Value:
    axis, reverse, s = eqn.params["axis"] + 1, eqn.params["reverse"], stack(x)
    turned = np.flip(s, axis) if reverse else s
    total, squares = np.cumsum(turned, axis), np.cumsum(np.square(turned[:1]), axis)
    lengths = [-1 if i == axis else 1 for i in range(1, s.ndim)]
    terms = np.arange(1, s.shape[axis] + 1).reshape(lengths)
    found = added(model, total, squares, terms, "running", x)
    return moved(model, lambda one: np.flip(one, axis), found) if reverse else found


def _dot_general(model: NoiseModel, eqn: Any, left: Value, right: Value) -> Value:
    (c_left, c_right), (b_left, b_right) = eqn.params["dimension_numbers"]
    left, right = model.round_operand(left), model.round_operand(right)

    def arranged(x: Value, contracted: Any, batch: Any, last: bool) -> Stack:
        s = stack(x)
        free = [i for i in range(s.ndim - 1) if i not in contracted and i not in batch]
        groups = [batch, free, contracted] if last else [batch, contracted, free]
        order = [0, *(i + 1 for group in groups for i in group)]
        sizes = [math.prod(s.shape[i + 1] for i in group) for group in groups]
        return s.transpose(order).reshape(len(s), *sizes)

    a, b = arranged(left, c_left, b_left, True), arranged(right, c_right, b_right, False)
    shape = eqn.outvars[0].aval.shape
    total = (a @ b).reshape(-1, *shape)
    if total.dtype.kind != "f":
        return like(model, total, left, right)
    squares = (np.square(a[:1]) @ np.square(b[:1])).reshape(1, *shape)
    return added(model, total, squares, a.shape[-1], "product", left, right)


def _convolution(model: NoiseModel, eqn: Any, x: Value, kernel: Value) -> Value:
    dimensions = eqn.params["dimension_numbers"]
    total = _convolved(stack(x), stack(kernel), eqn.params)
    squares = _convolved(np.square(stack(x)[:1]), np.square(stack(kernel)[:1]), eqn.params)
    outputs = eqn.outvars[0].aval.shape[dimensions.out_spec[1]]
    terms = max(base(kernel).size // max(outputs, 1), 1)
    return added(model, total, squares, terms, "convolved", x, kernel)


def _convolved(x: Stack, kernel: Stack, params: Mapping[str, Any]) -> Stack:
    """Convolve stacks, in any layout, with strides, dilations and groups."""
    dimensions, padding = params["dimension_numbers"], params["padding"]
    length, axes = max(len(x), len(kernel)), len(padding)
    x, kernel = (np.broadcast_to(one, (length, *one.shape[1:])) for one in (x, kernel))
    x = x.transpose(0, *(i + 1 for i in dimensions.lhs_spec))
    kernel = kernel.transpose(0, *(i + 1 for i in dimensions.rhs_spec))
    x, kernel = _dilated(x, params["lhs_dilation"]), _dilated(kernel, params["rhs_dilation"])
    x = np.pad(x, [(0, 0)] * 3 + [(max(low, 0), max(high, 0)) for low, high in padding])
    inner = (
        slice(max(-low, 0), x.shape[3 + i] - max(-high, 0)) for i, (low, high) in enumerate(padding)
    )
    x = x[(slice(None),) * 3 + tuple(inner)]
    windows = np.lib.stride_tricks.sliding_window_view(
        x, kernel.shape[3:], axis=tuple(range(3, 3 + axes))
    )
    strides = tuple(slice(None, None, one) for one in params["window_strides"])
    windows = windows[(slice(None),) * 3 + strides]
    places, taps = "xyz"[:axes], "ijk"[:axes]
    formula = f"lnc{places}{taps},loc{taps}->lno{places}"
    groups, batches = params["feature_group_count"], params["batch_group_count"]
    along, count = (1, batches) if batches > 1 else (2, groups)
    parts = zip(np.split(windows, count, along), np.split(kernel, count, 1), strict=True)
    found = np.concatenate([np.einsum(formula, a, b, optimize=True) for a, b in parts], 2)
    return found.transpose(0, *(int(i) + 1 for i in np.argsort(dimensions.out_spec)))


def _dilated(x: Stack, dilation: Any) -> Stack:
    if all(one == 1 for one in dilation):
        return x
    lengths = ((n - 1) * one + 1 for n, one in zip(x.shape[3:], dilation, strict=True))
    found = np.zeros((*x.shape[:3], *lengths))
    found[(slice(None),) * 3 + tuple(slice(None, None, one) for one in dilation)] = x
    return found


def _scatter_add(model: NoiseModel, eqn: Any, x: Value, indices: Value, updates: Value) -> Value:
    at = _scattered(eqn, np.shape(x), indices, np.shape(updates)).ravel()
    inside = at >= 0
    rows = moved(model, lambda s, _: s.reshape(len(s), -1), x, updates)
    added_rows = moved(model, lambda u, _: u.reshape(len(u), -1), updates, x)
    total = np.array(stack(rows))
    for row, update in zip(total, stack(added_rows), strict=True):
        np.add.at(row, at[inside], update[inside])
    shape = eqn.outvars[0].aval.shape
    squares, terms = np.square(base(x)).reshape(-1) * 1.0, np.ones(total.shape[1])
    np.add.at(squares, at[inside], np.square(base(updates)).reshape(-1)[inside])
    np.add.at(terms, at[inside], 1.0)
    total = total.reshape(-1, *shape)
    squares = squares.reshape(1, *shape)
    return added(model, total, squares, terms.reshape(shape), "scatter", x, updates)


def _scatter(model: NoiseModel, eqn: Any, x: Value, indices: Value, updates: Value) -> Value:
    at = _scattered(eqn, np.shape(x), indices, np.shape(updates)).ravel()
    inside, shape = at >= 0, eqn.outvars[0].aval.shape

    def move(s: Stack, u: Stack) -> Stack:
        found = np.array(s.reshape(len(s), -1))
        found[:, at[inside]] = u.reshape(len(u), -1)[:, inside]
        return found.reshape(-1, *shape)

    return moved(model, move, x, updates)


def _scattered(eqn: Any, shape: Any, indices: Value, updates: Any) -> Stack:
    """Return where each update goes, -1 where it is outside."""
    d = eqn.params["dimension_numbers"]
    batching = getattr(d, "operand_batching_dims", ())
    window = iter([updates[axis] for axis in d.update_window_dims])
    sizes = tuple(
        1 if axis in d.inserted_window_dims or axis in batching else next(window)
        for axis in range(len(shape))
    )
    gathered = lax.GatherDimensionNumbers(
        offset_dims=d.update_window_dims,
        collapsed_slice_dims=d.inserted_window_dims,
        start_index_map=d.scatter_dims_to_operand_dims,
        operand_batching_dims=batching,
        start_indices_batching_dims=getattr(d, "scatter_indices_batching_dims", ()),
    )
    return positions(shape, base(indices), gathered, sizes, "fill")


SUMS: Mapping[str, Rule] = {
    "conv_general_dilated": _convolution,
    "cumsum": _cumsum,
    "dot_general": _dot_general,
    "reduce_and": _reduced(np.all),
    "reduce_max": _reduced(np.max),
    "reduce_min": _reduced(np.min),
    "reduce_or": _reduced(np.any),
    "reduce_prod": _reduce_prod,
    "reduce_sum": _reduce_sum,
    "scatter": _scatter,
    "scatter-add": _scatter_add,
}
