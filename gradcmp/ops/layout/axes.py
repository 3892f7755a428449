"""The same elements in another arrangement: nothing is computed, so nothing is rounded."""

from __future__ import annotations

import math

import numpy as np

from gradcmp.case import Shape
from gradcmp.ops.primitives import spread, unbroadcast
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import distinct_axes, single_axis
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError
from gradcmp.ops.static import require_ints


def _reshape_infer(x: ArraySpec, shape: Shape) -> ArraySpec:
    require_ints("shape", shape, low=-1)
    size, known = math.prod(x.shape), math.prod(n for n in shape if n != -1)
    holes = shape.count(-1)
    if holes > 1:
        raise ShapeError(f"shape {shape} has more than one -1")
    if (holes and (not known or size % known)) or (not holes and size != known):
        raise ShapeError(f"{size} elements of shape {x.shape} do not fit into shape {shape}")
    return ArraySpec(tuple(size // known if n == -1 else n for n in shape), x.kind)


def reshape(x: Array, shape: Shape) -> tuple[Array, Pullback]:
    """The elements of x in row-major order in another shape; one length may be -1.

    VJP: dx = dy in the shape of x.
    """
    return np.reshape(x, shape), lambda dy: (np.reshape(dy, np.shape(x)),)


register(
    Op(
        "reshape",
        reshape,
        infer=_reshape_infer,
        native={
            "torch": lambda torch, x, shape: torch.reshape(x, shape),
            "tensorflow": lambda tf, x, shape: tf.reshape(x, shape),
            "jax": lambda jax, x, shape: jax.numpy.reshape(x, shape),
        },
        examples=(
            Example("reshape(x, (3, 4))", {"x": (4, 3)}),
            Example("reshape(x, shape=(2, -1))", {"x": (4, 1, 3)}),
            Example("reshape(x, ())", {"x": (1, 1)}),
        ),
    )
)


def _order(axes: tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """Return the permutation; None reverses the axes."""
    return tuple(range(ndim))[::-1] if axes is None else distinct_axes(axes, ndim)


def _transpose_infer(x: ArraySpec, axes: tuple[int, ...] | None = None) -> ArraySpec:
    if axes is not None:
        require_ints("axes", axes)
        if len(axes) != len(x.shape):
            raise ShapeError(f"axes {axes} and shape {x.shape} differ in length")
    return ArraySpec(tuple(x.shape[i] for i in _order(axes, len(x.shape))), x.kind)


def transpose(x: Array, axes: tuple[int, ...] | None = None) -> tuple[Array, Pullback]:
    """Axes in another order: axis i of the result is axis axes[i] of x; by default reversed.

    VJP: dx = dy with the inverse permutation.
    """
    order = _order(axes, np.ndim(x))
    inverse = tuple(order.index(i) for i in range(len(order)))
    return np.transpose(x, order), lambda dy: (np.transpose(dy, inverse),)


register(
    Op(
        "transpose",
        transpose,
        infer=_transpose_infer,
        native={
            "torch": lambda torch, x, axes=None: torch.permute(x, _order(axes, x.ndim)),
            "tensorflow": lambda tf, x, axes=None: tf.transpose(
                x, axes if axes is None else _order(axes, x.shape.rank)
            ),
            "jax": lambda jax, x, axes=None: jax.numpy.transpose(x, axes),
        },
        examples=(
            Example("transpose(x)", {"x": (4, 3)}),
            Example("transpose(x, (2, 0, 1))", {"x": (2, 3, 4)}),
            Example("transpose(x, axes=(0, -1, 1))", {"x": (2, 3, 4)}),
        ),
    )
)


def _expand_infer(x: ArraySpec, axis: int = 0) -> ArraySpec:
    at = single_axis(axis, len(x.shape) + 1)
    return ArraySpec((*x.shape[:at], 1, *x.shape[at:]), x.kind)


def expand_dims(x: Array, axis: int = 0) -> tuple[Array, Pullback]:
    """One more axis, of length 1, at position `axis` of the result.

    VJP: dx = dy without that axis.
    """
    return np.expand_dims(x, axis), lambda dy: (np.squeeze(dy, axis),)


register(
    Op(
        "expand_dims",
        expand_dims,
        infer=_expand_infer,
        native={
            "torch": lambda torch, x, axis=0: torch.unsqueeze(x, axis),
            "tensorflow": lambda tf, x, axis=0: tf.expand_dims(x, axis),
            "jax": lambda jax, x, axis=0: jax.numpy.expand_dims(x, axis),
        },
        examples=(
            Example("expand_dims(x)", {"x": (4, 3)}),
            Example("expand_dims(x, axis=-1)", {"x": (4, 3)}),
            Example("expand_dims(x, axis=1)", {"x": (4, 3)}),
        ),
    )
)


def _squeeze_axes(axis: int | tuple[int, ...], ndim: int) -> tuple[int, ...]:
    return distinct_axes(axis if isinstance(axis, tuple) else (axis,), ndim)


def _squeeze_infer(x: ArraySpec, axis: int | tuple[int, ...]) -> ArraySpec:
    axes = _squeeze_axes(axis, len(x.shape))
    for one in axes:
        if x.shape[one] != 1:
            raise ShapeError(f"axis {one} has length {x.shape[one]}; only length 1 can go")
    return ArraySpec(tuple(n for i, n in enumerate(x.shape) if i not in axes), x.kind)


def squeeze(x: Array, axis: int | tuple[int, ...]) -> tuple[Array, Pullback]:
    """Without one or more axes of length 1.

    VJP: dx = dy in the shape of x.
    """
    return np.squeeze(x, axis), lambda dy: (np.reshape(dy, np.shape(x)),)


register(
    Op(
        "squeeze",
        squeeze,
        infer=_squeeze_infer,
        native={
            "torch": lambda torch, x, axis: torch.squeeze(x, axis),
            "tensorflow": lambda tf, x, axis: tf.squeeze(x, _squeeze_axes(axis, x.shape.rank)),
            "jax": lambda jax, x, axis: jax.numpy.squeeze(x, axis),
        },
        examples=(
            Example("squeeze(x, 1)", {"x": (4, 1, 3)}),
            Example("squeeze(x, axis=(0, -1))", {"x": (1, 3, 1)}),
        ),
    )
)


def _broadcast_infer(x: ArraySpec, shape: Shape) -> ArraySpec:
    require_ints("shape", shape, low=0)
    padded = (1,) * (len(shape) - len(x.shape)) + x.shape
    if len(padded) != len(shape) or any(
        n not in (1, m) for n, m in zip(padded, shape, strict=True)
    ):
        raise ShapeError(f"shape {x.shape} cannot be broadcast to {shape}")
    return ArraySpec(shape, x.kind)


def broadcast_to(x: Array, shape: Shape) -> tuple[Array, Pullback]:
    """x repeated along new axes and axes of length 1 until it has `shape`.

    VJP: dx = dy summed over the repeated axes.
    """
    return spread(x, shape), lambda dy: (unbroadcast(dy, x),)


register(
    Op(
        "broadcast_to",
        broadcast_to,
        infer=_broadcast_infer,
        native={
            "torch": lambda torch, x, shape: torch.broadcast_to(x, shape),
            "tensorflow": lambda tf, x, shape: tf.broadcast_to(x, shape),
            "jax": lambda jax, x, shape: jax.numpy.broadcast_to(x, shape),
        },
        examples=(
            Example("broadcast_to(x, (4, 3))", {"x": (3,)}),
            Example("broadcast_to(x, shape=(2, 4, 3))", {"x": (4, 1)}),
            Example("broadcast_to(x, (2,))", {"x": ()}),
        ),
    )
)
