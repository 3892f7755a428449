"""Resizing of signals, images and volumes: to a number of places along each axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.images.resizing_spelled import (
    jax_adaptive,
    jax_interpolate,
    tensorflow_adaptive,
    tensorflow_interpolate,
    torch_adaptive,
    torch_interpolate,
)
from gradcmp.ops.images.sources import EXACT, LINEAR, MODES, NAMES, NEAREST, parts, sources
from gradcmp.ops.images.windows import LAYOUTS, Size
from gradcmp.ops.layout.indexing import put_back
from gradcmp.ops.primitives import fraction, total_as
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError
from gradcmp.ops.static import for_each_axis, require_bool, require_choice


def _require(x: ArraySpec, size: Size) -> ArraySpec:
    require_float(x)
    if len(x.shape) not in LAYOUTS:
        raise ShapeError(f"x {x.shape} is none of {', '.join(LAYOUTS.values())}")
    if 0 in x.shape[2:]:
        raise ShapeError(f"x {x.shape} has an axis of length 0")
    return ArraySpec((*x.shape[:2], *for_each_axis("size", size, len(x.shape) - 2, 1)))


def _infer(x: ArraySpec, size: Size, mode: str = NEAREST, align_corners: bool = False) -> ArraySpec:
    y = _require(x, size)
    require_choice("mode", mode, MODES)
    require_bool("align_corners", align_corners)
    if align_corners and mode in (NEAREST, EXACT):
        raise ShapeError(f"align_corners is True, and has no meaning where mode is '{mode}'")
    if mode not in (NEAREST, EXACT, LINEAR, NAMES[len(x.shape)]):
        raise ShapeError(f"mode is '{mode}', and x {x.shape} is {LAYOUTS[len(x.shape)]}")
    return y


def interpolate(
    x: Array, size: Size, mode: str = "nearest", align_corners: bool = False
) -> tuple[Array, Pullback]:
    """x at `size` places along each spatial axis, between its numbers where mode is linear.

    x is (samples, channels, then one to three spatial axes). Place i of m along an axis of n
    numbers is (i + 0.5) n / m - 0.5, but not less than 0, or with align_corners i (n - 1) /
    (m - 1): the ends of both lie upon each other. 'linear' ('bilinear' of images, 'trilinear' of
    volumes) weighs the two numbers beside the place; 'nearest' takes number floor(i n / m),
    'nearest-exact' floor((i + 0.5) n / m).

    VJP: dy to the numbers of x, by the weights with which they were taken.
    Convention: 'nearest' is that of torch and of TensorFlow 1; tf.image.resize and
    jax.image.resize have 'nearest-exact' by that name. Nothing is smoothed when x gets smaller:
    antialias=False, which is not the default of jax.image.resize.
    """
    axes = [
        (axis + 2, sources(np.shape(x)[axis + 2], n, mode, align_corners))
        for axis, n in enumerate(for_each_axis("size", size, np.ndim(x) - 2, 1))
    ]
    if mode in (NEAREST, EXACT):
        return _taken(x, [(axis, places.astype(np.int64)) for axis, places in axes])
    return _between(x, axes)


def _taken(x: Array, axes: list[tuple[int, Array]]) -> tuple[Array, Pullback]:
    lengths = np.shape(x)

    def pullback(dy: Array) -> tuple[Array]:
        for axis, index in reversed(axes):
            dy = _put_back(dy, index, lengths[axis], axis)
        return (dy,)

    y = x
    for axis, index in axes:
        y = np.take(y, index, axis=axis)
    return y, pullback


def _between(x: Array, axes: list[tuple[int, Array]]) -> tuple[Array, Pullback]:
    lengths, shares = np.shape(x), {}
    y = x
    for axis, places in axes:
        share = np.reshape(fraction(places, x), _column(places, axis, np.ndim(x)))
        low, high = _beside(places, lengths[axis])
        y = np.take(y, low, axis=axis) * (1 - share) + np.take(y, high, axis=axis) * share
        shares[axis] = share

    def pullback(dy: Array) -> tuple[Array]:
        for axis, places in reversed(axes):
            both = np.concatenate(_beside(places, lengths[axis]))
            shared = [dy * (1 - shares[axis]), dy * shares[axis]]
            dy = _put_back(np.concatenate(shared, axis=axis), both, lengths[axis], axis)
        return (dy,)

    return y, pullback


def _beside(places: Array, n: int) -> tuple[Array, Array]:
    """Return the numbers of the elements on both sides of places; beyond the last there is none."""
    low = np.floor(places).astype(np.int64)
    return low, np.minimum(low + 1, n - 1)


def _column(y: Array, axis: int, ndim: int) -> tuple[int, ...]:
    """Return the shape in which a row lies along an axis."""
    return tuple(len(y) if i == axis else 1 for i in range(ndim))


def _put_back(dy: Array, index: Array, n: int, axis: int) -> Array:
    """Add up dy at `index` along an axis that then has length n."""
    shape = np.shape(dy)
    return put_back(dy, index, (*shape[:axis], n, *shape[axis + 1 :]), axis)


def adaptive_avg_pool(x: Array, size: Size) -> tuple[Array, Pullback]:
    """Mean of x over `size` parts of each spatial axis: part i of m is [i n / m, (i + 1) n / m).

    x is (samples, channels, then one to three spatial axes). A part begins at the number below
    and ends at the one above, so that parts overlap where m does not divide n.

    VJP: dy / (elements of a part) to each element of the part.
    """
    shape, ndim = np.shape(x), np.ndim(x)
    axes = list(enumerate(for_each_axis("size", size, ndim - 2, 1), 2))

    def counts(axis: int, m: int) -> Any:
        lengths = np.array([stop - start for start, stop in parts(shape[axis], m)])
        if np.all(lengths == lengths[0]):
            return int(lengths[0])
        return np.reshape(lengths, _column(lengths, axis, ndim)).astype(x.dtype)

    def pullback(dy: Array) -> tuple[Array]:
        for axis, m in reversed(axes):
            spans = [np.arange(*part) for part in parts(shape[axis], m)]
            own = np.repeat(np.arange(m), [len(span) for span in spans])
            each = np.take(dy / counts(axis, m), own, axis=axis)
            dy = _put_back(each, np.concatenate(spans), shape[axis], axis)
        return (dy,)

    y = x
    for axis, m in axes:
        before = (slice(None),) * axis
        totals = [
            total_as("bare", y[(*before, slice(*part))], axis, True)
            for part in parts(shape[axis], m)
        ]
        y = np.concatenate(totals, axis=axis) / counts(axis, m)
    return y, pullback


register(
    Op(
        "interpolate",
        interpolate,
        infer=_infer,
        native={
            "torch": torch_interpolate,
            "tensorflow": tensorflow_interpolate,
            "jax": jax_interpolate,
        },
        examples=(
            Example("interpolate(x, (5, 3), mode='bilinear')", {"x": (1, 2, 3, 4)}),
            Example("interpolate(x, 4)", {"x": (2, 1, 3, 6)}),
            Example("interpolate(x, (2, 5), 'nearest-exact')", {"x": (1, 1, 3, 3)}),
            Example("interpolate(x, (4, 1), 'linear', align_corners=True)", {"x": (1, 1, 3, 2)}),
            Example("interpolate(x, (7,), mode='linear', align_corners=False)", {"x": (1, 2, 4)}),
            Example("interpolate(x, (2, 3, 4), 'trilinear', True)", {"x": (1, 1, 3, 1, 2)}),
            Example("interpolate(x, 2, 'nearest')", {"x": (1, 1, 3, 2, 4)}),
        ),
    )
)
register(
    Op(
        "adaptive_avg_pool",
        adaptive_avg_pool,
        infer=_require,
        native={
            "torch": torch_adaptive,
            "tensorflow": tensorflow_adaptive,
            "jax": jax_adaptive,
        },
        examples=(
            Example("adaptive_avg_pool(x, (3, 2))", {"x": (2, 2, 5, 4)}),
            Example("adaptive_avg_pool(x, 1)", {"x": (1, 3, 4, 3)}),
            Example("adaptive_avg_pool(x, size=4)", {"x": (1, 2, 3)}),
            Example("adaptive_avg_pool(x, (1, 2, 3))", {"x": (1, 1, 2, 4, 4)}),
        ),
    )
)
