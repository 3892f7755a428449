"""Integers and booleans are held together exactly."""

from __future__ import annotations

import numpy as np

from gradcmp.judge.elementwise.chunks import pieces
from gradcmp.judge.elementwise.statistics import Statistics
from gradcmp.recording import Array

PIECE = 1 << 16  # elements


def tally_integers(actual: Array, expected: Array) -> Statistics:
    """Count unequal integers or booleans; their distance in ULP is their difference."""
    tally = Statistics(total=actual.size)
    for start, a, e in pieces(actual, expected, 0, actual.size, PIECE):
        unequal = np.flatnonzero(a != e)
        tally.disagreeing += unequal.size
        if not unequal.size:
            continue
        a, e = a[unequal], e[unequal]
        # Modulo 2^64 the difference is right even where int64 would overflow.
        up, down = a.astype(np.uint64), e.astype(np.uint64)
        error = np.where(a > e, up - down, down - up).astype(np.float64)
        with np.errstate(divide="ignore"):
            relative = error / np.abs(e.astype(np.float64))
        index = int(error.argmax())
        tally.offer(start + int(unequal[index]), (False, float("inf"), float(error[index])))
        tally.max_absolute = tally.max_ulp = max(tally.max_ulp, float(error[index]))
        tally.max_relative = max(tally.max_relative, float(relative.max()))
    tally.equal = tally.total - tally.disagreeing
    return tally
