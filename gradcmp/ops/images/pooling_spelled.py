"""How frameworks spell pooling: their own functions, handed windows that lie alike."""

from __future__ import annotations

import math
from typing import Any

from gradcmp.ops.images.convolution_spelled import flat
from gradcmp.ops.images.padding import SAME, Padding, Widths
from gradcmp.ops.images.windows import Size, Windows
from gradcmp.ops.spec import Native

MAX, AVG = "max_pool", "avg_pool"


def torch_pool(how: str) -> Native:
    """Return torch's; it pads both sides alike, so that uneven padding comes first."""

    def native(
        torch: Any,
        x: Any,
        kernel: Size,
        stride: Size | None = None,
        padding: Padding = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> Any:
        windows = _windows(x, kernel, stride, padding, dilation, ceil_mode)
        pool = getattr(torch.nn.functional, f"{how}{len(windows.kernel)}d")
        own: dict[str, Any] = {"stride": windows.stride}
        if how == MAX:
            own["dilation"] = windows.dilation
        if all(before == after for before, after in windows.padding):
            own["padding"] = tuple(before for before, _ in windows.padding)
            if how == AVG:
                own["count_include_pad"] = count_include_pad
            return pool(x, windows.kernel, ceil_mode=ceil_mode, **own)

        def pad(y: Any, widths: Widths) -> Any:
            return torch.nn.functional.pad(y, flat(widths), value=_fill(how))

        def pooled(y: Any) -> Any:
            return pool(y, windows.kernel, **own)

        if how == MAX:
            return pooled(pad(x, windows.margins))
        return _averages(x, windows, count_include_pad, pad, pooled, torch.ones_like)

    return native


def tensorflow_pool(how: str) -> Native:
    """Return TensorFlow's, which pools with channels last, and without padding but its SAME.

    Its dilated pooling is for stride 1, of which others are taken. It has no pooling of volumes
    in float64 and float16 on the CPU, and adds up their bfloat16 in bfloat16, which stops at 256:
    there images are pooled first, and then their row.
    """

    def native(
        tf: Any,
        x: Any,
        kernel: Size,
        stride: Size | None = None,
        padding: Padding = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> Any:
        windows = _windows(x, kernel, stride, padding, dilation, ceil_mode)
        axes = len(windows.kernel)

        def pad(y: Any, widths: Widths) -> Any:
            return tf.pad(y, ((0, 0), (0, 0), *widths), constant_values=_fill(how))

        def pooled(y: Any, word: str = "VALID") -> Any:
            last = tf.transpose(y, (0, *range(2, axes + 2), 1))
            pool = _volumes if axes == 3 and not _has_volumes(tf, x) else _tensorflow
            return tf.transpose(
                pool(tf, how, last, windows, word), (0, axes + 1, *range(1, axes + 1))
            )

        own = axes < 3 and set(windows.dilation) == {1}
        if own and padding == SAME and (how == MAX or not count_include_pad):
            return pooled(x, "SAME")
        if how == MAX:
            return pooled(pad(x, windows.margins))
        return _averages(x, windows, count_include_pad, pad, pooled, tf.ones_like)

    return native


def _has_volumes(tf: Any, x: Any) -> bool:
    return bool(x.dtype == tf.float32)


def _tensorflow(tf: Any, how: str, x: Any, windows: Windows, word: str) -> Any:
    kernel, stride, dilation = windows.kernel, windows.stride, windows.dilation
    if set(dilation) == {1}:
        return getattr(tf.nn, f"{how}{len(kernel)}d")(x, kernel, stride, word)
    y = tf.nn.pool(x, kernel, how[:3].upper(), padding=word, dilations=dilation)
    return y if set(stride) == {1} else y[(slice(None), *(slice(None, None, s) for s in stride))]


def _volumes(tf: Any, how: str, x: Any, windows: Windows, word: str) -> Any:
    """Pool each image of a volume, and then along its depth."""
    n, c = windows.shape[:2]
    deep, high, wide = windows.padded
    planes, column = windows.along(1, 2), windows.along(0)
    y = _tensorflow(tf, how, tf.reshape(x, (n * deep, high, wide, c)), planes, word)
    y = tf.reshape(y, (n, deep, planes.count * c))
    return tf.reshape(_tensorflow(tf, how, y, column, word), (n, *windows.lengths, c))


def jax_pool(how: str) -> Native:
    """Return JAX's windows, reduced; an average is a sum over a number of elements.

    Its largest of a window with holes has no gradient: there it is the largest of slices.
    """

    def native(
        jax: Any,
        x: Any,
        kernel: Size,
        stride: Size | None = None,
        padding: Padding = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> Any:
        windows = _windows(x, kernel, stride, padding, dilation, ceil_mode)

        def reduced(y: Any, widths: Widths) -> Any:
            return jax.lax.reduce_window(
                y,
                _fill(how),
                jax.lax.max if how == MAX else jax.lax.add,
                window_dimensions=(1, 1, *windows.kernel),
                window_strides=(1, 1, *windows.stride),
                padding=((0, 0), (0, 0), *widths),
                window_dilation=(1, 1, *windows.dilation),
            )

        if how == MAX and set(windows.dilation) != {1}:
            return _largest(jax, x, windows)
        if how == MAX:
            return reduced(x, windows.margins)
        counts = windows.counts(count_include_pad)
        if all(len(set(along)) == 1 for along in counts):
            return reduced(x, windows.margins) / math.prod(along[0] for along in counts)
        ones = jax.numpy.ones_like(x)
        if count_include_pad:
            ones = jax.numpy.pad(ones, ((0, 0), (0, 0), *windows.padding), constant_values=1)
        widths = windows.beyond if count_include_pad else windows.margins
        return reduced(x, windows.margins) / reduced(ones, widths)

    return native


def _largest(jax: Any, x: Any, windows: Windows) -> Any:
    """Return the largest of the windows, place by place."""
    padded = jax.numpy.pad(x, ((0, 0), (0, 0), *windows.margins), constant_values=_fill(MAX))
    parts = [padded[(slice(None), slice(None), *place)] for place in windows.slices()]
    return jax.numpy.max(jax.numpy.stack(parts), axis=0)


def _windows(
    x: Any, kernel: Size, stride: Size | None, padding: Padding, dilation: Size, ceil_mode: bool
) -> Windows:
    stride = kernel if stride is None else stride
    return Windows.over(x.shape, kernel, stride, padding, dilation, ceil_mode)


def _fill(how: str) -> float:
    return -math.inf if how == MAX else 0.0


def _averages(
    x: Any, windows: Windows, with_padding: bool, pad: Any, pooled: Any, ones_like: Any
) -> Any:
    """Pool padded x by averages over whole windows, and correct them by those of ones."""
    y = pooled(pad(x, windows.margins))
    counts = windows.counts(with_padding)
    if all(set(along) == {k} for along, k in zip(counts, windows.kernel, strict=True)):
        return y
    if with_padding:
        return y / pooled(pad(ones_like(pad(x, windows.padding)), windows.beyond))
    return y / pooled(pad(ones_like(x), windows.margins))
