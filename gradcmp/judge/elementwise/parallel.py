"""Sweeps side by side: every thread its own stretch of the arrays."""

from __future__ import annotations

import os
from types import ModuleType

import numpy as np

from gradcmp.judge.elementwise.chunks import loader, pieces
from gradcmp.judge.elementwise.compiled import CompiledSweep, kernels
from gradcmp.judge.elementwise.statistics import Statistics
from gradcmp.judge.elementwise.stream import Sweep, carrier_of
from gradcmp.judge.elementwise.tolerance import ElementTolerance
from gradcmp.recording import Array, dtype_name

PIECE = 1 << 19  # bytes: long enough to hide the calls, short enough for a core's caches
LONG_PIECE = 1 << 21  # bytes, of the compiled sweep, which has blocks of its own
ALONE = 1 << 18  # elements: below it a thread takes longer to start than it saves
MOST_THREADS = 8  # the memory of so many is faster than they are
# Elements that NumPy sweeps in the half second that numba takes to load: whoever compares less
# does not wait for it, whoever compares more waits at most twice as long as with either alone.
WORTHWHILE = 1 << 27
CALL = 1 << 14  # elements that take as long as it takes to begin

_swept = 0  # elements so far in this process, and what beginning was worth


def tally_reals(actual: Array, expected: Array, rule: ElementTolerance) -> Statistics:
    """Sweep both arrays, by several threads if there is enough to do."""
    size = actual.size
    loops = _loops(size)
    # In NumPy a second thread waits for the interpreter longer than it computes.
    if loops is None or size <= ALONE:
        return _sweep(actual, expected, rule, loops, 0, size)
    share = -(-size // min(MOST_THREADS, _cores(), -(-size // ALONE)))
    ranges = [(start, min(start + share, size)) for start in range(0, size, share)]
    from concurrent.futures import ThreadPoolExecutor  # slow to import, and seldom needed

    with ThreadPoolExecutor(len(ranges)) as pool:
        first, *others = pool.map(lambda r: _sweep(actual, expected, rule, loops, *r), ranges)
    for other in others:
        first.add(other)
    return first


def _loops(size: int) -> ModuleType | None:
    """Return the compiled loops once so much was swept that they are worth loading."""
    global _swept
    _swept += size + CALL
    return kernels() if _swept >= WORTHWHILE else None


def _cores() -> int:
    """Return the number of cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS, not on Windows
        return os.cpu_count() or 1


def _sweep(
    actual: Array,
    expected: Array,
    rule: ElementTolerance,
    loops: ModuleType | None,
    start: int,
    stop: int,
) -> Statistics:
    """Sweep the elements from flat index `start` to `stop`."""
    carrier = carrier_of(rule, dtype_name(actual.dtype), dtype_name(expected.dtype))
    dtype = np.dtype(carrier.name)
    size = min((LONG_PIECE if loops else PIECE) // dtype.itemsize, stop - start)
    sweep = CompiledSweep(rule, carrier, loops) if loops else Sweep(rule, carrier, size)
    load_actual, load_expected = (
        loader(array.dtype, sweep.takes(array.dtype), size) for array in (actual, expected)
    )
    with np.errstate(all="ignore"):  # infinities and NaN are findings; threads start with warnings
        for here, a, e in pieces(actual, expected, start, stop, size):
            sweep.feed(here, load_actual(a), load_expected(e))
    return sweep.tally
