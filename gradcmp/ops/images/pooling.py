"""Pooling of images: one number for each window."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.images.windows import Padding, Size, Windows, require_axes, sliding
from gradcmp.ops.primitives import spread, total_as
from gradcmp.ops.registry import register
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError


def _infer(
    x: ArraySpec, kernel: Size, stride: Size | None = None, padding: Padding = 0
) -> ArraySpec:
    require_axes(x, 2)
    windows = sliding(x, kernel, kernel if stride is None else stride, padding)
    if any(2 * max(p) > k for p, k in zip(windows.padding, windows.kernel, strict=True)):
        raise ShapeError(f"padding {padding} is more than half of the kernel {kernel}")
    return ArraySpec((*x.shape[:2], *windows.lengths))


def _windows(x: Any, kernel: Size, stride: Size | None, padding: Padding) -> Windows:
    return Windows.over(x.shape, kernel, kernel if stride is None else stride, padding)


def max_pool(
    x: Array, kernel: Size, stride: Size | None = None, padding: Padding = 0
) -> tuple[Array, Pullback]:
    """Largest element of each window of x, (samples, channels, height, width).

    Windows lie `stride` apart, by default side by side; padding is never the largest.

    VJP: dy to each window's largest element.
    Convention: to the first of equal ones.
    """
    windows = _windows(x, kernel, stride, padding)
    pieces = windows.cut(x, -np.inf)
    first = np.expand_dims(np.argmax(np.real(pieces), axis=1), 1)

    def pullback(dy: Array) -> tuple[Array]:
        chosen = first == np.reshape(np.arange(np.shape(pieces)[1]), (-1, 1, 1))
        each = np.expand_dims(windows.split(dy), 1)
        return (windows.paste(np.where(chosen, each, 0)),)

    largest = np.take_along_axis(pieces, first, axis=1)
    return windows.joined(np.squeeze(largest, 1)), pullback


def avg_pool(
    x: Array, kernel: Size, stride: Size | None = None, padding: Padding = 0
) -> tuple[Array, Pullback]:
    """Mean of each window of x, (samples, channels, height, width).

    Windows lie `stride` apart, by default side by side; the zeros of the padding count.

    VJP: dy / (elements of a window) to each element of the window.
    """
    windows = _windows(x, kernel, stride, padding)
    pieces = windows.cut(x)
    size = np.shape(pieces)[1]

    def pullback(dy: Array) -> tuple[Array]:
        each = np.expand_dims(windows.split(dy / size), 1)
        return (windows.paste(spread(each, np.shape(pieces))),)

    return windows.joined(total_as("bare", pieces, 1)) / size, pullback


def _torch(name: str) -> Any:
    def native(
        torch: Any, x: Any, kernel: Size, stride: Size | None = None, padding: Size = 0
    ) -> Any:
        pool = getattr(torch.nn.functional, f"{name}2d")
        return pool(x, kernel, stride=stride, padding=padding)

    return native


def _tensorflow(name: str) -> Any:
    """TensorFlow pools without padding of its own, and on the CPU with channels last."""

    def native(tf: Any, x: Any, kernel: Size, stride: Size | None = None, padding: Size = 0) -> Any:
        windows = _windows(x, kernel, stride, padding)
        fill = x.dtype.min if name == "max_pool" else 0
        padded = tf.pad(x, ((0, 0), (0, 0), *windows.padding), constant_values=fill)
        pool = getattr(tf.nn, f"{name}2d")
        last = tf.transpose(padded, (0, 2, 3, 1))
        return tf.transpose(pool(last, windows.kernel, windows.stride, "VALID"), (0, 3, 1, 2))

    return native


def _reduced(jax: Any, x: Any, windows: Windows, start: float, join: Any) -> Any:
    return jax.lax.reduce_window(
        x,
        start,
        join,
        window_dimensions=(1, 1, *windows.kernel),
        window_strides=(1, 1, *windows.stride),
        padding=((0, 0), (0, 0), *windows.padding),
    )


def _max_jax(jax: Any, x: Any, kernel: Size, stride: Size | None = None, padding: Size = 0) -> Any:
    return _reduced(jax, x, _windows(x, kernel, stride, padding), -np.inf, jax.lax.max)


def _avg_jax(jax: Any, x: Any, kernel: Size, stride: Size | None = None, padding: Size = 0) -> Any:
    windows = _windows(x, kernel, stride, padding)
    size = windows.kernel[0] * windows.kernel[1]
    return _reduced(jax, x, windows, 0.0, jax.lax.add) / size


for _reference, _jax, _compares in ((max_pool, _max_jax, True), (avg_pool, _avg_jax, False)):
    _name = _reference.__name__
    register(
        Op(
            _name,
            _reference,
            infer=_infer,
            native={"torch": _torch(_name), "tensorflow": _tensorflow(_name), "jax": _jax},
            examples=(
                Example(f"{_name}(x, 2)", {"x": (2, 2, 4, 5)}),
                Example(f"{_name}(x, (3, 2), stride=2, padding=1)", {"x": (1, 2, 5, 4)}),
                Example(f"{_name}(x, kernel=3, stride=(1, 2))", {"x": (1, 2, 4, 5)}),
            ),
            compares=_compares,
        )
    )
