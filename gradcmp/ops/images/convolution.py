"""Convolution of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.images.windows import Padding, Size, Windows, require_axes, sliding
from gradcmp.ops.primitives import convolved_product, product
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError
from gradcmp.ops.static import for_each_axis


def _infer(x: ArraySpec, weight: ArraySpec, stride: Size = 1, padding: Padding = 0) -> ArraySpec:
    require_float(weight)
    if len(weight.shape) != 4 or 0 in weight.shape:
        raise ShapeError(f"weight {weight.shape} is not (out, in, height, width), none of them 0")
    require_axes(x, 2)
    windows = sliding(x, weight.shape[2:], stride, padding)
    if x.shape[1] != weight.shape[1]:
        raise ShapeError(f"x {x.shape} and weight {weight.shape} differ in their input channels")
    return ArraySpec((x.shape[0], weight.shape[0], *windows.lengths))


def conv2d(
    x: Array, weight: Array, stride: Size = 1, padding: Padding = 0
) -> tuple[Array, Pullback]:
    """y[n, o, i, j] = sum of x[n, c, s i + k - p, s j + l - p] * weight[o, c, k, l].

    Summed over c, k, l, with stride s and padding p of zeros. x is (samples,
    channels, height, width), weight (out, in, height, width). It is a correlation, as in every
    framework: the kernel is not flipped.

    VJP: windows of x times dy for the weight; dy times the weight, put back where the windows
    lie and added up where they overlap, for x.
    """
    out, _, *kernel = np.shape(weight)
    windows = Windows.over(np.shape(x), tuple(kernel), stride, padding)
    pieces = windows.cut(x)
    c, k, n, places = np.shape(pieces)
    columns = np.reshape(pieces, (c * k, n * places))
    kernels = np.reshape(weight, (out, c * k))
    y = windows.joined(np.reshape(product(kernels, columns), (out, n, places)))

    def pullback(dy: Array) -> tuple[Array, Array]:
        rows = np.reshape(windows.split(dy), (out, n * places))
        dweight = convolved_product(rows, np.transpose(columns))
        pieces = np.reshape(convolved_product(np.transpose(kernels), rows), (c, k, n, places))
        return windows.paste(pieces), np.reshape(dweight, np.shape(weight))

    return y, pullback


def _torch(torch: Any, x: Any, weight: Any, stride: Size = 1, padding: Size = 0) -> Any:
    return torch.nn.functional.conv2d(x, weight, stride=stride, padding=padding)


def _tensorflow(tf: Any, x: Any, weight: Any, stride: Size = 1, padding: Size = 0) -> Any:
    """On the CPU TensorFlow convolves images whose channels come last."""
    p, q = for_each_axis("padding", padding, 2, 0)
    y = tf.nn.conv2d(
        tf.transpose(x, (0, 2, 3, 1)),
        tf.transpose(weight, (2, 3, 1, 0)),
        strides=for_each_axis("stride", stride, 2, 1),
        padding=((0, 0), (p, p), (q, q), (0, 0)),
    )
    return tf.transpose(y, (0, 3, 1, 2))


def _jax(jax: Any, x: Any, weight: Any, stride: Size = 1, padding: Size = 0) -> Any:
    p, q = for_each_axis("padding", padding, 2, 0)
    return jax.lax.conv_general_dilated(
        x,
        weight,
        window_strides=for_each_axis("stride", stride, 2, 1),
        padding=((p, p), (q, q)),
        dimension_numbers=("NCHW", "OIHW", "NCHW"),
    )


register(
    Op(
        "conv2d",
        conv2d,
        infer=_infer,
        native={"torch": _torch, "tensorflow": _tensorflow, "jax": _jax},
        examples=(
            Example("conv2d(x, weight)", {"x": (2, 3, 5, 4), "weight": (2, 3, 3, 2)}),
            Example(
                "conv2d(x, weight, stride=2, padding=(1, 0))",
                {"x": (1, 2, 6, 5), "weight": (3, 2, 3, 2)},
            ),
            Example(
                "conv2d(x, weight, stride=(1, 2), padding=1)",
                {"x": (1, 2, 5, 4), "weight": (2, 2, 1, 3)},
            ),
        ),
    )
)
