"""How frameworks spell convolutions: their own functions, handed a padding that means the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcmp.ops.images.padding import SAME, Padding, Widths
from gradcmp.ops.images.windows import Size, Windows
from gradcmp.ops.spec import Native

DIMENSIONS = {1: ("NCH", "OIH", "NCH"), 2: ("NCHW", "OIHW", "NCHW"), 3: ("NCDHW", "OIDHW", "NCDHW")}


def _over_windows(spelling: Callable[..., Any]) -> Native:
    """Return a spelling that takes an op's arguments, of one that takes the windows they make.

    ``spelling(framework, x, weight, bias, windows, groups, same)``, where `same` says whether the
    padding is written as that word.
    """

    def native(
        framework: Any,
        x: Any,
        weight: Any,
        bias: Any = None,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
    ) -> Any:
        windows = Windows.over(x.shape, tuple(weight.shape[2:]), stride, padding, dilation)
        return spelling(framework, x, weight, bias, windows, groups, padding == SAME)

    return native


@_over_windows
def torch_conv(
    torch: Any, x: Any, weight: Any, bias: Any, windows: Windows, groups: int, same: bool
) -> Any:
    """Return torch's: it pads both sides alike, and knows 'same' with stride 1.

    With an odd width of padding it warns, of a copy that it makes: x is padded first.
    """
    pads: Any = tuple(before for before, _ in windows.padding)
    if any(before != after for before, after in windows.padding):
        x, pads = torch.nn.functional.pad(x, flat(windows.padding)), 0
    elif same and set(windows.stride) == {1}:
        pads = SAME
    conv = getattr(torch.nn.functional, f"conv{len(windows.kernel)}d")
    return conv(
        x,
        weight,
        bias,
        stride=windows.stride,
        padding=pads,
        dilation=windows.dilation,
        groups=groups,
    )


def flat(widths: Widths) -> tuple[int, ...]:
    """Return the padding as torch writes it: the last axis first."""
    return tuple(width for pair in reversed(widths) for width in pair)


@_over_windows
def tensorflow_conv(
    tf: Any, x: Any, weight: Any, bias: Any, windows: Windows, groups: int, same: bool
) -> Any:
    """Return TensorFlow's, which on the CPU has no gradient with dilation.

    `tf.nn.convolution` then rearranges x, for stride 1, of which others are taken.
    """
    axes = len(windows.kernel)
    dense, dilated = set(windows.stride) == {1}, set(windows.dilation) != {1}
    widths = ((0, 0), *windows.padding, (0, 0))
    pads: Any = "SAME" if same and (dense or not dilated) else "VALID"
    padded = pads == "VALID" and any(map(any, windows.padding))
    own = axes == 2 and not dilated  # conv2d alone takes a padding that is written out

    def convolved(part: Any, kernel: Any) -> Any:
        if padded and not own:
            part = tf.pad(part, widths)
        how = widths if padded and own else pads
        if dilated:
            y = tf.nn.convolution(part, kernel, padding=how, dilations=windows.dilation)
            steps = (slice(None, None, s) for s in windows.stride)
            return y if dense else y[(slice(None), *steps)]
        if axes == 3:
            return tf.nn.conv3d(part, kernel, strides=(1, *windows.stride, 1), padding=how)
        return getattr(tf.nn, f"conv{axes}d")(part, kernel, windows.stride, how)

    return channels_last(tf, x, weight, bias, groups, convolved)


def channels_last(
    tf: Any, x: Any, weight: Any, bias: Any, groups: int, convolved: Callable[[Any, Any], Any]
) -> Any:
    """Return what ``convolved(x, weight)`` makes of each group, both in TensorFlow's layout.

    On the CPU it wants the channels last, and has no gradient with groups.
    """
    axes = len(x.shape) - 2
    spatial = tuple(range(2, axes + 2))
    last = tf.transpose(x, (0, *spatial, 1))
    kernels = tf.transpose(weight, (*spatial, 1, 0))
    if groups == 1:
        y = convolved(last, kernels)
    else:
        m, n = x.shape[1] // groups, weight.shape[0] // groups
        parts = [
            convolved(last[..., i * m : (i + 1) * m], kernels[..., i * n : (i + 1) * n])
            for i in range(groups)
        ]
        y = tf.concat(parts, axis=-1)
    y = y if bias is None else tf.nn.bias_add(y, bias)
    return tf.transpose(y, (0, axes + 1, *range(1, axes + 1)))


@_over_windows
def jax_conv(
    jax: Any, x: Any, weight: Any, bias: Any, windows: Windows, groups: int, same: bool
) -> Any:
    """Return JAX's, which knows all of it."""
    y = jax.lax.conv_general_dilated(
        x,
        weight,
        window_strides=windows.stride,
        padding="SAME" if same else windows.padding,
        rhs_dilation=windows.dilation,
        dimension_numbers=DIMENSIONS[len(windows.kernel)],
        feature_group_count=groups,
    )
    return jax_with_bias(jax, y, bias, len(windows.kernel))


def jax_with_bias(jax: Any, y: Any, bias: Any, axes: int) -> Any:
    """Return y and a bias for each channel, the second of its axes."""
    return y if bias is None else y + jax.numpy.reshape(bias, (-1,) + (1,) * axes)
