"""Large arrays by NumPy: real ones a chunk at a time, integers and booleans exactly."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np

from gradcmp.judge.comparison import Statistics
from gradcmp.judge.elementwise.chunks import BUFFERS, loader, pieces
from gradcmp.judge.elementwise.difference import Difference, carrier_of
from gradcmp.judge.elementwise.result import EMPTY, SegmentResult
from gradcmp.judge.elementwise.schedule import Schedule
from gradcmp.judge.elementwise.segments import Run
from gradcmp.judge.elementwise.statistics import SegmentedDifference
from gradcmp.judge.elementwise.tolerance import ElementTolerance
from gradcmp.recording import Array, dtype_name

PIECE = 1 << 16  # integers
run_of = lru_cache(2)(lambda size: Run((size,)))


def measure_chunks(
    actual: Array, expected: Array, rule: ElementTolerance, schedule: Schedule
) -> SegmentResult:
    """Return what is found in two large real arrays, a chunk at a time."""
    carrier = carrier_of(rule, dtype_name(actual.dtype), dtype_name(expected.dtype))
    dtype = np.dtype(carrier.name)
    size = min(-(-schedule.chunk // dtype.itemsize), actual.size)
    load_actual = loader("actual", actual.dtype, dtype)
    load_expected = loader("expected", expected.dtype, dtype)
    result = EMPTY
    with np.errstate(all="ignore"):  # infinities and NaN are findings
        for start, a, e in pieces(actual, expected, 0, actual.size, size):
            found = Difference(load_actual(a), load_expected(e), rule, carrier, BUFFERS)
            one = _chunk_result(found, result, start)
            result = result + one if start else one
    return result


def _chunk_result(found: Difference, reached: SegmentResult, start: int) -> SegmentResult:
    """Return what is found in one chunk after others."""
    run = run_of(len(found.actual))
    chunk = SegmentedDifference(run, found, reached)
    if not chunk.is_faithful:
        chunk = SegmentedDifference(run, found.in_float64, reached)
    (result,) = chunk.results(start)
    return result


def measure_integers(actual: Array, expected: Array) -> SegmentResult:
    """Return what is found in integers or booleans; their distance in ULP is their difference."""
    result = EMPTY
    for start, a, e in pieces(actual, expected, 0, actual.size, PIECE):
        unequal = np.flatnonzero(a != e)
        equal = Statistics(total=len(a), equal=len(a) - unequal.size)
        if not unequal.size:
            result += SegmentResult(equal, worst=start)
            continue
        a, e = a[unequal], e[unequal]
        # Modulo 2^64 the difference is right even where int64 would overflow.
        up, down = a.astype(np.uint64), e.astype(np.uint64)
        error = np.where(a > e, up - down, down - up).astype(np.float64)
        with np.errstate(divide="ignore"):
            relative = error / np.abs(e.astype(np.float64))
        index, top = int(error.argmax()), float(error.max())
        counted = replace(equal, max_absolute=top, max_relative=float(relative.max()), max_ulp=top)
        key = (False, math.inf, top)
        result += SegmentResult(counted, unequal.size, start + int(unequal[index]), key)
    return result
