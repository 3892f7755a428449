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

PIECE = 1 << 16  # of integers, and of arrays that may be equal
SIMPLE = frozenset((np.dtype(np.float32), np.dtype(np.float64)))
FEW = 64  # elements that mostly tell whether they are
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


def measure_equal(actual: Array, expected: Array) -> SegmentResult | None:
    """Return what is found in large arrays of the same finite numbers; None of any others."""
    if not SIMPLE.issuperset((actual.dtype, expected.dtype)):
        return None  # pieces of bfloat16 are bits, and float16 adds up too roughly
    same, products = actual is expected, 0.0
    with np.errstate(all="ignore"):
        for _, a, e in pieces(actual, expected, 0, actual.size, PIECE):
            if not (same or (np.array_equal(a[:FEW], e[:FEW]) and np.array_equal(a, e))):
                return None
            finer = a if a.dtype.itemsize > e.dtype.itemsize else e
            products += run_of(len(e)).dot(finer, finer)
    if not math.isfinite(products):  # what is equal may be infinite, and NaN may be the same
        return None
    counts = (actual.size,) * 2
    return SegmentResult(
        Statistics(*counts, ulp_histogram=counts[:1], aa=products, ee=products, ae=products)
    )


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
