"""Kernels that slide: the three products that convolutions and their transposes are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradcmp.case import Shape
from gradcmp.ops.images.padding import Padding, widths_of
from gradcmp.ops.images.windows import LAYOUTS, Size, Windows, spans_of
from gradcmp.ops.primitives import convolved_product, product, total_as
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, ShapeError
from gradcmp.ops.static import for_each_axis, require_int


@dataclass(frozen=True)
class Sliding:
    """A correlation of x with a weight: linear in both, so that each product is one of three.

    x is (samples, in, then spatial axes), the weight (out, in / groups, kernel), y (samples, out,
    one number for each window). Channels of a group meet those of the same group alone.
    """

    windows: Windows
    groups: int

    def columns(self, x: Array) -> Array:
        """Return (groups, what meets a kernel, samples times windows)."""
        pieces = self.windows.cut(x)
        c, k, n, places = np.shape(pieces)
        return np.reshape(pieces, (self.groups, c // self.groups * k, n * places))

    def value(self, columns: Array, weight: Array) -> Array:
        """Return y of the columns of x."""
        y = product(self._matrices(weight), columns)
        samples = self.windows.shape[0]
        return self.windows.joined(
            np.reshape(y, (np.shape(weight)[0], samples, self.windows.count))
        )

    def to_x(self, dy: Array, weight: Array) -> Array:
        """Return what of dy comes to x: put back where the windows lie, added up in overlaps."""
        n, c = self.windows.shape[:2]
        matrices = np.swapaxes(self._matrices(weight), 1, 2)
        pieces = convolved_product(matrices, self._rows(dy))
        places = np.shape(pieces)[1] * self.groups // c
        return self.windows.paste(np.reshape(pieces, (c, places, n, self.windows.count)))

    def to_weight(self, dy: Array, columns: Array, weight: Array) -> Array:
        """Return what of dy comes to the weight: its products with the columns of x."""
        dweight = convolved_product(self._rows(dy), np.swapaxes(columns, 1, 2))
        return np.reshape(dweight, np.shape(weight))

    def _matrices(self, weight: Array) -> Array:
        out = np.shape(weight)[0]
        return np.reshape(weight, (self.groups, out // self.groups, -1))

    def _rows(self, dy: Array) -> Array:
        out, n, windows = np.shape(split := self.windows.split(dy))
        return np.reshape(split, (self.groups, out // self.groups, n * windows))


def over_output(
    shape: Shape,
    weight: Shape,
    stride: Size,
    padding: Padding,
    output_padding: Size,
    dilation: Size,
    groups: int,
) -> Windows:
    """Return the windows over y of a transposed convolution: one for each number of x.

    Parameters
    ----------
    shape, weight : tuple of int
        Of x, (samples, in, ...), and of the weight, (in, out / groups, ...).
    """
    n = len(shape) - 2
    kernel, widths = tuple(weight[2:]), widths_of(padding, n)
    steps, holes = for_each_axis("stride", stride, n, 1), for_each_axis("dilation", dilation, n, 1)
    more = for_each_axis("output_padding", output_padding, n, 0)
    lengths = tuple(
        (m - 1) * s + span + rest - before - after
        for m, s, span, rest, (before, after) in zip(
            shape[2:], steps, spans_of(kernel, holes), more, widths, strict=True
        )
    )
    over = (shape[0], weight[1] * groups, *lengths)
    return Windows(over, kernel, steps, widths, holes, ((0, 0),) * n)


def add_bias(y: Array, bias: Array | None) -> Array:
    """Add a number for each channel."""
    return y if bias is None else y + np.reshape(bias, (-1,) + (1,) * (np.ndim(y) - 2))


def bias_gradient(dy: Array, bias: Array | None) -> tuple[Array, ...]:
    """Return the gradient of the bias, if there is one: the sum over all but the channels."""
    return () if bias is None else (total_as("bias", dy, (0, *range(2, np.ndim(dy)))),)


def require_kernel(x: ArraySpec, weight: ArraySpec, axes: int, layout: str, groups: int) -> None:
    """Raise `ShapeError` unless a weight slides over x along so many axes.

    Parameters
    ----------
    layout : str
        What the first two axes of the weight are.
    """
    require_float(x)
    require_float(weight)
    if len(weight.shape) != axes + 2 or 0 in weight.shape:
        spatial = LAYOUTS[axes + 2].removeprefix("(samples, channels, ")
        raise ShapeError(f"weight {weight.shape} is not ({layout}, {spatial}, none of them 0")
    if len(x.shape) != axes + 2:
        raise ShapeError(f"x {x.shape} is not {LAYOUTS[axes + 2]}")
    require_int("groups", groups, 1)
    for name, channels in (("x", x.shape[1]), ("weight", weight.shape[0])):
        if channels % groups:
            raise ShapeError(f"the {channels} channels of {name} do not make {groups} groups")


def require_bias(bias: ArraySpec | None, channels: int) -> None:
    """Raise `ShapeError` unless a bias has a number for each channel that comes out."""
    if bias is not None:
        require_float(bias)
        if bias.shape != (channels,):
            raise ShapeError(f"bias {bias.shape} is not ({channels},), one for each channel of y")
