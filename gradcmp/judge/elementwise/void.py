"""Arrays that agree because neither has a finite number: that proves nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradcmp.judge.comparison import Comparison, Verdict
from gradcmp.judge.elementwise.chunks import pieces
from gradcmp.recording import BFLOAT16, Array

PIECE = 1 << 16  # elements
VOID = Verdict(
    True, "non-finite", "NaN or infinity at every element of both: nothing finite was compared"
)


def reserved(comparison: Comparison, actual: Array, expected: Array) -> Comparison:
    """Return a comparison of real arrays, with a reservation if it compared nothing finite."""
    if comparison.verdict.reason != "exact" or comparison.norm_expected > 0:
        return comparison  # mostly: a number that is finite and not zero
    for _, _, piece in pieces(actual, expected, 0, expected.size, PIECE):
        wide = piece.view(BFLOAT16) if expected.dtype == BFLOAT16 else piece
        if np.isfinite(wide).any():
            return comparison
    return replace(comparison, verdict=VOID)
