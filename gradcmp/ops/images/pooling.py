"""Pooling of signals, images and volumes: one number for each window."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np

from gradcmp.ops.images.padding import Padding
from gradcmp.ops.images.pooling_spelled import AVG, MAX, jax_pool, tensorflow_pool, torch_pool
from gradcmp.ops.images.windows import LAYOUTS, Size, Windows, sliding
from gradcmp.ops.kinks import HALVES
from gradcmp.ops.primitives import spread, total_as
from gradcmp.ops.registry import register
from gradcmp.ops.spec import Array, ArraySpec, Example, Kink, Op, Pullback, ShapeError
from gradcmp.ops.static import require_bool


def _infer(
    x: ArraySpec,
    kernel: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> ArraySpec:
    if len(x.shape) not in LAYOUTS:
        raise ShapeError(f"x {x.shape} is none of {', '.join(LAYOUTS.values())}")
    require_bool("ceil_mode", ceil_mode)
    stride = kernel if stride is None else stride
    windows = sliding(x, kernel, stride, padding, dilation, ceil_mode)
    for widths, span in zip(windows.padding, windows.spans, strict=True):
        if 2 * max(widths) > span:
            raise ShapeError(f"padding {padding} is more than half of the kernel {kernel}")
    if min(map(min, windows.counts(with_padding=False))) < 1:
        raise ShapeError("a window lies on padding alone")
    return ArraySpec((*x.shape[:2], *windows.lengths))


def _infer_avg(
    x: ArraySpec,
    kernel: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> ArraySpec:
    require_bool("count_include_pad", count_include_pad)
    return _infer(x, kernel, stride, padding, ceil_mode=ceil_mode)


def max_pool(
    x: Array,
    kernel: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> tuple[Array, Pullback]:
    """Largest element of each window of x, (samples, channels, then one to three spatial axes).

    Windows lie `stride` apart, by default side by side; padding is never the largest. Sizes are
    an integer or one for each spatial axis; padding is as that of `conv2d`. With `ceil_mode` there
    is a window more where some of it lies on x or on the padding before it.

    VJP: dy to each window's largest element.
    Convention: to the first of equal ones.
    """
    stride = kernel if stride is None else stride
    windows = Windows.over(np.shape(x), kernel, stride, padding, dilation, ceil_mode)
    pieces = windows.cut(x, -np.inf)
    first = np.expand_dims(np.argmax(np.real(pieces), axis=1), 1)

    def pullback(dy: Array) -> tuple[Array]:
        chosen = first == np.reshape(np.arange(np.shape(pieces)[1]), (-1, 1, 1))
        each = np.expand_dims(windows.split(dy), 1)
        return (windows.paste(np.where(chosen, each, 0)),)

    largest = np.take_along_axis(pieces, first, axis=1)
    return windows.joined(np.squeeze(largest, 1)), pullback


def avg_pool(
    x: Array,
    kernel: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> tuple[Array, Pullback]:
    """Mean of each window of x, (samples, channels, then one to three spatial axes).

    Windows lie `stride` apart, by default side by side. Sizes are an integer or one for each
    spatial axis; padding is as that of `conv2d`. With `ceil_mode` there is a window more where
    some of it lies on x or on the padding before it.

    VJP: dy / (elements of a window) to each element of the window.
    Convention: the zeros of the padding count as elements unless count_include_pad is False, as
    in TensorFlow's and Keras' 'same'; what lies beyond the padding never counts.
    """
    stride = kernel if stride is None else stride
    windows = Windows.over(np.shape(x), kernel, stride, padding, 1, ceil_mode)
    pieces = windows.cut(x)
    count = _count(windows, count_include_pad, x)

    def pullback(dy: Array) -> tuple[Array]:
        each = np.expand_dims(windows.split(dy / count), 1)
        return (windows.paste(spread(each, np.shape(pieces))),)

    return windows.joined(total_as("bare", pieces, 1)) / count, pullback


def _count(windows: Windows, with_padding: bool, x: Array) -> Any:
    """Return how many elements each window has, one number where all have as many."""
    counts = windows.counts(with_padding)
    if all(len(set(along)) == 1 for along in counts):
        return math.prod(along[0] for along in counts)
    return reduce(np.multiply.outer, map(np.array, counts)).astype(x.dtype)


MAX_EXAMPLES = (
    Example("max_pool(x, 2)", {"x": (2, 2, 4, 5)}),
    Example("max_pool(x, (3, 2), stride=2, padding=1)", {"x": (1, 2, 5, 4)}),
    Example("max_pool(x, kernel=3, stride=(1, 2))", {"x": (1, 2, 4, 5)}),
    Example("max_pool(x, 2, dilation=(2, 1), stride=2, ceil_mode=True)", {"x": (1, 2, 6, 5)}),
    Example("max_pool(x, 3, 2, padding='same')", {"x": (1, 1, 4, 5)}),
    Example("max_pool(x, 3, padding=((0, 1),), stride=1, dilation=2)", {"x": (2, 2, 7)}),
    Example("max_pool(x, 2, padding=(1, 0, 1), ceil_mode=True)", {"x": (1, 2, 3, 2, 3)}),
    Example("max_pool(x, 2, padding='valid', ceil_mode=False)", {"x": (0, 2, 3)}),
)
AVG_EXAMPLES = (
    Example("avg_pool(x, 2)", {"x": (2, 2, 4, 5)}),
    Example("avg_pool(x, (3, 2), stride=2, padding=1)", {"x": (1, 2, 5, 4)}),
    Example("avg_pool(x, kernel=3, stride=(1, 2))", {"x": (1, 2, 4, 5)}),
    Example(
        "avg_pool(x, 3, 2, padding=1, ceil_mode=True, count_include_pad=False)",
        {"x": (1, 2, 4, 6)},
    ),
    Example("avg_pool(x, 3, 2, padding='same', count_include_pad=False)", {"x": (1, 1, 4, 5)}),
    Example("avg_pool(x, 3, padding=((0, 1),), stride=2, ceil_mode=True)", {"x": (2, 2, 7)}),
    Example("avg_pool(x, 2, padding=(1, 0, 1), count_include_pad=True)", {"x": (1, 2, 3, 2, 3)}),
    Example("avg_pool(x, 2, padding='valid', ceil_mode=False)", {"x": (0, 2, 3)}),
)

TIES = Kink("ties", "max_pool(x, 2)", {"x": ((((1.0, 1.0), (0.0, 1.0)),),)}, HALVES)

for _op, _how, _accept, _examples in (
    (max_pool, MAX, _infer, MAX_EXAMPLES),
    (avg_pool, AVG, _infer_avg, AVG_EXAMPLES),
):
    register(
        Op(
            _op.__name__,
            _op,
            infer=_accept,
            native={
                "torch": torch_pool(_how),
                "tensorflow": tensorflow_pool(_how),
                "jax": jax_pool(_how),
            },
            examples=_examples,
            compares=_op is max_pool,
            kinks=(TIES,) if _op is max_pool else (),
        )
    )
