"""Where an element stands, and whether an array has one there."""

from __future__ import annotations

from collections.abc import Sequence


def holds(shape: Sequence[int], index: Sequence[int]) -> bool:
    """Say whether an array of this shape has an element at `index`."""
    return len(shape) == len(index) and all(i < n for i, n in zip(index, shape, strict=True))
