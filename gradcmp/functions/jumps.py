"""What other branches make of every tensor, where a branch of somebody's code is open."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Protocol

import numpy as np

from gradcmp.case import DType
from gradcmp.dtypes import FORMATS, Format
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.noise.kinks import MOST_ROWS, ROWS, OpenBranches
from gradcmp.native.outcome import Array, Outcome
from gradcmp.native.side import Side, attempted

LEAST = 2.0**-40  # of a tensor's peak: a way is computed by other kernels, which round otherwise
FEW_WAYS = ROWS // 4  # a run each, where a graph has all ways in one


class SideBranches(OpenBranches, Protocol):
    """The open branches of one function."""

    @property
    def is_open(self) -> bool:
        """Whether another branch would make a difference."""


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

    @property
    def is_open(self) -> bool:
        """Whether another branch would make a difference."""
        return any(jump.any() for jump in self.jumps.values())

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
            name: np.stack([_jump(base[name], run.get(name)) for run in runs])
            for name in self.names
            if name in base
        }


@dataclass(eq=False)
class ReferenceFirst:
    """The open branches of the reference, or of the function under test where it has none.

    Nobody is excused by his own: a gradient that counts a tie twice, ``x >= y`` for one operand of
    a maximum and ``y >= x`` for the other, becomes right when its own branches are taken otherwise.
    """

    reference: SideBranches
    tested: SideBranches

    @property
    def precision(self) -> Format:
        """The rounding of the dtype in which they are open."""
        return self.reference.precision

    @property
    def jumps(self) -> Mapping[str, Float]:
        """By tensor, what each of a few ways to take the open branches adds to it."""
        return self._known.jumps

    @property
    def many_jumps(self) -> Mapping[str, Float]:
        """The same for more ways."""
        return self._known.many_jumps

    @property
    def _known(self) -> SideBranches:
        return self.reference if self.reference.is_open else self.tested


def _jump(base: Array, other: Array | None) -> Float:
    """Return what another way adds; what is no more than float64's rounding is no jump."""
    known = np.asarray(base, np.float64)
    if other is None or other.shape != known.shape:
        return np.zeros(known.shape)
    added = np.asarray(other, np.float64) - known
    reach = LEAST * float(np.max(np.abs(known[np.isfinite(known)]), initial=0.0))
    return np.where(np.abs(added) <= reach, 0.0, added)
