"""What the reference itself loses in float32: one plain run, that settles most tensors.

A difference of the size of the reference's own rounding error, that shrinks in float64 as rounding
does, needs no calibrated noise: it is rounding. What is left over is measured. A wrong formula
does not shrink, so it is never settled here: docs/design/baseline.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gradcmp.case import DType
from gradcmp.graph import Graph
from gradcmp.judge.calibrate import WIDEST, Float, pooled
from gradcmp.judge.loudness import apart
from gradcmp.judge.noise import PRECISIONS
from gradcmp.judge.selfnoise import run_in
from gradcmp.recording import Array, Recording

DTYPE: DType = "float32"  # in narrower dtypes NumPy adds up in order, which frameworks do not
U, U_FINE = PRECISIONS[DTYPE].u, PRECISIONS["float64"].u
TYPICAL = 3.4  # calibrated noise over the error that is made, in the median of correct backends
GREATEST = 32.0  # what it has hardly ever been seen at
# Times the noise that this bespeaks: twice the limit of a calibration, since one run is rougher.
WITHIN = 16.0
MOST = 256.0  # units roundoff of the largest element: what loses more digits is worth measuring
# Units roundoff of a float64 difference that shrank as rounding does, whatever the noise is: rho
# is below 64 up to 64 / sqrt(3), as s is at least u |g| / sqrt(3).
SETTLED_FINE = 36.0
RULE_BASELINE = (
    f"auto: |a − e| <= {WITHIN:g} × noise, told from the reference's own rounding in {DTYPE}"
)


@dataclass(frozen=True)
class Settled:
    """A tensor that needs no calibration.

    Attributes
    ----------
    multiples : array
        ``|a − e| / scale`` of every element.
    index : tuple of int
        Where it is largest.
    scale : float
        There.
    """

    multiples: Float
    index: tuple[int, ...]
    scale: float


@dataclass
class Baseline:
    """The rounding errors of the reference in float32.

    Attributes
    ----------
    reference : Recording
        In float64.
    """

    graph: Graph
    reference: Recording
    _scales: dict[str, Float | None] = field(default_factory=dict)

    def scale(self, name: str) -> Float | None:
        """Give the noise of each element that the error bespeaks; None where it is not finite."""
        if name not in self._scales:
            self._scales[name] = self._pool(name)
        return self._scales[name]

    def settle(
        self, name: str, values: tuple[Array, Array], fine: tuple[Array, Array]
    ) -> Settled | None:
        """Hold a difference against the reference's own error; None where that is not enough.

        Parameters
        ----------
        values, fine : pair of array
            Both sides in float32, and what they are in float64.
        """
        scale = self.scale(name)
        if scale is None or scale.shape != values[0].shape or not scale.size:
            return None
        actual, expected = (np.asarray(array, np.float64) for array in values)
        with np.errstate(all="ignore"):
            difference = np.abs(apart(actual, expected))
            most = MOST * U * np.abs(expected).max()
            if not (difference.max() <= most and shrunk(fine, scale)):
                return None
            multiples = difference / scale
        index = np.unravel_index(int(multiples.argmax()), multiples.shape)
        if not multiples[index] <= WITHIN:
            return None
        return Settled(multiples, tuple(map(int, index)), float(scale[index]))

    def bounds(self, name: str, expected: Float) -> tuple[Float, Float] | None:
        """Give the least and the most that a calibration may say; None where there is no telling.

        A correct implementation rounds its result, at least.
        """
        scale = self.scale(name)
        if scale is None:
            return None
        return U / 3**0.5 * np.abs(expected), GREATEST / TYPICAL * scale

    @cached_property
    def _run(self) -> Mapping[str, Array]:
        inputs = {name: self.reference.values[name] for name in self.graph.inputs}
        return run_in(DTYPE, self.graph, inputs, self.reference.gradients[self.graph.output])

    def _pool(self, name: str) -> Float | None:
        base = np.asarray(self.reference.tensors[name], np.float64)
        with np.errstate(all="ignore"):
            v = np.square((self._run[name] - base) / WIDEST[1])
            noise: Float = TYPICAL * np.sqrt(pooled(v, 1, base, PRECISIONS[DTYPE]))
            return noise if np.isfinite(np.add.reduce(noise, None)) else None


def shrunk(fine: tuple[Array, Array], scale: Float | float = 0.0) -> bool:
    """Whether two float64 runs are as close as rounding alone leaves them, for every element.

    Parameters
    ----------
    scale : array or float
        The noise in float32; without it only what is within a few roundings is close.
    """
    with np.errstate(all="ignore"):
        difference = np.abs(apart(*fine))
        few = (SETTLED_FINE * U_FINE) * np.abs(fine[1])
        close = difference <= np.maximum(few, (WITHIN * U_FINE / U) * scale)
    if not np.isfinite(np.add.reduce(few, None)):  # what is infinite, or NaN, has to be the same
        close = (difference == 0) | (close & np.isfinite(few))
    return bool(close.all())
