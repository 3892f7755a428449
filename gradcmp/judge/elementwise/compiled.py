"""The compiled sweep, where it is to be had and pays: it finds what `sweep.Sweep` finds.

It needs numba, which is optional: without it NumPy sweeps.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from gradcmp.judge.elementwise.statistics import Statistics
from gradcmp.judge.elementwise.stream import SLACK
from gradcmp.judge.elementwise.tolerance import ElementTolerance
from gradcmp.judge.elementwise.ulp import Format, UlpMeter
from gradcmp.machine import memory
from gradcmp.recording import BFLOAT16, Array

TAKEN = frozenset((np.dtype(np.float64), np.dtype(np.float32), BFLOAT16))
ROOM = 1 << 30  # bytes: a compiler that runs out of memory takes the process with it


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


class CompiledSweep:
    """One thread's pass: pieces of both arrays go in, `tally` comes out.

    Parameters
    ----------
    carrier : Format
        What is screened in: float32 or float64.
    """

    def __init__(self, rule: ElementTolerance, carrier: Format, loops: ModuleType) -> None:
        self._carrier, self._shift, self._arguments = _arguments(rule, carrier)
        self._loop = loops.count
        self._total = 0
        self._counts = np.zeros(1, loops.COUNTS)

    def takes(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Return what pieces of an array are fed as; bfloat16 as its bits in uint16."""
        return dtype.newbyteorder("=") if dtype.newbyteorder("=") in TAKEN else self._carrier

    def feed(self, start: int, actual: Array, expected: Array) -> None:
        """Take in the elements from flat index `start` on."""
        self._total += len(actual)
        pair = _read_only(actual), _read_only(expected)
        self._loop(*pair, start, *self._arguments, self._counts[0])

    @property
    def tally(self) -> Statistics:
        """What was counted so far."""
        (row,) = self._counts.tolist()
        found = dict(zip(self._counts.dtype.fields or (), row, strict=True))
        key = (found["nonfinite"] > 0, found.pop("excess"), found.pop("error"))
        distance = found.pop("steps") / 2**self._shift
        found["octaves"] = found["octaves"].tolist()
        return Statistics(total=self._total, key=key, max_ulp=distance, **found)


@lru_cache
def _arguments(
    rule: ElementTolerance, carrier: Format
) -> tuple[np.dtype[Any], int, tuple[Any, ...]]:
    """Return the carrier, the shift of its ULP, and what a loop takes beside the pieces.

    A loop is compiled for the types of its arguments: here they are always the same.
    """
    floats = np.dtype(carrier.name)
    signed, unsigned = (np.dtype(f"{kind}{floats.itemsize}") for kind in "iu")
    ruler, most = UlpMeter(rule.unit, carrier, 0), int(np.iinfo(unsigned).max)
    limit = most if rule.ulp is None else min(rule.ulp << ruler.shift, most)
    unit = (ruler.scale, unsigned.type(ruler.shift), unsigned.type(limit))
    tolerance = (float(rule.rtol), float(rule.atol) if rule.ulp is None else np.inf)
    dtypes = (floats, signed, unsigned)
    return floats, ruler.shift, (*tolerance, floats.type(SLACK[carrier.name]), unit, dtypes)


def _read_only(piece: Array) -> Array:
    """Return a view that is read-only, as those of files are, and aligned: one type for all."""
    view = (piece if piece.flags.aligned else piece.copy()).view()
    view.flags.writeable = False
    return view
