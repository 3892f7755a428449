"""Primitives of JAX that move numbers and compute none."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax import lax

from gradcmp.judge.noise.model import NoiseModel, NoisyArray, Stack
from gradcmp.native.jax.stacks import Value, base, computed, is_noisy, like, moved, stack

Rule = Callable[..., Any]  # (model, equation, *operands)


def _reshape(model: NoiseModel, eqn: Any, x: Value) -> Value:
    shape = tuple(eqn.outvars[0].aval.shape)
    return moved(model, lambda s: s.reshape(len(s), *shape), x)


def _transpose(model: NoiseModel, eqn: Any, x: Value) -> Value:
    order = (0, *(axis + 1 for axis in eqn.params["permutation"]))
    return moved(model, lambda s: s.transpose(order), x)


def _broadcast(model: NoiseModel, eqn: Any, x: Value, *_: Value) -> Value:
    shape = tuple(eqn.params["shape"])
    lengths = [1] * len(shape)
    for axis, to in enumerate(eqn.params["broadcast_dimensions"]):
        lengths[to] = np.shape(x)[axis]

    def move(s: Stack) -> Stack:
        return np.broadcast_to(s.reshape(len(s), *lengths), (len(s), *shape))

    return moved(model, move, x)


def _slice(model: NoiseModel, eqn: Any, x: Value) -> Value:
    p = eqn.params
    strides = p["strides"] or [1] * len(p["start_indices"])
    cut = tuple(map(slice, p["start_indices"], p["limit_indices"], strides))
    return moved(model, lambda s: s[(slice(None), *cut)], x)


def _concatenate(model: NoiseModel, eqn: Any, *parts: Value) -> Value:
    axis = eqn.params["dimension"] + 1
    return moved(model, lambda *s: np.concatenate(s, axis), *parts)


def _split(model: NoiseModel, eqn: Any, x: Value) -> list[Value]:
    ends, axis = np.cumsum(eqn.params["sizes"])[:-1], eqn.params["axis"] + 1
    return [like(model, part, x) for part in np.split(stack(x), ends, axis)]


def _rev(model: NoiseModel, eqn: Any, x: Value) -> Value:
    axes = tuple(axis + 1 for axis in eqn.params["dimensions"])
    return moved(model, lambda s: np.flip(s, axes), x)


def _pad(model: NoiseModel, eqn: Any, x: Value, value: Value) -> Value:
    shape, config = eqn.outvars[0].aval.shape, eqn.params["padding_config"]
    source, target = [slice(None)], [slice(None)]
    for n, (low, _, inside), length in zip(np.shape(x), config, shape, strict=True):
        places = low + np.arange(n) * (inside + 1)
        kept = np.flatnonzero((places >= 0) & (places < length))
        first, last = (kept[0], kept[-1] + 1) if kept.size else (0, 0)
        source.append(slice(first, last))
        start = places[first] if kept.size else 0
        stop = places[last - 1] + 1 if kept.size else 0
        target.append(slice(start, stop, inside + 1))

    def move(s: Stack, fill: Stack) -> Stack:
        out = np.empty((len(s), *shape), np.result_type(s, fill))
        out[...] = fill.reshape((-1,) + (1,) * len(shape))
        out[tuple(target)] = s[tuple(source)]
        return out

    return moved(model, move, x, value)


def _iota(model: NoiseModel, eqn: Any) -> Value:
    shape, axis = eqn.params["shape"], eqn.params["dimension"]
    lengths = [-1 if i == axis else 1 for i in range(len(shape))]
    whole = np.broadcast_to(np.arange(shape[axis]).reshape(lengths), shape)
    kind = np.dtype(eqn.params["dtype"]).kind
    return whole.astype(eqn.params["dtype"] if kind in "iu" else np.float64)


def _select(model: NoiseModel, eqn: Any, which: Value, *cases: Value) -> Value:
    def move(w: Stack, *s: Stack) -> Stack:
        w = w.reshape(w.shape + (1,) * (s[0].ndim - w.ndim)).astype(np.intp)
        found = s[0]
        for number, one in enumerate(s[1:], start=1):
            found = np.where(w == number, one, found)
        return found

    return moved(model, move, which, *cases)


def _clamp(model: NoiseModel, eqn: Any, low: Value, x: Value, high: Value) -> Value:
    return np.minimum(np.maximum(x, low), high)


def _starts(indices: tuple[Value, ...], shape: Any, sizes: Any) -> list[int]:
    """Return where a slice begins; replicas follow the run without noise."""
    return [
        min(max(int(base(one)), 0), length - size)
        for one, length, size in zip(indices, shape, sizes, strict=True)
    ]


def _dynamic_slice(model: NoiseModel, eqn: Any, x: Value, *indices: Value) -> Value:
    sizes = eqn.params["slice_sizes"]
    starts = _starts(indices, np.shape(x), sizes)
    cut = tuple(slice(i, i + n) for i, n in zip(starts, sizes, strict=True))
    return moved(model, lambda s: s[(slice(None), *cut)], x)


def _dynamic_update_slice(
    model: NoiseModel, eqn: Any, x: Value, update: Value, *indices: Value
) -> Value:
    starts = _starts(indices, np.shape(x), np.shape(update))
    cut = tuple(slice(i, i + n) for i, n in zip(starts, np.shape(update), strict=True))

    def move(s: Stack, u: Stack) -> Stack:
        out = np.array(s)
        out[(slice(None), *cut)] = u
        return out

    return moved(model, move, x, update)


def positions(
    shape: tuple[int, ...], indices: Any, dimensions: Any, sizes: Any, mode: Any
) -> Stack:
    """Return where each gathered element stands: JAX gathers an array of positions."""
    with jax.enable_x64(True):
        places = jax.numpy.arange(math.prod(shape)).reshape(shape)
        found = lax.gather(
            places, jax.numpy.asarray(indices), dimensions, sizes, mode=mode, fill_value=-1
        )
    return np.asarray(found)


def _gather(model: NoiseModel, eqn: Any, x: Value, indices: Value) -> Value:
    p = eqn.params
    mode = "clip" if "CLIP" in str(p["mode"]) else "fill"
    at = positions(np.shape(x), base(indices), p["dimension_numbers"], p["slice_sizes"], mode)
    outside = at < 0

    def move(s: Stack) -> Stack:
        found = s.reshape(len(s), -1)[:, np.maximum(at, 0)]
        return (
            np.where(outside, np.nan if s.dtype.kind == "f" else 0, found)
            if outside.any()
            else found
        )

    return moved(model, move, x)


def _convert(model: NoiseModel, eqn: Any, x: Value) -> Value:
    """Convert; a rounding that the user wrote is one, and any other float stays float64.

    Whole numbers and truth values of real ones are chosen: a number is cut down, or asked.
    """
    to, source = np.dtype(eqn.params["new_dtype"]), np.dtype(eqn.invars[0].aval.dtype)
    real = to.kind in "fV"
    if source.kind in "fV" and to.kind in "iu":
        x = computed(model, np.trunc, None, x)
    if source.kind in "fV" and to.kind == "b":
        x = computed(model, np.not_equal, None, x, np.zeros(()))
    found = moved(model, lambda s: s.astype(np.float64 if real else to), x)
    narrows = real and source.kind in "fV" and source.itemsize > to.itemsize
    return model.jitter(np.array(found.stack), 1.0) if narrows and is_noisy(found) else found


def _sorted(model: NoiseModel, eqn: Any, *operands: Value) -> list[Value]:
    """Sort by the keys of the run without noise, which replicas follow."""
    axis, keys = eqn.params["dimension"], [base(x) for x in operands[: eqn.params["num_keys"]]]
    order = (
        np.lexsort([*reversed(keys)], axis)
        if len(keys) > 1
        else np.argsort(keys[0], axis, kind="stable")
    )

    def move(s: Stack) -> Stack:
        return np.take_along_axis(s, np.broadcast_to(order[None], s.shape), axis + 1)

    return [moved(model, move, one) for one in operands]


def _extreme_place(function: Callable[..., Any]) -> Rule:
    def rule(model: NoiseModel, eqn: Any, x: Value) -> Value:
        (axis,) = eqn.params["axes"]
        return function(base(x), axis).astype(eqn.params["index_dtype"])

    return rule


def _top_k(model: NoiseModel, eqn: Any, x: Value) -> list[Value]:
    k = eqn.params["k"]
    order = np.argsort(-base(x), -1, kind="stable")[..., :k]

    def move(s: Stack) -> Stack:
        return np.take_along_axis(s, np.broadcast_to(order[None], (len(s), *order.shape)), -1)

    return [moved(model, move, x), order.astype(np.int32)]


def _same(model: NoiseModel, eqn: Any, x: Value) -> Value:
    return NoisyArray(x.stack, model) if is_noisy(x) else x


MOVEMENT: Mapping[str, Rule] = {
    "argmax": _extreme_place(np.argmax),
    "argmin": _extreme_place(np.argmin),
    "broadcast_in_dim": _broadcast,
    "clamp": _clamp,
    "concatenate": _concatenate,
    "convert_element_type": _convert,
    "device_put": lambda model, eqn, *xs: list(xs),
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "expand_dims": _reshape,
    "gather": _gather,
    "iota": _iota,
    "pad": _pad,
    "reduce_precision": _same,
    "reshape": _reshape,
    "rev": _rev,
    "select_n": _select,
    "slice": _slice,
    "sort": _sorted,
    "split": _split,
    "squeeze": _reshape,
    "top_k": _top_k,
    "transpose": _transpose,
}
