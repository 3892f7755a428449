"""Convolution of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.images.windows import Pair, Windows, sliding
from gradcmp.ops.primitives import convolved_product, product
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError
from gradcmp.ops.static import pair


def _infer(x: ArraySpec, weight: ArraySpec, stride: Pair = 1, padding: Pair = 0) -> ArraySpec:
    require_float(weight)
    if len(weight.shape) != 4 or 0 in weight.shape:
        raise ShapeError(f"weight {weight.shape} is not (out, in, height, width), none of them 0")
    windows = sliding(x, weight.shape[2:], stride, padding)
    if x.shape[1] != weight.shape[1]:
        raise ShapeError(f"x {x.shape} and weight {weight.shape} differ in their input channels")
    return ArraySpec((x.shape[0], weight.shape[0], *windows.lengths(x.shape)))


def conv2d(x: Array, weight: Array, stride: Pair = 1, padding: Pair = 0) -> tuple[Array, Pullback]:
    """y[n, o, i, j] = sum of x[n, c, s i + k - p, s j + l - p] * weight[o, c, k, l].

    Summed over c, k, l, with stride s and padding p of zeros. x is (samples,
    channels, height, width), weight (out, in, height, width). It is a correlation, as in every
    framework: the kernel is not flipped.

    VJP: windows of x times dy for the weight; dy times the weight, put back where the windows
    lie and added up where they overlap, for x.
    """
    n, c = np.shape(x)[:2]
    out, _, tall, broad = np.shape(weight)
    windows = Windows.of(np.shape(weight)[2:], stride, padding)
    high, wide = windows.lengths(np.shape(x))
    places, terms = high * wide, c * tall * broad
    columns = np.reshape(np.transpose(windows.cut(x, 0.0), (0, 2, 1, 3)), (n, places, terms))
    kernels = np.reshape(weight, (out, terms))
    y = np.transpose(product(columns, np.transpose(kernels)), (0, 2, 1))

    def pullback(dy: Array) -> tuple[Array, Array]:
        rows = np.transpose(np.reshape(dy, (n, out, places)), (0, 2, 1))
        rows = np.reshape(rows, (n * places, out))
        dweight = convolved_product(np.transpose(rows), np.reshape(columns, (n * places, terms)))
        pieces = np.reshape(convolved_product(rows, kernels), (n, places, c, tall * broad))
        dx = windows.paste(np.transpose(pieces, (0, 2, 1, 3)), np.shape(x))
        return dx, np.reshape(dweight, np.shape(weight))

    return np.reshape(y, (n, out, high, wide)), pullback


def _torch(torch: Any, x: Any, weight: Any, stride: Pair = 1, padding: Pair = 0) -> Any:
    return torch.nn.functional.conv2d(x, weight, stride=stride, padding=padding)


def _tensorflow(tf: Any, x: Any, weight: Any, stride: Pair = 1, padding: Pair = 0) -> Any:
    """On the CPU TensorFlow convolves images whose channels come last."""
    p, q = pair("padding", padding, 0)
    y = tf.nn.conv2d(
        tf.transpose(x, (0, 2, 3, 1)),
        tf.transpose(weight, (2, 3, 1, 0)),
        strides=pair("stride", stride, 1),
        padding=((0, 0), (p, p), (q, q), (0, 0)),
    )
    return tf.transpose(y, (0, 3, 1, 2))


def _jax(jax: Any, x: Any, weight: Any, stride: Pair = 1, padding: Pair = 0) -> Any:
    p, q = pair("padding", padding, 0)
    return jax.lax.conv_general_dilated(
        x,
        weight,
        window_strides=pair("stride", stride, 1),
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
