"""Where what is resized comes from along one axis: places between numbers, and parts."""

from __future__ import annotations

import numpy as np

from gradcmp.ops.spec import Array

NEAREST, EXACT, LINEAR = "nearest", "nearest-exact", "linear"
NAMES = {3: LINEAR, 4: "bilinear", 5: "trilinear"}  # of linear, as torch has it for x with axes
MODES = (NEAREST, EXACT, *NAMES.values())


def sources(n: int, m: int, mode: str, align_corners: bool) -> Array:
    """Return the place in n numbers of each of m, a whole number where the nearest is taken."""
    i = np.arange(m)
    if mode == NEAREST:
        return (i * n // m).astype(np.float64)
    if mode == EXACT:
        return ((2 * i + 1) * n // (2 * m)).astype(np.float64)
    if align_corners:
        return i * (n - 1) / max(m - 1, 1)
    return np.clip(((2 * i + 1) * n - m) / (2 * m), 0, n - 1)


def parts(n: int, m: int) -> list[tuple[int, int]]:
    """Return where each of m parts of n numbers begins and ends; they may overlap."""
    return [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]
