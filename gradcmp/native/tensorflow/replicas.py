"""Runs of one side under the noise of one dtype, and on other branches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Protocol

import numpy as np
import tensorflow as tf

from gradcmp.dtypes import FORMATS, DType
from gradcmp.native.noisy.branches import Branches
from gradcmp.native.noisy.ledger import Ledger
from gradcmp.native.noisy.replicas import Replicated
from gradcmp.native.outcome import Array, Outcome
from gradcmp.native.tensorflow.noise import Noise
from gradcmp.native.tensorflow.precise import Precise
from gradcmp.native.tensorflow.rounding import Jostled, Rounding, Tilted, exact, rounding_of
from gradcmp.native.tensorflow.run import unchanged

MISLED = (tf.errors.OpError, IndexError, ValueError, AssertionError)


class Runs(Protocol):
    """What runs a function in a mode."""

    def in_float64(self, mode: Precise, dtype: DType, enter: Callable[[Array], Array]) -> Outcome:
        """Run it in a mode that sees each operation."""


class Noisy(Replicated):
    """A side under the noise of a dtype."""

    xp: ClassVar[Any] = np
    misled = MISLED

    def __init__(self, side: Runs, dtype: DType) -> None:
        super().__init__()
        self._side = side
        self._dtype = dtype

    def exact(self) -> Rounding:
        """Return no errors."""
        return exact(self._dtype)

    def jostling(self, rng: np.random.Generator, tilt: tuple[float, float] | None) -> Rounding:
        """Return errors that are several times too large, and how they break all ties, if alike."""
        precision = FORMATS[self._dtype]
        if tilt is None:
            return Rounding(Jostled(precision, 1, rng), self._dtype)
        tilted = Tilted(precision, 1, rng, first=tilt[0], last=tilt[1])
        return Rounding(tilted, self._dtype)

    def rounding(self, rng: np.random.Generator) -> Rounding:
        """Return the errors of one replica."""
        return rounding_of(self._dtype, rng)

    def run(
        self,
        rounding: Rounding,
        branches: Branches,
        ledger: Ledger | None = None,
        given: bool = False,
    ) -> Outcome:
        """Run it with errors, on branches; inputs have one unless they are taken as given."""
        mode = Noise(rounding, branches, tf.as_dtype(self._dtype), ledger)
        outcome = self._side.in_float64(mode, self._dtype, unchanged if given else rounding.enter)
        return replace(outcome, unruled=tuple(mode.unruled))
