"""How frameworks spell convolutions: their own functions, handed a padding that means the same."""

from __future__ import annotations

from typing import Any

from gradcmp.ops.images.padding import SAME, Padding, Widths
from gradcmp.ops.images.windows import Size, Windows
from gradcmp.ops.spec import Native

DIMENSIONS = {1: ("NCH", "OIH", "NCH"), 2: ("NCHW", "OIHW", "NCHW"), 3: ("NCDHW", "OIDHW", "NCDHW")}


def torch_conv(axes: int) -> Native:
    """Return torch's: it pads both sides alike, and knows 'same' with stride 1.

    With an odd width of padding it warns, of a copy that it makes: x is padded first.
    """

    def native(
        torch: Any,
        x: Any,
        weight: Any,
        bias: Any = None,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
    ) -> Any:
        windows = Windows.over(x.shape, tuple(weight.shape[2:]), stride, padding, dilation)
        pads: Any = tuple(before for before, _ in windows.padding)
        if any(before != after for before, after in windows.padding):
            x, pads = torch.nn.functional.pad(x, flat(windows.padding)), 0
        elif padding == SAME and set(windows.stride) == {1}:
            pads = SAME
        conv = getattr(torch.nn.functional, f"conv{axes}d")
        return conv(x, weight, bias, stride=stride, padding=pads, dilation=dilation, groups=groups)

    return native


def flat(widths: Widths) -> tuple[int, ...]:
    """Return the padding as torch writes it: the last axis first."""
    return tuple(width for pair in reversed(widths) for width in pair)


def tensorflow_conv(axes: int) -> Native:
    """Return TensorFlow's, which on the CPU wants channels last.

    There its kernels have no gradient with groups, so each group is convolved alone, and none
    with dilation: `tf.nn.convolution` then rearranges x, for stride 1, of which others are taken.
    """

    def native(
        tf: Any,
        x: Any,
        weight: Any,
        bias: Any = None,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
    ) -> Any:
        windows = Windows.over(x.shape, tuple(weight.shape[2:]), stride, padding, dilation)
        spatial = tuple(range(2, axes + 2))
        last = tf.transpose(x, (0, *spatial, 1))
        kernels = tf.transpose(weight, (*spatial, 1, 0))
        one_by_one = set(windows.dilation) == {1} or set(windows.stride) == {1}
        word = "SAME" if padding == SAME and one_by_one else "VALID"
        explicit = word == "VALID" and any(map(any, windows.padding))
        if explicit and not (axes == 2 and set(windows.dilation) == {1}):
            last, explicit = tf.pad(last, ((0, 0), *windows.padding, (0, 0))), False
        pads = ((0, 0), *windows.padding, (0, 0)) if explicit else word
        ins, outs = x.shape[1] // groups, weight.shape[0] // groups
        parts = [
            _convolved(
                tf,
                last[..., i * ins : (i + 1) * ins] if groups > 1 else last,
                kernels[..., i * outs : (i + 1) * outs] if groups > 1 else kernels,
                windows,
                pads,
            )
            for i in range(groups)
        ]
        y = tf.concat(parts, axis=-1) if groups > 1 else parts[0]
        y = y if bias is None else tf.nn.bias_add(y, bias)
        return tf.transpose(y, (0, axes + 1, *range(1, axes + 1)))

    return native


def _convolved(tf: Any, x: Any, kernels: Any, windows: Windows, pads: Any) -> Any:
    """Convolve with channels last, in one group."""
    axes = len(windows.kernel)
    if set(windows.dilation) == {1}:
        if axes == 3:
            return tf.nn.conv3d(x, kernels, strides=(1, *windows.stride, 1), padding=pads)
        conv = getattr(tf.nn, f"conv{axes}d")
        return conv(x, kernels, windows.stride, pads)
    y = tf.nn.convolution(x, kernels, padding=pads, dilations=windows.dilation)
    if set(windows.stride) == {1}:
        return y
    return y[(slice(None), *(slice(None, None, s) for s in windows.stride))]


def jax_conv(axes: int) -> Native:
    """Return JAX's, which knows all of it."""

    def native(
        jax: Any,
        x: Any,
        weight: Any,
        bias: Any = None,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
    ) -> Any:
        windows = Windows.over(x.shape, tuple(weight.shape[2:]), stride, padding, dilation)
        y = jax.lax.conv_general_dilated(
            x,
            weight,
            window_strides=windows.stride,
            padding="SAME" if padding == SAME else windows.padding,
            rhs_dilation=windows.dilation,
            dimension_numbers=DIMENSIONS[axes],
            feature_group_count=groups,
        )
        return y if bias is None else y + jax.numpy.reshape(bias, (-1,) + (1,) * axes)

    return native
