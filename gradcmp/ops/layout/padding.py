"""Padding: more elements at the ends of axes, of one value or taken from inside."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np

from gradcmp.case import Shape
from gradcmp.ops.primitives import flat_indices, scatter_add
from gradcmp.ops.registry import register
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError
from gradcmp.ops.static import require_choice, require_int, require_number

Widths: TypeAlias = tuple[tuple[int, int], ...]
MODES = ("constant", "reflect", "edge")
AT_ONCE = 3  # axes that torch's own kernels pad where the value is not constant


def _widths(pad_width: int | Widths, ndim: int) -> Widths:
    """Return (before, after) for each axis of an argument that may be one number for all."""
    return pad_width if isinstance(pad_width, tuple) else ((pad_width, pad_width),) * ndim


def _require_widths(pad_width: int | Widths, ndim: int) -> None:
    if not isinstance(pad_width, tuple):
        require_int("pad_width", pad_width, 0)
        return
    if len(pad_width) != ndim or not all(isinstance(one, tuple) for one in pad_width):
        # Two numbers are all axes to NumPy, and the last one to torch.
        raise ShapeError(
            f"pad_width is {pad_width!r}, and must be one integer, or (before, after) for each of "
            f"{ndim} axes"
        )
    for i, one in enumerate(pad_width):
        if len(one) != 2:
            raise ShapeError(f"pad_width[{i}] is {one!r}, and must be (before, after)")
        for j, width in enumerate(one):
            require_int(f"pad_width[{i}][{j}]", width, 0)


def _infer(
    x: ArraySpec, pad_width: int | Widths, mode: str = "constant", value: float = 0
) -> ArraySpec:
    _require_widths(pad_width, len(x.shape))
    require_choice("mode", mode, MODES)
    require_number("value", value)
    if value != 0 and mode != "constant":
        raise ShapeError(f"value is {value!r}, which mode '{mode}' does not use")
    if x.kind != "float" and value != 0:
        raise ShapeError(f"value is {value!r}, and an array of kind '{x.kind}' is padded with 0")
    widths = _widths(pad_width, len(x.shape))
    for i, (n, pair) in enumerate(zip(x.shape, widths, strict=True)):
        if mode == "edge" and n == 0 and pair != (0, 0):
            raise ShapeError(f"axis {i} has length 0, and no edge to repeat")
        most = max(n - 1, 0)
        if mode == "reflect" and max(pair) > most:
            raise ShapeError(
                f"axis {i} has length {n}, and {most} to reflect, which are fewer than {max(pair)}"
            )
    shape = (before + n + after for n, (before, after) in zip(x.shape, widths, strict=True))
    return ArraySpec(tuple(shape), x.kind)


def pad(
    x: Array, pad_width: int | Widths, mode: str = "constant", value: float = 0
) -> tuple[Array, Pullback]:
    """x with `pad_width` more elements at the ends: one number, or (before, after) for each axis.

    `mode` "constant" adds `value`, "edge" repeats the outermost element, "reflect" mirrors at it.
    torch has the last axis first, and calls "edge" "replicate"; TensorFlow has no "edge".

    VJP: dx_i = sum of dy over all places that x_i has come to.
    """
    widths, shape = _widths(pad_width, np.ndim(x)), np.shape(x)
    if not widths:  # which NumPy's own does not take
        return x, lambda dy: (dy,)
    if mode == "constant":
        inside = tuple(
            slice(before, before + n) for (before, _), n in zip(widths, shape, strict=True)
        )
        y: Array = np.pad(x, widths, mode="constant", constant_values=value)
        return y, lambda dy: (dy[inside],)
    places = np.pad(flat_indices(shape), widths, mode=mode)  # type: ignore[call-overload]
    y = np.pad(x, widths, mode=mode)  # type: ignore[call-overload]
    return y, lambda dy: (np.reshape(scatter_add(dy, places, math.prod(shape)), shape),)


def _torch(
    torch: Any, x: Any, pad_width: int | Widths, mode: str = "constant", value: float = 0
) -> Any:
    widths, function = _widths(pad_width, x.ndim), torch.nn.functional.pad
    if mode == "constant":
        return function(x, _last_first(widths), "constant", value)
    name = {"edge": "replicate"}.get(mode, mode)
    padded = [i for i, pair in enumerate(widths) if pair != (0, 0)]
    shape = tuple(x.shape)
    for start in range(0, len(padded), AT_ONCE):
        some = padded[start : start + AT_ONCE]
        x, shape = _some_axes(torch, x, shape, widths, some, name)
    return x


def _some_axes(
    torch: Any, x: Any, shape: Shape, widths: Widths, axes: list[int], mode: str
) -> tuple[Any, Shape]:
    """Pad a few axes, brought to the end, and return the shape as well."""
    order = [i for i in range(len(shape)) if i not in axes] + axes
    moved = order != sorted(order)
    lengths = tuple(shape[i] for i in order)
    lead, some = lengths[: -len(axes)], [widths[i] for i in axes]
    x = torch.permute(x, order) if moved else x
    x = torch.reshape(x, (math.prod(lead), *lengths[-len(axes) :]))
    x = torch.nn.functional.pad(x, _last_first(tuple(some)), mode)
    new = {i: shape[i] + sum(widths[i]) if i in axes else shape[i] for i in range(len(shape))}
    x = torch.reshape(x, tuple(new[i] for i in order))
    x = torch.permute(x, [order.index(i) for i in range(len(shape))]) if moved else x
    return x, tuple(new.values())


def _last_first(widths: Widths) -> list[int]:
    return [width for pair in reversed(widths) for width in pair]


def _tensorflow(
    tf: Any, x: Any, pad_width: int | Widths, mode: str = "constant", value: float = 0
) -> Any:
    widths = _widths(pad_width, len(x.shape))
    if mode == "constant":
        return tf.pad(x, widths, constant_values=value) if widths else tf.identity(x)
    if mode == "reflect":
        return tf.pad(x, widths, mode="REFLECT") if widths else tf.identity(x)
    for axis, (before, after) in enumerate(widths):
        every = (slice(None),) * axis
        first, last = x[(*every, slice(0, 1))], x[(*every, slice(-1, None))]
        ends = [tf.repeat(one, n, axis=axis) for one, n in ((first, before), (last, after)) if n]
        if ends:
            x = tf.concat([*ends[: bool(before)], x, *ends[bool(before) :]], axis=axis)
    return tf.identity(x)


def _jax(
    jax: Any, x: Any, pad_width: int | Widths, mode: str = "constant", value: float = 0
) -> Any:
    widths = _widths(pad_width, x.ndim)
    if not widths:
        return jax.numpy.asarray(x)
    if mode == "constant":
        return jax.numpy.pad(x, widths, constant_values=value)
    return jax.numpy.pad(x, widths, mode=mode)


register(
    Op(
        "pad",
        pad,
        infer=_infer,
        native={"torch": _torch, "tensorflow": _tensorflow, "jax": _jax},
        examples=(
            Example("pad(x, ((1, 2), (0, 1)))", {"x": (4, 3)}),
            Example("pad(x, pad_width=1, value=0.5)", {"x": (3,)}),
            Example("pad(x, ((0, 0), (1, 2)), mode='reflect')", {"x": (4, 3)}),
            Example("pad(x, ((2, 1), (0, 0), (1, 0)), 'reflect')", {"x": (3, 2, 2)}),
            Example("pad(x, ((0, 2), (3, 0)), mode='edge')", {"x": (4, 3)}),
            Example("pad(x, 1, mode='edge')", {"x": (2, 1, 3, 2)}),
            Example("pad(x, 1)", {"x": ()}),
        ),
    )
)
