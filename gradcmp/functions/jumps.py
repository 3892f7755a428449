"""What other branches make of every tensor, where a branch of somebody's code is open."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from gradcmp.case import DType
from gradcmp.dtypes import FORMATS, Format
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.noise.kinks import MOST_ROWS, ROWS
from gradcmp.native.outcome import Outcome
from gradcmp.native.side import Side, attempted

FEW_WAYS = ROWS // 4  # a run each, where a graph has all ways in one


@dataclass(eq=False)
class Jumps:
    """The open branches of one side at one point; it is run when they are first asked for.

    Attributes
    ----------
    clean : Outcome
        Its float64 run.
    """

    side: Side
    clean: Outcome
    dtype: DType
    names: Collection[str]

    @property
    def precision(self) -> Format:
        """The rounding of the dtype in which they are open."""
        return FORMATS[self.dtype]

    @cached_property
    def jumps(self) -> Mapping[str, Float]:
        """By tensor, what each of a few ways to take the open branches adds to it."""
        return self._jumps(FEW_WAYS)

    @cached_property
    def many_jumps(self) -> Mapping[str, Float]:
        """The same for more ways."""
        return self._jumps(MOST_ROWS // 4)

    def _jumps(self, ways: int) -> dict[str, Float]:
        found = attempted(partial(self.side.ways, self.dtype, ways), ()) or [self.clean]
        base, *runs = [run.tensors for run in (self.clean, *found)]
        return {
            name: np.stack(
                [
                    np.asarray(run[name], np.float64) - base[name]
                    if name in run and run[name].shape == base[name].shape
                    else np.zeros(base[name].shape)
                    for run in runs
                ]
            )
            for name in self.names
            if name in base
        }
