"""Runs of one side under the noise of one dtype, and on other branches."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Protocol

import numpy as np
import torch

from gradcmp.dtypes import FORMATS, DType, Format
from gradcmp.native.noisy.ledger import Ledger
from gradcmp.native.noisy.replicas import TILTS, Replicated
from gradcmp.native.outcome import Outcome
from gradcmp.native.torch.branches import Branches, Drawn, Following, Kept, Left
from gradcmp.native.torch.jostling import Exact, Jostled, Tilted
from gradcmp.native.torch.noise import Noise
from gradcmp.native.torch.precise import Precise
from gradcmp.native.torch.rounding import Rounding, rounding_of
from gradcmp.native.torch.run import Enter

PROBES = 6  # runs with noise, of which none came near to another branch where none is open
MISLED = (RuntimeError, IndexError, ValueError, AssertionError)


class Runs(Protocol):
    """What runs a function in a mode."""

    def in_float64(self, mode: Precise, enter: Enter) -> Outcome:
        """Run it in a mode that sees each operation."""


class Noisy(Replicated):
    """A side under the noise of a dtype.

    Parameters
    ----------
    operands : Format, optional
        What matrix products round their operands to first.
    """

    kept, drawn, left, misled = Kept, Drawn, Left, MISLED

    def __init__(self, side: Runs, dtype: DType, operands: Format | None = None) -> None:
        super().__init__()
        self._side = side
        self._dtype = dtype
        self._format = FORMATS[dtype]
        self._operands = operands

    @property
    def base(self) -> Branches:
        """The branches of the run without noise, which does each operation as the replicas do."""
        return self._plain[0]

    @cached_property
    def _plain(self) -> tuple[Branches, Outcome]:
        branches = Branches()
        return branches, self.run(self._exact, branches, self.squares)

    @cached_property
    def is_open(self) -> bool:
        """Whether a branch could be another one: at a tie, or closer than noise leads."""
        if self.base.tied or not self.base.journal:
            return self.base.tied
        for probe in range(PROBES):
            rounding = rounding_of(self._format, np.random.default_rng([PROBES, probe]))
            kept = Kept(base=self.base.journal, width=rounding.kink_width)
            try:
                self.run(rounding, kept, Ledger(self.squares))
            except MISLED:
                return True
            if kept.near:
                return True
        return False

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
                self.run(jostled, branches)
                if self.base.takes(branches):
                    found.append(self._plain[1])
                    continue
                found.append(self.run(self._exact, Following(base=branches.journal)))
            except MISLED:
                continue
        return found

    def rounding(self, rng: np.random.Generator) -> Rounding:
        """Return the errors of one replica."""
        return rounding_of(self._format, rng, self._operands)

    @property
    def _exact(self) -> Rounding:
        return Exact(self._format, np.random.default_rng(0))

    def run(self, rounding: Rounding, branches: Branches, ledger: Ledger | None = None) -> Outcome:
        """Run it with errors, on branches."""
        draws, whole = getattr(torch, self._dtype), self._format.only_stores
        mode = Noise(rounding, branches, draws, whole, ledger)
        outcome = self._side.in_float64(mode, rounding.enter)
        return replace(outcome, unruled=tuple(mode.unruled))
