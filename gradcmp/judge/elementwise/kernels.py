"""The pass over large arrays, compiled: without a pass of NumPy for each statistic.

A block of numbers is screened first, by loops that the compiler turns into vector instructions.
Where it may disagree, or come near a maximum, or is not finite, its elements are settled one by
one, in float64, by the definition. What is counted stands in one record of `COUNTS`.

The loops are plain on purpose: a branch, a shared buffer or a counter of another width would keep
them from vectorizing. Hence flags that are written first and counted in floats, after.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload

BLOCK = 4096  # bytes of a buffer: all of them together fit a core's first cache
# These stand elsewhere, too, and are the same (test_compiled.py): numba keeps what it
# compiled for as long as this file is unchanged, and would not see them change there.
LARGEST = np.finfo(np.float64).max
FAINT = 2.0**-120
OCTAVES = 65
COUNTS = np.dtype(
    [
        *((name, np.int64) for name in ("equal", "disagreeing", "nonfinite", "worst")),
        *((name, np.float64) for name in ("excess", "error", "max_absolute", "max_relative")),
        *((name, np.float64) for name in ("aa", "ee", "ae")),
        ("steps", np.uint64),
        ("octaves", np.int64, (OCTAVES,)),
    ]
)

compiled = njit(nogil=True, cache=True, error_model="numpy")
reordered = njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})  # for sums alone


def load(x: Any, out: Any) -> Any:
    """Return numbers as floats of the width of `out`: as they are, or copied into it."""


@overload(load)
def _load(x: Any, out: Any) -> Any:
    def same(x: Any, out: Any) -> Any:
        return x

    def bfloat16(x: Any, out: Any) -> Any:
        for i in range(len(x)):  # the upper half of a float32
            out[i] = np.uint32(np.uint32(x[i]) << np.uint32(16)).view(np.float32)
        return out

    def finer(x: Any, out: Any) -> Any:
        for i in range(len(x)):
            out[i] = x[i]
        return out

    if x.dtype == out.dtype:
        return same
    return bfloat16 if x.dtype == types.uint16 else finer


@compiled
def screen(a, e, rtol, atol, excess, absolute, relative, notable):
    """Flag what may disagree, or come near one of the maxima so far (given less the slack)."""
    zero, faint = a.dtype.type(0), a.dtype.type(FAINT)
    for i in range(len(a)):
        error = abs(a[i] - e[i])
        magnitude = abs(e[i])
        allowed = atol + rtol * magnitude
        limit = min(min(excess * allowed, relative * magnitude), absolute)
        limit = zero if allowed < faint else limit
        notable[i] = not error <= limit  # NaN and infinity are


@compiled
def settle(a, e, start, rtol, atol, counts):
    """Judge the elements of a block by the definition; NaN and infinity become equal zeros."""
    for i in range(len(a)):
        x, y = np.float64(a[i]), np.float64(e[i])
        if not (abs(x) <= LARGEST and abs(y) <= LARGEST):
            a[i] = e[i] = 0
            if not (x == y or (x != x and y != y)):
                unmatched(start + i, counts)
            continue
        error = abs(x - y)
        if error == 0:
            continue
        counts.max_absolute = max(counts.max_absolute, error)
        counts.max_relative = max(counts.max_relative, error / abs(y))
        if atol == np.inf:
            continue
        allowed = atol + rtol * abs(y)
        counts.disagreeing += not (error <= allowed and error <= LARGEST)
        excess = error / allowed if error <= LARGEST else np.inf
        worse = error > counts.error if excess == counts.excess else excess > counts.excess
        if worse and not counts.nonfinite:
            counts.worst, counts.excess, counts.error = start + i, excess, error


@compiled
def unmatched(index, counts):
    """Count a NaN or an infinity that does not meet the same."""
    if not counts.nonfinite:
        counts.worst, counts.excess, counts.error = index, np.inf, np.inf
    counts.nonfinite += 1
    counts.disagreeing += 1
    counts.equal -= 1  # it goes on as a pair of equal zeros
    counts.octaves[0] -= 1


@compiled
def measure(a, e, steps):
    """Return the distances of two buffers of numbers in their own steps; see `ulp.UlpScale`."""
    magnitude, zero = np.iinfo(a.dtype).max, a.dtype.type(0)
    for i in range(len(a)):
        p = steps.dtype.type(a[i] & magnitude)
        q = steps.dtype.type(e[i] & magnitude)
        steps[i] = p + q if (a[i] ^ e[i]) < zero else max(p, q) - min(p, q)


@compiled
def measure_scaled(a, e, factor, first, second, signed, steps):
    """Do so in the steps of a coarser unit; unequal numbers that underflow are still set apart."""
    for i in range(len(a)):
        first[i], second[i] = a[i] * factor, e[i] * factor
    measure(first.view(signed), second.view(signed), steps)
    for i in range(len(a)):
        steps[i] = max(steps[i], steps.dtype.type(a[i] != e[i]))


@compiled
def largest_of(steps):
    """Return the largest distance."""
    top = steps.dtype.type(0)
    for i in range(len(steps)):
        top = max(top, steps[i])
    return top


@reordered
def at_least(values, floor, zero):
    """Count in floats of the width of the values: exact here, and of one width."""
    one, count = type(zero)(1), zero
    for i in range(len(values)):
        count += one if values[i] >= floor else zero
    return np.int64(count)


@compiled
def count_octaves(steps, top, shift, zero, counts):
    """Count whole ULP by octave, and what has no distance at all."""
    one = steps.dtype.type(1)
    apart = at_least(steps, one, zero)
    counts.equal += len(steps) - apart
    more, floor, octave = len(steps), one << shift, 0
    while floor and floor <= top:
        fewer = apart if floor == one else at_least(steps, floor, zero)
        counts.octaves[octave] += more - fewer
        more, floor, octave = fewer, floor << one, octave + 1
    counts.octaves[octave] += more


@compiled
def hold_ulp(a, e, start, steps, limit, shift, counts):
    """Judge by distance in ULP: the worst is at the largest distance."""
    for i in range(len(a)):
        error = abs(np.float64(a[i]) - np.float64(e[i]))
        counts.disagreeing += steps[i] > limit or error > LARGEST
        distance = np.float64(steps[i]) / np.float64(steps.dtype.type(1) << shift)
        worse = error > counts.error if distance == counts.excess else distance > counts.excess
        if worse and not counts.nonfinite:
            counts.worst, counts.excess, counts.error = start + i, distance, error


@reordered
def products(a, e, zero):
    """Return the sums of a², e² and a·e in the type of `zero`."""
    aa = ee = ae = zero
    number = type(zero)
    for i in range(len(a)):
        x, y = number(a[i]), number(e[i])
        aa += x * x
        ee += y * y
        ae += x * y
    return aa, ee, ae


@compiled
def add_products(a, e, counts):
    """Add to the sums of products, in float64 where the carrier overflows or loses small ones."""
    aa, ee, ae = products(a, e, a.dtype.type(0))
    if not (FAINT < aa < 1 / FAINT and FAINT < ee < 1 / FAINT):
        aa, ee, ae = products(a, e, 0.0)
    counts.aa += aa
    counts.ee += ee
    counts.ae += ae


@compiled
def finish(a, e, start, unit, by_ulp, spare, steps, signed, counts):
    """Take in a block of finite numbers: products, distances, and what an ULP rule says."""
    factor, shift, limit = unit
    add_products(a, e, counts)
    if factor == 1:
        measure(a.view(signed), e.view(signed), steps)
    else:
        measure_scaled(a, e, factor, spare[0, : len(a)], spare[1, : len(a)], signed, steps)
    top = largest_of(steps)
    counts.steps = max(counts.steps, np.uint64(top))
    count_octaves(steps, top, shift, a.dtype.type(0), counts)
    if by_ulp:
        hold_ulp(a, e, start, steps, limit, shift, counts)


@compiled
def count(actual, expected, start, rtol, atol, slack, unit, dtypes, counts):
    """Take in the elements from flat index `start` on.

    Parameters
    ----------
    rtol, atol : float64
        `atol` is infinite where an ULP rule judges instead.
    slack : float
        Of the arithmetic that screens, in its dtype.
    unit : tuple of float, unsigned, unsigned
        Where the unit of ULP is not the carrier, `UlpScale`'s factor and shift; the most steps that
        are close under an ULP rule.
    dtypes : tuple of dtype
        The carrier, and the signed and unsigned integers of its width.
    """
    floats, signed, unsigned = dtypes
    carrier, nearly = type(slack), 1 - slack
    largest = np.float64(np.finfo(floats).max)
    block = BLOCK // np.empty(0, floats).itemsize
    held, spare = np.empty((2, block), floats), np.empty((2, block), floats)
    flags = np.empty((2, block), unsigned)
    for here in range(0, len(actual), block):
        there = min(here + block, len(actual))
        size, first = there - here, start + here
        notable, steps = flags[0, :size], flags[1, :size]
        held_a, held_e = held[0, :size], held[1, :size]
        a, e = load(actual[here:there], held_a), load(expected[here:there], held_e)
        screen(
            a,
            e,
            carrier(rtol),
            carrier(atol),
            carrier(min(counts.excess, 1.0) * nearly),
            carrier(min(counts.max_absolute, largest) * nearly),
            carrier(counts.max_relative * nearly),
            notable,
        )
        if at_least(notable, notable.dtype.type(1), carrier(0)):
            held_a[:], held_e[:] = a, e
            settle(held_a, held_e, first, rtol, atol, counts)
            finish(held_a, held_e, first, unit, atol == np.inf, spare, steps, signed, counts)
        else:
            finish(a, e, first, unit, atol == np.inf, spare, steps, signed, counts)
