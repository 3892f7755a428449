"""How frameworks spell transposed convolutions."""

from __future__ import annotations

from typing import Any

from gradcmp.ops.images.convolution_spelled import DIMENSIONS
from gradcmp.ops.images.kernels import over_output
from gradcmp.ops.images.padding import Padding
from gradcmp.ops.images.windows import Size, Windows
from gradcmp.ops.spec import Native


def _cut(y: Any, windows: Windows) -> Any:
    """Cut the padding off from y, (samples, channels, ...)."""
    inner = (
        slice(before, before + length)
        for (before, _), length in zip(windows.padding, windows.shape[2:], strict=True)
    )
    return y[(slice(None), slice(None), *inner)]


def torch_conv_transpose(axes: int) -> Native:
    """Return torch's; it cuts off both sides alike, so that uneven padding is cut off here."""

    def native(
        torch: Any,
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
        even = all(before == after for before, after in windows.padding)
        conv = getattr(torch.nn.functional, f"conv_transpose{axes}d")
        y = conv(
            x,
            weight,
            bias,
            stride=stride,
            padding=tuple(before for before, _ in windows.padding) if even else 0,
            output_padding=output_padding,
            groups=groups,
            dilation=dilation,
        )
        return y if even else _cut(y, windows)

    return native


def tensorflow_conv_transpose(axes: int) -> Native:
    """Return TensorFlow's, group by group and with channels last.

    It knows no dilation on the CPU: the holes of the kernel are then filled with zeros.
    """

    def native(
        tf: Any,
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
        spatial = tuple(range(2, axes + 2))
        last = tf.transpose(x, (0, *spatial, 1))
        kernels = _filled(tf, tf.transpose(weight, (*spatial, 1, 0)), weight.shape[:2], windows)
        ins, outs = weight.shape[0] // groups, weight.shape[1]
        shape = (windows.shape[0], *windows.padded, outs)
        conv = getattr(tf.nn, f"conv{axes}d_transpose")
        parts = [
            conv(
                last[..., i * ins : (i + 1) * ins] if groups > 1 else last,
                kernels[..., i * ins : (i + 1) * ins] if groups > 1 else kernels,
                shape,
                windows.stride,
                "VALID",
            )
            for i in range(groups)
        ]
        y = tf.concat(parts, axis=-1) if groups > 1 else parts[0]
        y = y if bias is None else tf.nn.bias_add(y, bias)
        y = tf.transpose(y, (0, axes + 1, *range(1, axes + 1)))
        return _cut(y, windows) if any(map(any, windows.padding)) else y

    return native


def _filled(tf: Any, kernels: Any, channels: Any, windows: Windows) -> Any:
    """Put zeros between the numbers of a kernel whose channels come last."""
    lengths, (ins, outs) = list(windows.kernel), channels
    for i, (d, span) in enumerate(zip(windows.dilation, windows.spans, strict=True)):
        if d > 1:
            before, k, after = tuple(lengths[:i]), lengths[i], tuple(lengths[i + 1 :])
            apart = tf.reshape(kernels, (*before, k, 1, *after, outs, ins))
            none = ((0, 0),)
            holes = ((0, 0),) * (i + 1) + ((0, d - 1),) + none * (len(after) + 2)
            wide = tf.reshape(tf.pad(apart, holes), (*before, k * d, *after, outs, ins))
            kernels = wide[(*(slice(None),) * i, slice(span))]
            lengths[i] = span
    return kernels


def jax_conv_transpose(axes: int) -> Native:
    """Return JAX's; with groups it is a convolution of x with holes, and a kernel that is turned.

    `jax.lax.conv_transpose` knows no groups.
    """

    def native(
        jax: Any,
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
        lengths = zip(x.shape[2:], windows.stride, windows.spans, windows.padded, strict=True)
        more = [padded - ((n - 1) * s + span) for n, s, span, padded in lengths]
        widths = tuple(
            (span - 1 - before, span - 1 - after + rest)
            for (before, after), span, rest in zip(
                windows.padding, windows.spans, more, strict=True
            )
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
        return y if bias is None else y + jax.numpy.reshape(bias, (-1,) + (1,) * axes)

    return native
