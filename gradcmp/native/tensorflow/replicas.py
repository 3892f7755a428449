"""Runs of one side under the noise of one dtype, and on other branches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Protocol

import numpy as np
import tensorflow as tf

from gradcmp.dtypes import FORMATS, DType
from gradcmp.native.noisy.ledger import Ledger
from gradcmp.native.noisy.replicas import TILTS, Replicated
from gradcmp.native.outcome import Array, Outcome
from gradcmp.native.tensorflow.branches import Branches, Drawn, Following, Kept, Left
from gradcmp.native.tensorflow.noise import Noise
from gradcmp.native.tensorflow.precise import Precise
from gradcmp.native.tensorflow.rounding import Jostled, Rounding, Tilted, exact, rounding_of

MISLED = (tf.errors.OpError, IndexError, ValueError, AssertionError)


class Runs(Protocol):
    """What runs a function in a mode."""

    def in_float64(self, mode: Precise, dtype: DType, enter: Callable[[Array], Array]) -> Outcome:
        """Run it in a mode that sees each operation."""


class Noisy(Replicated):
    """A side under the noise of a dtype."""

    kept, drawn, left, misled = Kept, Drawn, Left, MISLED

    def __init__(self, side: Runs, dtype: DType) -> None:
        super().__init__()
        self._side = side
        self._dtype = dtype

    @cached_property
    def base(self) -> Branches:
        """The branches of the run without noise, which does each operation as the replicas do."""
        branches = Branches()
        self.run(exact(self._dtype), branches, self.squares)
        return branches

    def ways(self, rows: int, seed: int) -> list[Outcome]:
        """Run it without noise on branches that noise several times too large has taken.

        A way that misleads the function is left out.
        """
        found = []
        for row in range(rows):
            branches = Branches()
            rng = np.random.default_rng([seed, row])
            precision = FORMATS[self._dtype]
            if row < len(TILTS):
                first, last = TILTS[row]
                jostled: Jostled = Tilted(precision, 1, rng, first=first, last=last)
            else:
                jostled = Jostled(precision, 1, rng)
            try:
                self.run(Rounding(jostled, self._dtype), branches)
                following = Following(base=branches.journal)
                found.append(self.run(exact(self._dtype), following))
            except MISLED:
                continue
        return found

    def rounding(self, rng: np.random.Generator) -> Rounding:
        """Return the errors of one replica."""
        return rounding_of(self._dtype, rng)

    def run(self, rounding: Rounding, branches: Branches, ledger: Ledger | None = None) -> Outcome:
        """Run it with errors, on branches."""
        mode = Noise(rounding, branches, tf.as_dtype(self._dtype), ledger)
        outcome = self._side.in_float64(mode, self._dtype, rounding.enter)
        return replace(outcome, unruled=tuple(mode.unruled))
