"""Transposed convolution of signals and images: what puts each number back where windows lie."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradcmp.ops.images.kernels import (
    Sliding,
    add_bias,
    bias_gradient,
    over_output,
    require_bias,
    require_kernel,
)
from gradcmp.ops.images.padding import Padding
from gradcmp.ops.images.transposed_spelled import (
    jax_conv_transpose,
    tensorflow_conv_transpose,
    torch_conv_transpose,
)
from gradcmp.ops.images.windows import Size
from gradcmp.ops.registry import register
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError
from gradcmp.ops.static import for_each_axis


def _infer(axes: int) -> Callable[..., ArraySpec]:
    def infer(
        x: ArraySpec,
        weight: ArraySpec,
        bias: ArraySpec | None = None,
        stride: Size = 1,
        padding: Padding = 0,
        output_padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
    ) -> ArraySpec:
        require_kernel(x, weight, axes, "in, out", groups)
        if x.shape[1] != weight.shape[0]:
            raise ShapeError(
                f"x {x.shape} and weight {weight.shape} differ in their input channels"
            )
        require_bias(bias, weight.shape[1] * groups)
        if 0 in x.shape[2:]:
            raise ShapeError(f"x {x.shape} has an axis of length 0")
        strides = for_each_axis("stride", stride, axes, 1)
        for more, s in zip(
            for_each_axis("output_padding", output_padding, axes, 0), strides, strict=True
        ):
            if more >= s:
                raise ShapeError(f"output_padding {output_padding} is not less than the stride {s}")
        shape = over_output(
            x.shape, weight.shape, stride, padding, output_padding, dilation, groups
        ).shape
        if min(shape[2:]) < 1:
            raise ShapeError(f"padding {padding} leaves nothing of y")
        return ArraySpec((x.shape[0], weight.shape[1] * groups, *shape[2:]))

    return infer


def _convolve(
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Size,
    padding: Padding,
    output_padding: Size,
    dilation: Size,
    groups: int,
) -> tuple[Array, Pullback]:
    over_y = over_output(
        np.shape(x), np.shape(weight), stride, padding, output_padding, dilation, groups
    )
    kernels = Sliding(over_y, groups)

    def pullback(dy: Array) -> tuple[Array, ...]:
        columns = kernels.columns(dy)
        dx, dweight = kernels.value(columns, weight), kernels.to_weight(x, columns, weight)
        return dx, dweight, *bias_gradient(dy, bias)

    return add_bias(kernels.to_x(x, weight), bias), pullback


def conv_transpose1d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    output_padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Array, Pullback]:
    """y[n, o, s i + d k - p] = bias[o] + sum of x[n, c, i] * weight[c, o, k] over all that meet.

    As `conv_transpose2d`, with x (samples, channels, length) and weight (in, out / groups, length).

    VJP: dx is the convolution of dy with the weight; for the weight windows of dy times x;
    dbias = sum(dy) for each channel.
    """
    return _convolve(x, weight, bias, stride, padding, output_padding, dilation, groups)


def conv_transpose2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    output_padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> tuple[Array, Pullback]:
    """y[n, o, s i + d k - p, s j + d l - p] = bias[o] + sum of x[n, c, i, j] * weight[c, o, k, l].

    Summed over all that meet: what the gradient of `conv2d` makes of a cotangent x, not its
    inverse. x is (samples, channels, height, width), weight (in, out / groups, height, width).
    The padding p is cut off from y, (length - 1) s - p_before - p_after + d (k - 1) + 1 +
    output_padding numbers long; it is an integer, one for each axis, or pairs (before, after).

    VJP: dx is the convolution of dy with the weight; for the weight windows of dy times x;
    dbias = sum(dy) for each channel.
    Convention: TensorFlow's and Keras' SAME with stride s is padding p = max(k - s, 0) in all, of
    which p // 2 stands before; padding=1, output_padding=1 of torch is shifted by one for k=3, s=2.
    Ref: Dumoulin and Visin (2016), section 4.
    """
    return _convolve(x, weight, bias, stride, padding, output_padding, dilation, groups)


def _call(
    x: Array,
    weight: Array,
    stride: Size = 1,
    padding: Padding = 0,
    output_padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    bias: Array | None = None,
) -> None:
    """Name the bias, as in a convolution."""


def _examples(axes: int) -> tuple[Example, ...]:
    name, x, weight = f"conv_transpose{axes}d", (3, 4)[-axes:], (3, 2)[-axes:]

    def call(arguments: str, channels: int, kernels: tuple[int, int], out: int = 0) -> Example:
        bias = {"bias": (out,)} if out else {}
        shapes = {"x": (1, channels, *x), "weight": (*kernels, *weight), **bias}
        return Example(f"{name}(x, weight{arguments})", shapes)

    def each(*two: object) -> object:
        return two[-axes:]

    return (
        call("", 2, (2, 3)),
        call(f", 2, 1, output_padding={each(0, 1)}, bias=bias", 2, (2, 2), 2),
        call(f", stride={each(1, 2)}, padding={each((2, 0), (0, 1))}, groups=2", 2, (2, 2)),
        call(f", dilation={each(1, 2)}, stride=2, padding={each(1, 0)}, groups=2", 4, (4, 1)),
    )


for _reference in (conv_transpose1d, conv_transpose2d):
    _axes = int(_reference.__name__[-2])
    register(
        Op(
            _reference.__name__,
            _reference,
            call=_call,
            infer=_infer(_axes),
            native={
                "torch": torch_conv_transpose,
                "tensorflow": tensorflow_conv_transpose,
                "jax": jax_conv_transpose,
            },
            examples=_examples(_axes),
        )
    )
