"""Convolution of signals, images and volumes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcmp.ops.images.convolution_spelled import jax_conv, tensorflow_conv, torch_conv
from gradcmp.ops.images.kernels import (
    Sliding,
    add_bias,
    bias_gradient,
    require_bias,
    require_kernel,
)
from gradcmp.ops.images.padding import Padding
from gradcmp.ops.images.windows import Size, Windows, sliding
from gradcmp.ops.registry import register
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError


def _infer(axes: int) -> Callable[..., ArraySpec]:
    def infer(
        x: ArraySpec,
        weight: ArraySpec,
        bias: ArraySpec | None = None,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
    ) -> ArraySpec:
        require_kernel(x, weight, axes, "out, in", groups)
        if x.shape[1] != weight.shape[1] * groups:
            raise ShapeError(
                f"x {x.shape} and weight {weight.shape} differ in their input channels"
            )
        require_bias(bias, weight.shape[0])
        windows = sliding(x, weight.shape[2:], stride, padding, dilation)
        return ArraySpec((x.shape[0], weight.shape[0], *windows.lengths))

    return infer


def _convolve(
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Size,
    padding: Padding,
    dilation: Size,
    groups: int,
) -> tuple[Array, Pullback]:
    kernel = np.shape(weight)[2:]
    kernels = Sliding(Windows.over(np.shape(x), kernel, stride, padding, dilation), groups)
    columns = kernels.columns(x)

    def pullback(dy: Array) -> tuple[Array, ...]:
        dx, dweight = kernels.to_x(dy, weight), kernels.to_weight(dy, columns, weight)
        return dx, dweight, *bias_gradient(dy, bias)

    return add_bias(kernels.value(columns, weight), bias), pullback


def conv1d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Array, Pullback]:
    """y[n, o, i] = bias[o] + sum of x[n, c, s i + d k - p] * weight[o, c, k].

    As `conv2d`, with x (samples, channels, length) and weight (out, in / groups, length).

    VJP: windows of x times dy for the weight; dy times the weight, put back where the windows
    lie and added up where they overlap, for x; dbias = sum(dy) for each channel.
    """
    return _convolve(x, weight, bias, stride, padding, dilation, groups)


def conv2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Array, Pullback]:
    """y[n, o, i, j] = bias[o] + sum of x[n, c, s i + d k - p, s j + d l - p] * weight[o, c, k, l].

    Summed over c, k, l, with stride s, dilation d and padding p of zeros. x is (samples,
    channels, height, width), weight (out, in / groups, height, width). It is a correlation, as in
    every framework: the kernel is not flipped. With groups, the channels of x and y are as many
    parts in their order, and each part of y is made of its own part of x.

    Stride, padding and dilation are an integer for both axes or a tuple of two; padding is also
    pairs ((above, below), (left, right)), 'valid', which is 0, or 'same': so much that there is a
    window for each `stride` numbers, an odd one below and to the right.

    VJP: windows of x times dy for the weight; dy times the weight, put back where the windows
    lie and added up where they overlap, for x; dbias = sum(dy) for each channel.
    Convention: 'same' is that of TensorFlow and JAX. torch has it with stride 1 alone, and there
    it is the same; with a larger stride, padding=k//2 of a torch model is another one.
    Ref: Dumoulin and Visin (2016).
    """
    return _convolve(x, weight, bias, stride, padding, dilation, groups)


def conv3d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Array, Pullback]:
    """y[n, o, h, i, j] = bias[o] + sum of x[n, c, s h + d m - p, ...] * weight[o, c, m, k, l].

    As `conv2d`, with x (samples, channels, depth, height, width) and weight (out, in / groups,
    depth, height, width).

    VJP: windows of x times dy for the weight; dy times the weight, put back where the windows
    lie and added up where they overlap, for x; dbias = sum(dy) for each channel.
    """
    return _convolve(x, weight, bias, stride, padding, dilation, groups)


def _call(
    x: Array,
    weight: Array,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    bias: Array | None = None,
) -> None:
    """Name the bias: the third argument has always been the stride."""


def _examples(axes: int) -> tuple[Example, ...]:
    """Return calls in which every keyword has every form that it may have."""
    name, x, weight = f"conv{axes}d", (4, 5, 4)[-axes:], (2, 3, 2)[-axes:]

    def each(*three: Any) -> Any:
        return three[-axes:]

    def call(arguments: str, samples: int, channels: int, kernels: tuple[int, int]) -> Example:
        shapes = {"x": (samples, channels, *x), "weight": (*kernels, *weight)}
        if "bias" in arguments:
            shapes["bias"] = (kernels[0],)
        return Example(f"{name}(x, weight{arguments})", shapes)

    several = (
        call("", 2, 3, (2, 3)),
        call(f", {each(1, 1, 2)}, padding={each(0, 1, 0)}, bias=bias", 1, 2, (2, 2)),
        call(f", padding={each((0, 1), (2, 0), (0, 1))}, dilation=2, groups=2", 1, 4, (2, 2)),
        call(f", stride={each(1, 2, 3)}, padding='same', dilation={each(1, 2, 1)}", 1, 2, (2, 2)),
    )
    if axes != 2:  # compilers take seconds for each
        return several
    return (
        *several,
        call(", padding=1, stride=2", 1, 2, (3, 2)),
        call(", padding='same', bias=bias, groups=2", 1, 2, (4, 1)),
        call(", padding='same', dilation=2", 1, 1, (2, 1)),
        call(", padding='valid', stride=2", 0, 1, (2, 1)),
    )


for _reference in (conv1d, conv2d, conv3d):
    _axes = int(_reference.__name__[4])
    register(
        Op(
            _reference.__name__,
            _reference,
            call=_call,
            infer=_infer(_axes),
            native={
                "torch": torch_conv,
                "tensorflow": tensorflow_conv,
                "jax": jax_conv,
            },
            examples=_examples(_axes),
        )
    )
