"""Runs of one side under the noise of one dtype, and on other branches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Protocol

import numpy as np
import tensorflow as tf

from gradcmp.dtypes import FORMATS, DType
from gradcmp.judge.noise.kinks import FEW
from gradcmp.native.outcome import Array, Outcome
from gradcmp.native.tensorflow.branches import Branches, Drawn, Following, Kept, Left
from gradcmp.native.tensorflow.noise import Ledger, Noise
from gradcmp.native.tensorflow.precise import Precise
from gradcmp.native.tensorflow.rounding import Jostled, Rounding, Tilted, exact, rounding_of

MISLED = (tf.errors.OpError, IndexError, ValueError, AssertionError)
# Where all ties are broken alike: up and down, and each for the last and for the first.
TILTS = ((1.0, 2.0), (-1.0, -2.0), (2.0, 1.0), (-2.0, -1.0))


class Runs(Protocol):
    """What runs a function in a mode."""

    def in_float64(self, mode: Precise, dtype: DType, enter: Callable[[Array], Array]) -> Outcome:
        """Run it in a mode that sees each operation."""


class Noisy:
    """A side under the noise of a dtype."""

    def __init__(self, side: Runs, dtype: DType) -> None:
        self._side = side
        self._dtype = dtype
        self._squares = Ledger()

    @cached_property
    def base(self) -> Branches:
        """The branches of the run without noise, which does each operation as the replicas do."""
        branches = Branches()
        self._run(exact(self._dtype), branches, self._squares)
        return branches

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
            rounding = rounding_of(self._dtype, rng)
            branches = policy(base=self.base.journal, width=rounding.model.kink_width)
            if isinstance(branches, Drawn):
                branches.toss = rounding.toss
            outcome = self._run(rounding, branches, Ledger(self._squares))
            if policy is Kept and branches.near > FEW:
                return None
            found.append(replace(outcome, near=branches.near, tied=self.base.tied))
        return found

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
                self._run(Rounding(jostled, self._dtype), branches)
                following = Following(base=branches.journal)
                found.append(self._run(exact(self._dtype), following))
            except MISLED:
                continue
        return found

    def _run(self, rounding: Rounding, branches: Branches, ledger: Ledger | None = None) -> Outcome:
        mode = Noise(rounding, branches, tf.as_dtype(self._dtype), ledger)
        outcome = self._side.in_float64(mode, self._dtype, rounding.enter)
        return replace(outcome, unruled=tuple(mode.unruled))
