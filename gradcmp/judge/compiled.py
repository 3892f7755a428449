"""The compiled sweep, where it is to be had and pays: it finds what `sweep.Sweep` finds.

It needs numba, which is optional: without it NumPy sweeps.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from gradcmp.judge.sweep import SLACK
from gradcmp.judge.tally import Tally
from gradcmp.judge.tolerance import Rule
from gradcmp.judge.ulp import Format, Ruler
from gradcmp.recording import BFLOAT16, Array

TAKEN = frozenset((np.dtype(np.float64), np.dtype(np.float32), BFLOAT16))


@cache
def kernels() -> ModuleType | None:
    """Load the compiled loops; None without numba, or a place to keep what it compiles.

    The first call on a machine takes some seconds for each pair of dtypes. numba keeps the result
    beside the source, or in the user's cache directory.
    """
    try:
        from gradcmp.judge import kernels
    except (ImportError, RuntimeError):  # numba raises the latter when it finds no directory
        return None
    return kernels


class CompiledSweep:
    """One thread's pass: pieces of both arrays go in, `tally` comes out.

    Parameters
    ----------
    carrier : Format
        What is screened in: float32 or float64.
    """

    def __init__(self, rule: Rule, carrier: Format, loops: ModuleType) -> None:
        floats = np.dtype(carrier.name)
        signed, unsigned = (np.dtype(f"{kind}{floats.itemsize}") for kind in "iu")
        ruler, most = Ruler(rule.unit, carrier, 0), int(np.iinfo(unsigned).max)
        limit = most if rule.ulp is None else min(rule.ulp << ruler.shift, most)
        # A loop is compiled for the types of its arguments: here they are always the same.
        self._carrier = floats
        self._arguments = (
            float(rule.rtol),
            float(rule.atol) if rule.ulp is None else np.inf,
            floats.type(SLACK[carrier.name]),
            (ruler.scale, unsigned.type(ruler.shift), unsigned.type(limit)),
            (floats, signed, unsigned),
        )
        self._loop = loops.count
        self._shift = ruler.shift
        self._total = 0
        self._counts = np.zeros(1, loops.COUNTS)

    def takes(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Give what pieces of an array are fed as; bfloat16 as its bits in uint16."""
        return dtype.newbyteorder("=") if dtype.newbyteorder("=") in TAKEN else self._carrier

    def feed(self, start: int, actual: Array, expected: Array) -> None:
        """Take in the elements from flat index `start` on."""
        self._total += len(actual)
        pair = _read_only(actual), _read_only(expected)
        self._loop(*pair, start, *self._arguments, self._counts[0])

    @property
    def tally(self) -> Tally:
        """What was counted so far."""
        found = {name: self._counts[name][0].tolist() for name in self._counts.dtype.names or ()}
        key = (found["nonfinite"] > 0, found.pop("excess"), found.pop("error"))
        distance = found.pop("steps") / 2**self._shift
        return Tally(total=self._total, key=key, max_ulp=distance, **found)


def _read_only(piece: Array) -> Array:
    """Give a view that is read-only, as those of files are, and aligned: one type for all."""
    view = (piece if piece.flags.aligned else piece.copy()).view()
    view.flags.writeable = False
    return view
