"""Pooling of images: one number for each window."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.images.windows import Pair, Windows, sliding
from gradcmp.ops.kinks import HALVES
from gradcmp.ops.primitives import spread, total_as
from gradcmp.ops.registry import register
from gradcmp.ops.spec import Array, ArraySpec, Example, Kink, Op, Pullback, ShapeError


def _infer(x: ArraySpec, kernel: Pair, stride: Pair | None = None, padding: Pair = 0) -> ArraySpec:
    windows = sliding(x, kernel, kernel if stride is None else stride, padding)
    if any(2 * p > k for p, k in zip(windows.padding, windows.kernel, strict=True)):
        raise ShapeError(f"padding {padding} is more than half of the kernel {kernel}")
    return ArraySpec((*x.shape[:2], *windows.lengths(x.shape)))


def _windows(kernel: Pair, stride: Pair | None, padding: Pair) -> Windows:
    return Windows.of(kernel, kernel if stride is None else stride, padding)


def max_pool(
    x: Array, kernel: Pair, stride: Pair | None = None, padding: Pair = 0
) -> tuple[Array, Pullback]:
    """Largest element of each window of x, (samples, channels, height, width).

    Windows lie `stride` apart, by default side by side; padding is never the largest.

    VJP: dy to each window's largest element.
    Convention: to the first of equal ones.
    """
    windows = _windows(kernel, stride, padding)
    pieces = windows.cut(x, -np.inf)
    first = np.expand_dims(np.argmax(np.real(pieces), axis=-1), -1)
    shape = (*np.shape(x)[:2], *windows.lengths(np.shape(x)))

    def pullback(dy: Array) -> tuple[Array]:
        chosen = first == np.arange(np.shape(pieces)[-1])
        each = np.reshape(dy, (*np.shape(pieces)[:-1], 1))
        return (windows.paste(np.where(chosen, each, 0), np.shape(x)),)

    return np.reshape(np.take_along_axis(pieces, first, axis=-1), shape), pullback


def avg_pool(
    x: Array, kernel: Pair, stride: Pair | None = None, padding: Pair = 0
) -> tuple[Array, Pullback]:
    """Mean of each window of x, (samples, channels, height, width).

    Windows lie `stride` apart, by default side by side; the zeros of the padding count.

    VJP: dy / (elements of a window) to each element of the window.
    """
    windows = _windows(kernel, stride, padding)
    pieces = windows.cut(x, 0.0)
    size = np.shape(pieces)[-1]
    shape = (*np.shape(x)[:2], *windows.lengths(np.shape(x)))

    def pullback(dy: Array) -> tuple[Array]:
        each = np.reshape(dy / size, (*np.shape(pieces)[:-1], 1))
        return (windows.paste(spread(each, np.shape(pieces)), np.shape(x)),)

    return np.reshape(total_as("bare", pieces, -1) / size, shape), pullback


def _torch(name: str) -> Any:
    def native(
        torch: Any, x: Any, kernel: Pair, stride: Pair | None = None, padding: Pair = 0
    ) -> Any:
        pool = getattr(torch.nn.functional, f"{name}2d")
        return pool(x, kernel, stride=stride, padding=padding)

    return native


def _tensorflow(name: str) -> Any:
    """TensorFlow pools without padding of its own, and on the CPU with channels last."""

    def native(tf: Any, x: Any, kernel: Pair, stride: Pair | None = None, padding: Pair = 0) -> Any:
        windows = _windows(kernel, stride, padding)
        p, q = windows.padding
        fill = x.dtype.min if name == "max_pool" else 0
        padded = tf.pad(x, ((0, 0), (0, 0), (p, p), (q, q)), constant_values=fill)
        pool = getattr(tf.nn, f"{name}2d")
        last = tf.transpose(padded, (0, 2, 3, 1))
        return tf.transpose(pool(last, windows.kernel, windows.stride, "VALID"), (0, 3, 1, 2))

    return native


def _reduced(jax: Any, x: Any, windows: Windows, start: float, join: Any) -> Any:
    p, q = windows.padding
    return jax.lax.reduce_window(
        x,
        start,
        join,
        window_dimensions=(1, 1, *windows.kernel),
        window_strides=(1, 1, *windows.stride),
        padding=((0, 0), (0, 0), (p, p), (q, q)),
    )


def _max_jax(jax: Any, x: Any, kernel: Pair, stride: Pair | None = None, padding: Pair = 0) -> Any:
    return _reduced(jax, x, _windows(kernel, stride, padding), -np.inf, jax.lax.max)


def _avg_jax(jax: Any, x: Any, kernel: Pair, stride: Pair | None = None, padding: Pair = 0) -> Any:
    windows = _windows(kernel, stride, padding)
    size = windows.kernel[0] * windows.kernel[1]
    return _reduced(jax, x, windows, 0.0, jax.lax.add) / size


_TIES = Kink("ties", "max_pool(x, 2)", {"x": ((((1.0, 1.0), (0.0, 1.0)),),)}, HALVES)

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
            kinks=(_TIES,) if _compares else (),
        )
    )
