"""Windows that slide over images: cut out as a gather, put back as its transpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from gradcmp.case import Shape
from gradcmp.ops.primitives import scatter_add
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, ShapeError
from gradcmp.ops.static import pair

Pair: TypeAlias = int | tuple[int, ...]


@dataclass(frozen=True)
class Windows:
    """Where windows lie on images (N, C, H, W); every pair is (along H, along W)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]

    @classmethod
    def of(cls, kernel: Pair, stride: Pair, padding: Pair) -> Windows:
        """Make windows of arguments that are one integer for both directions, or two."""
        return cls(
            pair("kernel", kernel, 1), pair("stride", stride, 1), pair("padding", padding, 0)
        )

    def lengths(self, shape: Shape) -> tuple[int, int]:
        """Return how many windows fit along H and W, the padding included, the rest left out."""
        fits = [
            (n + 2 * p - k) // s + 1
            for n, k, s, p in zip(shape[-2:], self.kernel, self.stride, self.padding, strict=True)
        ]
        return fits[0], fits[1]

    def cut(self, x: Array, fill: float) -> Array:
        """Return the windows as (N, C, window, place in the window)."""
        top, left = self.padding
        margins = ((0, 0), (0, 0), (top, top), (left, left))
        padded = np.pad(x, margins, constant_values=fill)
        n, c, h, w = np.shape(padded)
        return np.take(np.reshape(padded, (n, c, h * w)), self._places(h, w, x.shape), axis=-1)

    def paste(self, pieces: Array, shape: Shape) -> Array:
        """Add up windows where they overlap: the transpose of `cut`, padding dropped."""
        n, c = shape[:2]
        (top, left), (rows, columns) = self.padding, shape[2:]
        h, w = rows + 2 * top, columns + 2 * left
        starts = np.reshape(np.arange(n * c) * (h * w), (n, c, 1, 1))
        padded = scatter_add(pieces, starts + self._places(h, w, shape), n * c * h * w)
        image = np.reshape(padded, (n, c, h, w))
        return image[:, :, top : top + rows, left : left + columns]

    def _places(self, h: int, w: int, shape: Shape) -> Array:
        """Return where in a padded h x w image laid out in a row each element of a window lies."""
        rows, columns = (
            (np.arange(n) * s)[:, None] + np.arange(k)
            for n, k, s in zip(self.lengths(shape), self.kernel, self.stride, strict=True)
        )
        places = rows[:, None, :, None] * w + columns[None, :, None, :]
        return np.reshape(places, (-1, self.kernel[0] * self.kernel[1]))


def sliding(x: ArraySpec, kernel: Pair, stride: Pair, padding: Pair) -> Windows:
    """Return the windows over `x`.

    Raises
    ------
    ShapeError
        When x is no batch of images, an argument no such pair, or no window fits.
    """
    require_float(x)
    if len(x.shape) != 4:
        raise ShapeError(f"x {x.shape} is not (samples, channels, height, width)")
    windows = Windows.of(kernel, stride, padding)
    if min(windows.lengths(x.shape)) < 1:
        raise ShapeError(f"no window {windows.kernel} fits into {x.shape} with its padding")
    return windows
