"""Padding of windows: how it is written in a call, and what it is before and after each axis."""

from __future__ import annotations

from typing import TypeAlias

from gradcmp.case import Shape
from gradcmp.ops.spec import ShapeError
from gradcmp.ops.static import COUNTS, for_each_axis, require_choice

Padding: TypeAlias = int | str | tuple[int | tuple[int, int], ...]
Widths: TypeAlias = tuple[tuple[int, int], ...]  # before and after, for each spatial axis

SAME, VALID = "same", "valid"  # paddings that are words


def resolved(
    padding: Padding, shape: Shape, spans: tuple[int, ...], stride: tuple[int, ...]
) -> Widths:
    """Return how much padding stands before and after each spatial axis of x.

    Parameters
    ----------
    spans : tuple of int
        How long a window is along each axis.
    """
    if not isinstance(padding, str):
        return widths_of(padding, len(spans))
    require_choice("padding", padding, (SAME, VALID))
    return _same(shape, spans, stride) if padding == SAME else widths_of(0, len(spans))


def widths_of(padding: object, axes: int) -> Widths:
    """Return how much padding stands before and after each axis.

    Parameters
    ----------
    padding : int or tuple
        One integer for all, or for each axis an integer or a pair (before, after).
    """
    if isinstance(padding, tuple) and len(padding) != axes:
        raise ShapeError(
            f"padding is {padding!r}, and must be {COUNTS[axes]}, or pairs (before, after)"
        )
    each = padding if isinstance(padding, tuple) else (padding,) * axes
    pairs = [for_each_axis("padding", one, 2, 0) for one in each]
    return tuple((before, after) for before, after in pairs)


def _same(shape: Shape, spans: tuple[int, ...], stride: tuple[int, ...]) -> Widths:
    """Return the padding with which one window in `stride` numbers fits; an odd one is after x.

    What TensorFlow and JAX call SAME. torch calls it so with stride 1, and refuses it beyond.
    """
    totals = [
        max((-(-n // s) - 1) * s + span - n, 0)
        for n, span, s in zip(shape[2:], spans, stride, strict=True)
    ]
    return tuple((total // 2, total - total // 2) for total in totals)
