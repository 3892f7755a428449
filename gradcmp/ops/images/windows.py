"""Windows that slide over signals, images and volumes: cut out, and put back as the transpose."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from gradcmp.case import Shape
from gradcmp.ops.primitives import scatter_add, zeros
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, ShapeError
from gradcmp.ops.static import for_each_axis

Size: TypeAlias = int | tuple[int, ...]  # one integer for all spatial axes, or one for each
Widths: TypeAlias = tuple[tuple[int, int], ...]  # before and after, for each spatial axis
Padding: TypeAlias = int | tuple[int | tuple[int, int], ...]

SLICED = 4000  # numbers for each place of a window from which on adding up slices is faster

LAYOUTS = {
    3: "(samples, channels, length)",
    4: "(samples, channels, height, width)",
    5: "(samples, channels, depth, height, width)",
}


@dataclass(frozen=True)
class Windows:
    """Where windows lie on x (samples, channels, then one to three spatial axes).

    Cut out, they are an array (channels, places in a window, samples, windows), in which what a
    convolution multiplies lies side by side.

    Attributes
    ----------
    shape : tuple of int
        Of x.
    kernel, stride, padding, dilation : tuple
        With an entry for each spatial axis.
    """

    shape: Shape
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Widths
    dilation: tuple[int, ...]

    @classmethod
    def over(
        cls, shape: Shape, kernel: Size, stride: Size, padding: Padding, dilation: Size = 1
    ) -> Windows:
        """Make windows over x of `shape` of arguments as they are written in a call."""
        n = len(shape) - 2
        return cls(
            tuple(shape),
            for_each_axis("kernel", kernel, n, 1),
            for_each_axis("stride", stride, n, 1),
            _widths(padding, n),
            for_each_axis("dilation", dilation, n, 1),
        )

    @cached_property
    def spans(self) -> tuple[int, ...]:
        """How long a window is along each axis, with the holes that dilation leaves."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @cached_property
    def padded(self) -> tuple[int, ...]:
        """How long each axis of x is with its padding."""
        return tuple(n + sum(p) for n, p in zip(self.shape[2:], self.padding, strict=True))

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """How many windows fit along each axis, the padding included, the rest left out."""
        along = zip(self.padded, self.spans, self.stride, strict=True)
        return tuple((n - span) // s + 1 for n, span, s in along)

    def cut(self, x: Array, fill: float = 0.0) -> Array:
        """Return the windows, (channels, places in a window, samples, windows)."""
        n, c, *spatial = self.shape
        if self.padded != tuple(spatial):
            x = np.pad(x, ((0, 0), (0, 0), *self.padding), constant_values=fill)
        if type(x) is np.ndarray:
            sizes = c, math.prod(self.kernel), n, math.prod(self.lengths)
            return np.reshape(self._view(x), sizes)
        rows = np.reshape(x, (n, c, math.prod(self.padded)))
        return np.transpose(np.take(rows, self._places(), axis=-1), (1, 2, 0, 3))

    def paste(self, pieces: Array) -> Array:
        """Add up windows where they overlap: the transpose of `cut`, padding dropped."""
        n, c, *spatial = self.shape
        if type(pieces) is np.ndarray and pieces.size > SLICED * math.prod(self.kernel):
            x = self._added(pieces)
        else:
            size = math.prod(self.padded)
            starts = np.reshape(np.arange(c * n) * size, (c, 1, n, 1))
            index = starts + np.expand_dims(self._places(), 1)
            x = np.reshape(scatter_add(pieces, index, c * n * size), (c, n, *self.padded))
        inner = (
            slice(before, before + length)
            for (before, _), length in zip(self.padding, spatial, strict=True)
        )
        return np.swapaxes(x, 0, 1)[(slice(None), slice(None), *inner)]

    def joined(self, y: Array) -> Array:
        """Return one number for each window, (channels, samples, windows), in the layout of x."""
        c, n = np.shape(y)[:2]
        return np.swapaxes(np.reshape(y, (c, n, *self.lengths)), 0, 1)

    def split(self, dy: Array) -> Array:
        """Return the cotangent of what `joined` gave as (channels, samples, windows)."""
        n, c = np.shape(dy)[:2]
        return np.reshape(np.swapaxes(dy, 0, 1), (c, n, math.prod(self.lengths)))

    def _places(self) -> Array:
        """Return where in a padded x laid out in a row each place of each window lies."""
        places = np.zeros((1, 1), np.int64)
        for n, k, m, s, d in zip(
            self.padded, self.kernel, self.lengths, self.stride, self.dilation, strict=True
        ):
            along = np.arange(k)[:, None, None] * d + np.arange(m) * s
            places = np.reshape(places[:, None, :, None] * n + along, (len(places) * k, -1))
        return places

    # What follows does the same for plain arrays alone, several times as fast: a view instead of
    # a gather, whole slices instead of a scatter. Sums are taken in the same order.

    def _view(self, x: Array) -> Array:
        n, c = self.shape[:2]
        sample, channel, *steps = x.strides
        inside = (step * d for step, d in zip(steps, self.dilation, strict=True))
        between = (step * s for step, s in zip(steps, self.stride, strict=True))
        strides = (channel, *inside, sample, *between)
        return as_strided(x, (c, *self.kernel, n, *self.lengths), strides, writeable=False)

    def _added(self, pieces: Array) -> Array:
        n, c = self.shape[:2]
        x = zeros(pieces, (c, n, *self.padded))
        each = np.reshape(pieces, (c, *self.kernel, n, *self.lengths))
        for place in np.ndindex(self.kernel):
            covered = (
                slice(i * d, i * d + s * (m - 1) + 1, s)
                for i, d, s, m in zip(place, self.dilation, self.stride, self.lengths, strict=True)
            )
            x[(slice(None), slice(None), *covered)] += each[(slice(None), *place)]
        return x


def _widths(padding: Padding, axes: int) -> Widths:
    """Return how much padding stands before and after each axis."""
    if not isinstance(padding, tuple) or all(isinstance(one, int) for one in padding):
        return tuple((p, p) for p in for_each_axis("padding", padding, axes, 0))
    pairs = tuple(
        for_each_axis(f"padding[{i}]", one, 2, 0)  # of one axis: before and after
        for i, one in enumerate(padding)
    )
    if len(pairs) != axes:
        raise ShapeError(f"padding is {padding!r}, and must have an entry for each of {axes} axes")
    return tuple((before, after) for before, after in pairs)


def sliding(
    x: ArraySpec, kernel: Size, stride: Size, padding: Padding, dilation: Size = 1
) -> Windows:
    """Return the windows over `x`.

    Raises
    ------
    ShapeError
        When an argument is no such size or padding, or no window fits.
    """
    require_float(x)
    windows = Windows.over(x.shape, kernel, stride, padding, dilation)
    if min(windows.lengths) < 1:
        raise ShapeError(f"no window {windows.kernel} fits into {x.shape} with its padding")
    return windows


def require_axes(x: ArraySpec, axes: int) -> None:
    """Raise `ShapeError` unless x has samples, channels and so many spatial axes."""
    if len(x.shape) != axes + 2:
        raise ShapeError(f"x {x.shape} is not {LAYOUTS[axes + 2]}")
