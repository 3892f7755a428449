"""Runs of one side under the noise of one dtype, and on other branches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Protocol

import numpy as np
import torch

from gradcmp.dtypes import FORMATS, DType, Format
from gradcmp.native.noisy.branches import Branches
from gradcmp.native.noisy.ledger import Ledger
from gradcmp.native.noisy.replicas import Replicated
from gradcmp.native.outcome import Outcome
from gradcmp.native.torch.jostling import Exact, Jostled, Tilted
from gradcmp.native.torch.noise import Noise
from gradcmp.native.torch.precise import Precise
from gradcmp.native.torch.rounding import Rounding, rounding_of
from gradcmp.native.torch.run import Enter, unchanged

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

    xp: ClassVar[Any] = torch
    misled = MISLED

    def __init__(self, side: Runs, dtype: DType, operands: Format | None = None) -> None:
        super().__init__()
        self._side = side
        self._dtype = dtype
        self._format = FORMATS[dtype]
        self._operands = operands

    def rounding(self, rng: np.random.Generator) -> Rounding:
        """Return the errors of one replica."""
        return rounding_of(self._format, rng, self._operands)

    def exact(self) -> Rounding:
        """Return no errors."""
        return Exact(self._format, np.random.default_rng(0))

    def jostling(self, rng: np.random.Generator, tilt: tuple[float, float] | None) -> Rounding:
        """Return errors that are several times too large, and how they break all ties, if alike."""
        if tilt is None:
            return Jostled(self._format, rng)
        return Tilted(self._format, rng, first=tilt[0], last=tilt[1])

    def run(
        self,
        rounding: Rounding,
        branches: Branches,
        ledger: Ledger | None = None,
        given: bool = False,
    ) -> Outcome:
        """Run it with errors, on branches; inputs have one unless they are taken as given."""
        draws, whole = getattr(torch, self._dtype), self._format.only_stores
        mode = Noise(rounding, branches, draws, whole, ledger)
        outcome = self._side.in_float64(mode, unchanged if given else rounding.enter)
        return replace(outcome, unruled=tuple(mode.unruled))
