"""Large arrays by compiled loops on all cores, which find what `statistics.measure_chunks` finds.

They need numba, which is optional: without it NumPy measures.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache, lru_cache, reduce
from importlib import import_module
from operator import add
from types import ModuleType
from typing import Any

import numpy as np

from gradcmp.dtypes import Format
from gradcmp.judge.comparison import Statistics
from gradcmp.judge.elementwise.chunks import loader, pieces
from gradcmp.judge.elementwise.difference import SLACK, carrier_of
from gradcmp.judge.elementwise.result import SegmentResult
from gradcmp.judge.elementwise.schedule import Schedule
from gradcmp.judge.elementwise.statistics import trimmed
from gradcmp.judge.elementwise.tolerance import ElementTolerance
from gradcmp.judge.elementwise.ulp import ulp_scale
from gradcmp.machine import memory
from gradcmp.recording import BFLOAT16, Array, dtype_name

TAKEN = frozenset((np.dtype(np.float64), np.dtype(np.float32), BFLOAT16))
ROOM = 1 << 30  # bytes: a compiler that runs out of memory takes the process with it
CALL = 1 << 14  # elements that take as long as it takes to begin

_compared = 0  # elements so far in this process, and what beginning was worth


@cache
def kernels() -> ModuleType | None:
    """Load the compiled loops; None without numba, memory, or a place to keep what it compiles.

    The first call on a machine takes some seconds for each pair of dtypes. numba keeps the result
    beside the source, or in the user's cache directory.
    """
    if (memory() or ROOM) < ROOM:
        return None
    try:
        return import_module("gradcmp.judge.elementwise.kernels")
    except (ImportError, RuntimeError):  # numba raises the latter when it finds no directory
        return None


def worthwhile_kernels(size: int, worthwhile: float) -> ModuleType | None:
    """Return the compiled loops once so much was compared that they are worth loading."""
    global _compared
    _compared += size + CALL
    return kernels() if _compared >= worthwhile else None


def measure_chunks(
    actual: Array, expected: Array, rule: ElementTolerance, schedule: Schedule, loops: ModuleType
) -> SegmentResult:
    """Return what is found in two large real arrays, by several threads if there is enough to do.

    Only here: in NumPy a second thread waits for the interpreter longer than it computes.
    """
    size = actual.size
    share = -(-size // min(schedule.threads, -(-size // schedule.share)))
    ranges = [(start, min(start + share, size)) for start in range(0, size, share)]
    arguments = (actual, expected, rule, schedule, loops)
    if len(ranges) == 1:
        return _measure(*arguments, 0, size)
    from concurrent.futures import ThreadPoolExecutor  # slow to import, and seldom needed

    with ThreadPoolExecutor(len(ranges)) as pool:
        results = pool.map(lambda stretch: _measure(*arguments, *stretch), ranges)
        return reduce(add, results)


def _measure(
    actual: Array,
    expected: Array,
    rule: ElementTolerance,
    schedule: Schedule,
    loops: ModuleType,
    start: int,
    stop: int,
) -> SegmentResult:
    """Return what one thread finds, from flat index `start` to `stop`."""
    names = dtype_name(actual.dtype), dtype_name(expected.dtype)
    carrier, shift, arguments = _arguments(rule, carrier_of(rule, *names))
    size = min(schedule.compiled_chunk, stop - start)
    dtypes = [x.dtype.newbyteorder("=") for x in (actual, expected)]
    load_actual, load_expected = (
        loader(name, dtype, dtype if dtype in TAKEN else carrier)
        for name, dtype in zip(("actual", "expected"), dtypes, strict=True)
    )
    counts = np.zeros(1, loops.COUNTS)
    with np.errstate(all="ignore"):  # threads start with warnings
        for here, a, e in pieces(actual, expected, start, stop, size):
            sides = _read_only(load_actual(a)), _read_only(load_expected(e))
            loops.count(*sides, here, *arguments, counts[0])
    return _result(counts, stop - start, shift)


def _result(counts: Array, total: int, shift: int) -> SegmentResult:
    """Return what the loops have counted."""
    (row,) = counts.tolist()
    found = dict(zip(counts.dtype.fields or (), row, strict=True))
    known = {f.name: found[f.name] for f in fields(Statistics) if f.name in found}
    statistics = Statistics(
        total=total,
        max_ulp=found["steps"] / 2**shift,
        ulp_histogram=trimmed(found["octaves"].tolist()),
        **known,
    )
    key = (found["nonfinite"] > 0, found["excess"], found["error"])
    return SegmentResult(statistics, found["disagreeing"], found["worst"], key)


@lru_cache
def _arguments(
    rule: ElementTolerance, carrier: Format
) -> tuple[np.dtype[Any], int, tuple[Any, ...]]:
    """Return the carrier, the shift of its ULP, and what a loop takes beside the pieces.

    A loop is compiled for the types of its arguments: here they are always the same.
    """
    floats = np.dtype(carrier.name)
    signed, unsigned = (np.dtype(f"{kind}{floats.itemsize}") for kind in "iu")
    scale, most = ulp_scale(rule.unit, carrier), int(np.iinfo(unsigned).max)
    limit = most if rule.ulp is None else min(rule.ulp << scale.shift, most)
    unit = (floats.type(scale.factor), unsigned.type(scale.shift), unsigned.type(limit))
    tolerance = (float(rule.rtol), float(rule.atol) if rule.ulp is None else np.inf)
    dtypes = (floats, signed, unsigned)
    return floats, scale.shift, (*tolerance, floats.type(SLACK[carrier.name]), unit, dtypes)


def _read_only(piece: Array) -> Array:
    """Return a view that is read-only, as those of files are, and aligned: one type for all."""
    view = (piece if piece.flags.aligned else piece.copy()).view()
    view.flags.writeable = False
    return view
