"""Constants held in float32, moved by one unit roundoff: they never shrink in float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from gradcmp.dtypes import FORMATS
from gradcmp.judge.noise.model import NoiseModel, Stack
from gradcmp.native.tensorflow.precise import Precise
from gradcmp.native.tensorflow.rounding import Rounding
from gradcmp.native.tensorflow.stream import Operation, Tensor, is_wide


@dataclass
class _Alike(NoiseModel):
    """The errors of one c: equal numbers are moved alike, in the whole run."""

    c: float = 1.5

    def _draw(self, ndim: int) -> Stack:
        return np.full((1,) * ndim, self.c)


class Shaken(Precise):
    """Float64 throughout, but for constants of a lower dtype: each is moved where it is used."""

    def __init__(self, rng: np.random.Generator, draws: Any = tf.float32) -> None:
        super().__init__(draws)
        self.met = 0
        alike = _Alike(FORMATS["float32"], 1, rng, c=rng.uniform(1.0, 2.0))
        self._rounding = Rounding(alike, "float32")

    def constant(self, tensor: Tensor, operation: Operation) -> Tensor:
        """Return a constant in float64, one error off."""
        wide = self.widened(tensor, operation)
        if not is_wide(wide):
            return wide
        self.met += 1
        return tf.constant(self._rounding.enter(wide.numpy()))
