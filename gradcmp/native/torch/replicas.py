"""Runs of one side under the noise of one dtype, and on other branches."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Protocol

import numpy as np
import torch

from gradcmp.dtypes import FORMATS, DType, Format
from gradcmp.judge.noise.kinks import FEW
from gradcmp.native.outcome import Outcome
from gradcmp.native.torch.branches import Branches, Drawn, Following, Kept, Left
from gradcmp.native.torch.jostling import Exact, Jostled, Tilted
from gradcmp.native.torch.noise import Ledger, Noise
from gradcmp.native.torch.precise import Precise
from gradcmp.native.torch.rounding import Rounding, rounding_of
from gradcmp.native.torch.run import Enter

PROBES = 6  # runs with noise, of which none came near to another branch where none is open
MISLED = (RuntimeError, IndexError, ValueError, AssertionError)
# Where all ties are broken alike: up and down, and each for the last and for the first.
TILTS = ((1.0, 2.0), (-1.0, -2.0), (2.0, 1.0), (-2.0, -1.0))


class Runs(Protocol):
    """What runs a function in a mode."""

    def in_float64(self, mode: Precise, enter: Enter) -> Outcome:
        """Run it in a mode that sees each operation."""


class Noisy:
    """A side under the noise of a dtype.

    Parameters
    ----------
    operands : Format, optional
        What matrix products round their operands to first.
    """

    def __init__(self, side: Runs, dtype: DType, operands: Format | None = None) -> None:
        self._side = side
        self._dtype = dtype
        self._format = FORMATS[dtype]
        self._operands = operands
        self._squares = Ledger()

    @property
    def base(self) -> Branches:
        """The branches of the run without noise, which does each operation as the replicas do."""
        return self._plain[0]

    @cached_property
    def _plain(self) -> tuple[Branches, Outcome]:
        branches = Branches()
        return branches, self._run(self._exact, branches, self._squares)

    @cached_property
    def is_open(self) -> bool:
        """Whether a branch could be another one: at a tie, or closer than noise leads."""
        if self.base.tied or not self.base.journal:
            return self.base.tied
        for probe in range(PROBES):
            rounding = rounding_of(self._format, np.random.default_rng([PROBES, probe]))
            kept = Kept(base=self.base.journal, width=rounding.kink_width)
            try:
                self._run(rounding, kept, Ledger(self._squares))
            except MISLED:
                return True
            if kept.near:
                return True
        return False

    def replicas(self, count: int, seed: int) -> list[Outcome]:
        """Run it with noise: on the branches of the base, or on drawn ones where many are open.

        A function that follows a comparison and the numbers themselves, as an index does, may fail
        on the branches of another run; it is left to its own.
        """
        for policy in (Kept, Drawn):
            try:
                found = self._replicas(policy, count, seed)
            except MISLED:
                continue
            if found is not None:
                return found
        return self._replicas(Left, count, seed) or []

    def _replicas(self, policy: type[Kept], count: int, seed: int) -> list[Outcome] | None:
        """Return all replicas; None where too many branches are open to keep them."""
        found = []
        for replica in range(count):
            rng = np.random.default_rng([seed, count, replica])
            rounding = rounding_of(self._format, rng, self._operands)
            branches = policy(base=self.base.journal, width=rounding.kink_width)
            if isinstance(branches, Drawn):
                branches.toss = rounding.toss
            outcome = self._run(rounding, branches, Ledger(self._squares))
            if policy is Kept and branches.near > FEW:
                return None
            found.append(replace(outcome, near=branches.near, tied=self.base.tied))
        return found

    def ways(self, rows: int, seed: int) -> list[Outcome]:
        """Run it without noise on branches that noise several times too large has taken.

        A way that misleads the function is left out; there is none where no branch is open.
        """
        if not self.is_open:
            return []
        found = []
        for row in range(rows):
            branches = Branches()
            rng = np.random.default_rng([seed, row])
            if row < len(TILTS):
                first, last = TILTS[row]
                jostled: Rounding = Tilted(self._format, rng, first=first, last=last)
            else:
                jostled = Jostled(self._format, rng)
            try:
                self._run(jostled, branches)
                if self.base.takes(branches):
                    found.append(self._plain[1])
                    continue
                found.append(self._run(self._exact, Following(base=branches.journal)))
            except MISLED:
                continue
        return found

    @property
    def _exact(self) -> Rounding:
        return Exact(self._format, np.random.default_rng(0))

    def _run(self, rounding: Rounding, branches: Branches, ledger: Ledger | None = None) -> Outcome:
        draws, whole = getattr(torch, self._dtype), self._format.only_stores
        mode = Noise(rounding, branches, draws, whole, ledger)
        outcome = self._side.in_float64(mode, rounding.enter)
        return replace(outcome, unruled=tuple(mode.unruled))
