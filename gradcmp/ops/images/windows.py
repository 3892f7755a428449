"""Windows that slide over signals, images and volumes: cut out, and put back as the transpose."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from gradcmp.case import Shape
from gradcmp.ops.images.padding import Padding, Widths, resolved
from gradcmp.ops.primitives import scatter_add, zeros
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, ShapeError
from gradcmp.ops.static import for_each_axis

Size: TypeAlias = int | tuple[int, ...]  # one integer for all spatial axes, or one for each

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
    beyond : tuple
        What windows need after the padding, and is no part of it.
    spans : tuple of int
        How long a window is along each axis, with the holes that dilation leaves.
    margins : tuple
        The padding, and what lies beyond it.
    padded : tuple of int
        How long each axis of x is with its margins.
    lengths : tuple of int
        How many windows fit along each axis, the margins included, the rest left out.
    """

    shape: Shape
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Widths
    dilation: tuple[int, ...]
    beyond: Widths
    spans: tuple[int, ...] = field(init=False)
    margins: Widths = field(init=False)
    padded: tuple[int, ...] = field(init=False)
    lengths: tuple[int, ...] = field(init=False)

    @classmethod
    def over(
        cls,
        shape: Shape,
        kernel: Size,
        stride: Size,
        padding: Padding,
        dilation: Size = 1,
        ceil_mode: bool = False,
    ) -> Windows:
        """Make windows over x of `shape` of arguments as they are written in a call."""
        n = len(shape) - 2
        kernel, stride, dilation = (
            for_each_axis(name, value, n, 1)
            for name, value in (("kernel", kernel), ("stride", stride), ("dilation", dilation))
        )
        widths = resolved(padding, shape, spans_of(kernel, dilation), stride)
        windows = cls(tuple(shape), kernel, stride, widths, dilation, ((0, 0),) * n)
        return replace(windows, beyond=windows._rest()) if ceil_mode else windows

    def along(self, *axes: int) -> Windows:
        """Return the windows of some of the spatial axes, over x with its padding."""
        kernel, stride, dilation = (
            tuple(one[i] for i in axes) for one in (self.kernel, self.stride, self.dilation)
        )
        none = ((0, 0),) * len(axes)
        shape = (*self.shape[:2], *(self.padded[i] for i in axes))
        return Windows(shape, kernel, stride, none, dilation, none)

    def __post_init__(self) -> None:
        """Compute what everything else asks for again and again.

        Not when it is asked for: torch.compile cannot look into what is cached.
        """
        spans = spans_of(self.kernel, self.dilation)
        pairs = zip(self.padding, self.beyond, strict=True)
        margins = tuple((before, after + more) for (before, after), (_, more) in pairs)
        padded = tuple(n + sum(p) for n, p in zip(self.shape[2:], margins, strict=True))
        along = zip(padded, spans, self.stride, strict=True)
        object.__setattr__(self, "spans", spans)
        object.__setattr__(self, "margins", margins)
        object.__setattr__(self, "padded", padded)
        object.__setattr__(self, "lengths", tuple((n - span) // s + 1 for n, span, s in along))

    @property
    def count(self) -> int:
        """How many windows lie on one channel of one sample."""
        return math.prod(self.lengths)

    @property
    def inner(self) -> tuple[slice, ...]:
        """Where x itself lies between its margins, along each spatial axis."""
        pairs = zip(self.padding, self.shape[2:], strict=True)
        return tuple(slice(before, before + length) for (before, _), length in pairs)

    def cut(self, x: Array, fill: float = 0.0) -> Array:
        """Return the windows, (channels, places in a window, samples, windows)."""
        n, c, *spatial = self.shape
        if self.padded != tuple(spatial):
            x = np.pad(x, ((0, 0), (0, 0), *self.margins), constant_values=fill)
        if type(x) is np.ndarray:
            sizes = c, math.prod(self.kernel), n, self.count
            return np.reshape(self._view(x), sizes)
        rows = np.reshape(x, (n, c, math.prod(self.padded)))
        return np.transpose(np.take(rows, self._places(), axis=-1), (1, 2, 0, 3))

    def paste(self, pieces: Array) -> Array:
        """Add up windows where they overlap: the transpose of `cut`, padding dropped."""
        n, c = self.shape[:2]
        if type(pieces) is np.ndarray and pieces.size > SLICED * math.prod(self.kernel):
            x = self._added(pieces)
        else:
            size = math.prod(self.padded)
            starts = np.reshape(np.arange(c * n) * size, (c, 1, n, 1))
            index = starts + np.expand_dims(self._places(), 1)
            x = np.reshape(scatter_add(pieces, index, c * n * size), (c, n, *self.padded))
        return np.swapaxes(x, 0, 1)[(slice(None), slice(None), *self.inner)]

    def joined(self, y: Array) -> Array:
        """Return one number for each window, (channels, samples, windows), in the layout of x."""
        c, n = np.shape(y)[:2]
        return np.swapaxes(np.reshape(y, (c, n, *self.lengths)), 0, 1)

    def split(self, dy: Array) -> Array:
        """Return the cotangent of what `joined` gave as (channels, samples, windows)."""
        n, c = np.shape(dy)[:2]
        return np.reshape(np.swapaxes(dy, 0, 1), (c, n, self.count))

    def counts(self, with_padding: bool) -> tuple[tuple[int, ...], ...]:
        """Return along each axis how much of x, or of x and its padding, lies in each window."""
        return tuple(
            tuple(
                sum(
                    -before * with_padding <= i * s + j * d - before < n + after * with_padding
                    for j in range(k)
                )
                for i in range(m)
            )
            for n, (before, after), k, m, s, d in zip(
                self.shape[2:],
                self.padding,
                self.kernel,
                self.lengths,
                self.stride,
                self.dilation,
                strict=True,
            )
        )

    def slices(self) -> Iterator[tuple[slice, ...]]:
        """Return where in a padded x each place of all windows lies, place by place."""
        for place in np.ndindex(self.kernel):
            along = zip(place, self.dilation, self.stride, self.lengths, strict=True)
            yield tuple(slice(i * d, i * d + s * (m - 1) + 1, s) for i, d, s, m in along)

    def _rest(self) -> Widths:
        """Return what a last window needs that begins on x, or on the padding before it."""
        rests = []
        for n, (before, _), padded, span, s in zip(
            self.shape[2:], self.padding, self.padded, self.spans, self.stride, strict=True
        ):
            last = -(-(padded - span) // s)
            if last * s >= n + before:
                last -= 1
            rests.append((0, max(last * s + span - padded, 0)))
        return tuple(rests)

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
        each = np.reshape(pieces, (c, math.prod(self.kernel), n, *self.lengths))
        for i, covered in enumerate(self.slices()):
            x[(slice(None), slice(None), *covered)] += each[:, i]
        return x


def spans_of(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """Return how long a window is along each axis, with the holes that dilation leaves."""
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))


def sliding(
    x: ArraySpec,
    kernel: Size,
    stride: Size,
    padding: Padding,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> Windows:
    """Return the windows over `x`.

    Raises
    ------
    ShapeError
        When an argument is no such size or padding, or no window fits.
    """
    require_float(x)
    windows = Windows.over(x.shape, kernel, stride, padding, dilation, ceil_mode)
    if min(windows.lengths) < 1:
        raise ShapeError(f"no window {windows.kernel} fits into {x.shape} with its padding")
    return windows
