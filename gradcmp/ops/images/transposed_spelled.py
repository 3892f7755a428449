"""How frameworks spell transposed convolutions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcmp.ops.images.convolution_spelled import DIMENSIONS, channels_last, jax_with_bias
from gradcmp.ops.images.kernels import over_output
from gradcmp.ops.images.padding import Padding
from gradcmp.ops.images.windows import Size, Windows
from gradcmp.ops.spec import Native
from gradcmp.ops.static import for_each_axis


def _over_windows(spelling: Callable[..., Any]) -> Native:
    """Return a spelling that takes an op's arguments, of one that takes the windows they make.

    ``spelling(framework, x, weight, bias, windows, groups, more)``, with the windows that lie on y,
    and the output padding along each axis.
    """

    def native(
        framework: Any,
        x: Any,
        weight: Any,
        bias: Any = None,
        stride: Size = 1,
        padding: Padding = 0,
        output_padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
    ) -> Any:
        windows = over_output(
            x.shape, weight.shape, stride, padding, output_padding, dilation, groups
        )
        more = for_each_axis("output_padding", output_padding, len(windows.kernel), 0)
        return spelling(framework, x, weight, bias, windows, groups, more)

    return native


def _cut(y: Any, windows: Windows) -> Any:
    """Cut the padding off from y, (samples, channels, ...)."""
    return y[(slice(None), slice(None), *windows.inner)]


@_over_windows
def torch_conv_transpose(
    torch: Any,
    x: Any,
    weight: Any,
    bias: Any,
    windows: Windows,
    groups: int,
    more: tuple[int, ...],
) -> Any:
    """Return torch's; it cuts off both sides alike, so that uneven padding is cut off here."""
    even = all(before == after for before, after in windows.padding)
    conv = getattr(torch.nn.functional, f"conv_transpose{len(windows.kernel)}d")
    y = conv(
        x,
        weight,
        bias,
        stride=windows.stride,
        padding=tuple(before for before, _ in windows.padding) if even else 0,
        output_padding=more,
        groups=groups,
        dilation=windows.dilation,
    )
    return y if even else _cut(y, windows)


@_over_windows
def tensorflow_conv_transpose(
    tf: Any,
    x: Any,
    weight: Any,
    bias: Any,
    windows: Windows,
    groups: int,
    more: tuple[int, ...],
) -> Any:
    """Return TensorFlow's, which knows no dilation on the CPU.

    The holes of the kernel are then filled with zeros.
    """
    ins, outs = weight.shape[0] // groups, weight.shape[1]
    shape = (windows.shape[0], *windows.padded, outs)
    conv = getattr(tf.nn, f"conv{len(windows.kernel)}d_transpose")

    def convolved(part: Any, kernel: Any) -> Any:
        return conv(part, _filled(tf, kernel, (outs, ins), windows), shape, windows.stride, "VALID")

    y = channels_last(tf, x, weight, bias, groups, convolved)
    return _cut(y, windows) if any(map(any, windows.padding)) else y


def _filled(tf: Any, kernel: Any, channels: tuple[int, int], windows: Windows) -> Any:
    """Put zeros between the numbers of a kernel whose channels come last."""
    lengths = list(windows.kernel)
    for i, (d, span) in enumerate(zip(windows.dilation, windows.spans, strict=True)):
        if d > 1:
            before, k, after = tuple(lengths[:i]), lengths[i], tuple(lengths[i + 1 :])
            apart = tf.reshape(kernel, (*before, k, 1, *after, *channels))
            none = ((0, 0),)
            holes = none * (i + 1) + ((0, d - 1),) + none * (len(after) + 2)
            wide = tf.reshape(tf.pad(apart, holes), (*before, k * d, *after, *channels))
            kernel = wide[(*(slice(None),) * i, slice(span))]
            lengths[i] = span
    return kernel


@_over_windows
def jax_conv_transpose(
    jax: Any,
    x: Any,
    weight: Any,
    bias: Any,
    windows: Windows,
    groups: int,
    more: tuple[int, ...],
) -> Any:
    """Return JAX's; with groups it is a convolution of x with holes, and a kernel that is turned.

    `jax.lax.conv_transpose` knows no groups.
    """
    axes = len(windows.kernel)
    widths = tuple(
        (span - 1 - before, span - 1 - after + rest)
        for (before, after), span, rest in zip(windows.padding, windows.spans, more, strict=True)
    )
    if groups == 1:
        y = jax.lax.conv_transpose(
            x,
            weight,
            windows.stride,
            widths,
            rhs_dilation=windows.dilation,
            dimension_numbers=DIMENSIONS[axes],
            transpose_kernel=True,
        )
    else:
        ins, outs = weight.shape[0] // groups, weight.shape[1]
        parts = jax.numpy.reshape(weight, (groups, ins, outs, *windows.kernel))
        turned = jax.numpy.reshape(
            jax.numpy.swapaxes(parts, 1, 2), (groups * outs, ins, *windows.kernel)
        )
        y = jax.lax.conv_general_dilated(
            x,
            jax.numpy.flip(turned, tuple(range(2, axes + 2))),
            window_strides=(1,) * axes,
            padding=widths,
            lhs_dilation=windows.stride,
            rhs_dilation=windows.dilation,
            dimension_numbers=DIMENSIONS[axes],
            feature_group_count=groups,
        )
    return jax_with_bias(jax, y, bias, axes)
