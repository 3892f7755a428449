"""Turned round, shifted or repeated: every element of x stands in the result, once or more."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcmp.ops.primitives import expand, spread, total
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import Axis, normalize_axes, single_axis
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError
from gradcmp.ops.static import require_int, require_ints


def _flip_infer(x: ArraySpec, axis: Axis = None) -> ArraySpec:
    normalize_axes(axis, len(x.shape))
    return x


def flip(x: Array, axis: Axis = None) -> tuple[Array, Pullback]:
    """The elements of x in reverse order along one, several or all axes.

    VJP: dx = dy in reverse order along the same axes.
    """
    axes = normalize_axes(axis, np.ndim(x))
    return np.flip(x, axis=axes), lambda dy: (np.flip(dy, axis=axes),)


register(
    Op(
        "flip",
        flip,
        infer=_flip_infer,
        native={
            "torch": lambda torch, x, axis=None: torch.flip(x, normalize_axes(axis, x.ndim)),
            "tensorflow": lambda tf, x, axis=None: tf.reverse(
                x, list(normalize_axes(axis, len(x.shape)))
            ),
            "jax": lambda jax, x, axis=None: jax.numpy.flip(x, axis=axis),
        },
        examples=(
            Example("flip(x)", {"x": (4, 3)}),
            Example("flip(x, axis=-1)", {"x": (4, 3)}),
            Example("flip(x, axis=(2, 0))", {"x": (2, 3, 2)}),
        ),
    )
)


def _roll_infer(x: ArraySpec, shift: int | tuple[int, ...], axis: Axis = None) -> ArraySpec:
    normalize_axes(axis, len(x.shape))
    if isinstance(shift, tuple) and isinstance(axis, tuple):
        require_ints("shift", shift)
        if len(shift) != len(axis):
            raise ShapeError(f"shift {shift} and axis {axis} differ in length")
        return x
    if isinstance(shift, tuple) or isinstance(axis, tuple):
        raise ShapeError(f"shift is {shift!r} and axis {axis!r}: both are one integer, or tuples")
    require_int("shift", shift)
    return x


def _rolled(x: Array, shift: Any, axis: Axis) -> Array:
    if axis is None:
        return np.reshape(np.roll(np.reshape(x, (-1,)), shift, axis=0), np.shape(x))
    return np.roll(x, shift, axis=axis)


def roll(x: Array, shift: int | tuple[int, ...], axis: Axis = None) -> tuple[Array, Pullback]:
    """Each element `shift` places further along `axis`, what leaves the end enters at the start.

    Without an axis the elements move as if they stood in a row.

    VJP: dx = dy, as far in the other direction.
    """
    back = tuple(-one for one in shift) if isinstance(shift, tuple) else -shift
    return _rolled(x, shift, axis), lambda dy: (_rolled(dy, back, axis),)


def _roll_tensorflow(tf: Any, x: Any, shift: int | tuple[int, ...], axis: Axis = None) -> Any:
    if axis is None:
        return tf.reshape(tf.roll(tf.reshape(x, [-1]), shift, axis=0), x.shape)
    return tf.roll(x, shift, axis=axis)


register(
    Op(
        "roll",
        roll,
        infer=_roll_infer,
        native={
            "torch": lambda torch, x, shift, axis=None: (
                torch.roll(x, shift) if axis is None else torch.roll(x, shift, axis)
            ),
            "tensorflow": _roll_tensorflow,
            "jax": lambda jax, x, shift, axis=None: jax.numpy.roll(x, shift, axis=axis),
        },
        examples=(
            Example("roll(x, 2)", {"x": (4, 3)}),
            Example("roll(x, -1, axis=0)", {"x": (4, 3)}),
            Example("roll(x, shift=(1, 4), axis=(-1, 0))", {"x": (3, 4)}),
        ),
    )
)


def _counts(repetitions: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    return (1,) * (ndim - len(repetitions)) + repetitions


def _tile_infer(x: ArraySpec, repetitions: tuple[int, ...]) -> ArraySpec:
    require_ints("repetitions", repetitions, low=0)
    counts = _counts(repetitions, len(x.shape))
    shape = (1,) * (len(counts) - len(x.shape)) + x.shape
    return ArraySpec(tuple(n * k for n, k in zip(shape, counts, strict=True)), x.kind)


def tile(x: Array, repetitions: tuple[int, ...]) -> tuple[Array, Pullback]:
    """x as a whole, as often as `repetitions` say along each axis, the last ones if they are fewer.

    ``x.repeat(2, 3)`` of torch is this.

    VJP: dx = dy summed over the copies.
    """
    counts = _counts(repetitions, np.ndim(x))
    shape = (1,) * (len(counts) - np.ndim(x)) + np.shape(x)
    apart = [(1, n) for n in shape]
    copies = [(k, n) for n, k in zip(shape, counts, strict=True)]
    copied = spread(np.reshape(x, sum(apart, ())), sum(copies, ()))
    y = np.reshape(copied, tuple(k * n for k, n in copies))

    def pullback(dy: Array) -> tuple[Array]:
        every = np.reshape(dy, sum(copies, ()))
        axes = tuple(range(0, 2 * len(shape), 2))
        return (np.reshape(total(every, axes) if axes else every, np.shape(x)),)

    return y, pullback


def _tile_tensorflow(tf: Any, x: Any, repetitions: tuple[int, ...]) -> Any:
    counts = _counts(repetitions, len(x.shape))
    missing = len(counts) - len(x.shape)
    return tf.tile(tf.reshape(x, (1,) * missing + tuple(x.shape)) if missing else x, counts)


register(
    Op(
        "tile",
        tile,
        infer=_tile_infer,
        native={
            "torch": lambda torch, x, repetitions: torch.tile(x, repetitions),
            "tensorflow": _tile_tensorflow,
            "jax": lambda jax, x, repetitions: jax.numpy.tile(x, repetitions),
        },
        examples=(
            Example("tile(x, (2, 3))", {"x": (4, 3)}),
            Example("tile(x, repetitions=(2,))", {"x": (2, 3)}),
            Example("tile(x, (2, 1, 2))", {"x": (3,)}),
            Example("tile(x, (2,))", {"x": ()}),
        ),
    )
)


def _repeat_infer(x: ArraySpec, repeats: int, axis: int | None = None) -> ArraySpec:
    require_int("repeats", repeats, 0)
    if axis is None:
        return ArraySpec((math.prod(x.shape) * repeats,), x.kind)
    at = single_axis(axis, len(x.shape))
    return ArraySpec((*x.shape[:at], x.shape[at] * repeats, *x.shape[at + 1 :]), x.kind)


def repeat(x: Array, repeats: int, axis: int | None = None) -> tuple[Array, Pullback]:
    """Each element or slice along `axis` `repeats` times, one after the other.

    Without an axis the elements are taken as if they stood in a row. torch calls it
    `repeat_interleave`, and its ``x.repeat`` is `tile`.

    VJP: dx = dy summed over the copies.
    """
    shape = np.shape(x) if axis is not None else (math.prod(np.shape(x)),)
    after = (0 if axis is None else axis % len(shape)) + 1
    copies = (*shape[:after], repeats, *shape[after:])
    joined = (*shape[: after - 1], shape[after - 1] * repeats, *shape[after:])
    y = np.reshape(spread(expand(np.reshape(x, shape), after, len(copies)), copies), joined)

    def pullback(dy: Array) -> tuple[Array]:
        return (np.reshape(total(np.reshape(dy, copies), after), np.shape(x)),)

    return y, pullback


register(
    Op(
        "repeat",
        repeat,
        infer=_repeat_infer,
        native={
            "torch": lambda torch, x, repeats, axis=None: torch.repeat_interleave(
                x, repeats, dim=axis
            ),
            "tensorflow": lambda tf, x, repeats, axis=None: tf.repeat(x, repeats, axis=axis),
            "jax": lambda jax, x, repeats, axis=None: jax.numpy.repeat(x, repeats, axis=axis),
        },
        examples=(
            Example("repeat(x, 2)", {"x": (4, 3)}),
            Example("repeat(x, 3, axis=0)", {"x": (4, 3)}),
            Example("repeat(x, repeats=2, axis=-1)", {"x": (2, 3, 2)}),
        ),
    )
)
