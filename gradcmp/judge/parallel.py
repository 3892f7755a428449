"""Sweeps side by side: every thread its own stretch of the arrays."""

from __future__ import annotations

import os

import numpy as np

from gradcmp.judge.pieces import loader, pieces
from gradcmp.judge.sweep import Sweep, carrier_of
from gradcmp.judge.tally import Tally
from gradcmp.judge.tolerance import Rule
from gradcmp.recording import Array

PIECE = 1 << 19  # bytes: long enough to hide the calls, short enough for a core's caches
ALONE = 1 << 18  # elements: below it a thread takes longer to start than it saves
MOST_THREADS = 1  # on two cores a second one waited for the interpreter longer than it computed


def tally_reals(actual: Array, expected: Array, rule: Rule) -> Tally:
    """Sweep both arrays, by several threads if there is enough to do."""
    size = actual.size
    threads = min(MOST_THREADS, _cores(), -(-size // ALONE))
    share = -(-size // threads)
    ranges = [(start, min(start + share, size)) for start in range(0, size, share)]
    if len(ranges) == 1:
        return _sweep(actual, expected, rule, 0, size)
    from concurrent.futures import ThreadPoolExecutor  # slow to import, and seldom needed

    with ThreadPoolExecutor(len(ranges)) as pool:
        first, *others = pool.map(lambda part: _sweep(actual, expected, rule, *part), ranges)
    for other in others:
        first.add(other)
    return first


def _cores() -> int:
    """Give the number of cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS, not on Windows
        return os.cpu_count() or 1


def _sweep(actual: Array, expected: Array, rule: Rule, start: int, stop: int) -> Tally:
    """Sweep the elements from flat index `start` to `stop`."""
    carrier = carrier_of(rule, actual.dtype.name, expected.dtype.name)
    dtype = np.dtype(carrier.name)
    size = min(PIECE // dtype.itemsize, stop - start)
    load_actual, load_expected = (loader(a.dtype, dtype, size) for a in (actual, expected))
    sweep = Sweep(rule, carrier, size)
    with np.errstate(all="ignore"):  # infinities and NaN are findings; threads start with warnings
        for here, a, e in pieces(actual, expected, start, stop, size):
            sweep.feed(here, load_actual(a), load_expected(e))
    return sweep.tally
