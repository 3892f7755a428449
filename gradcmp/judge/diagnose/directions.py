"""Whole gradients held against a derivative along one direction, where elements have none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gradcmp.judge.blame import Ruling
from gradcmp.judge.diagnose.arbitration import arbitrate
from gradcmp.judge.diagnose.slopes import ROUNDING, Truth
from gradcmp.judge.elementwise.segments import Float
from gradcmp.once import once


@dataclass(frozen=True)
class Known:
    """A derivative along a direction, and what both sides claim of it.

    Attributes
    ----------
    direction : array
        Of the shape of the tensor.
    gradients : mapping of str to array
        By label.
    allowed : array
        What each element of two right gradients may be apart.
    """

    direction: Float
    truth: Truth
    gradients: Mapping[str, Float]
    allowed: Float

    @once
    def slopes(self) -> dict[str, float]:
        """What the gradient of each side says, by label."""
        return {label: float(np.sum(one)) for label, one in self._terms.items()}

    @once
    def size(self) -> float:
        """The size of them that errors of elements may have: they add up as squares do."""
        return max(float(np.linalg.norm(one)) for one in self._terms.values())

    @property
    def _terms(self) -> dict[str, Float]:
        return {label: self.direction * one for label, one in self.gradients.items()}

    def ruling(self) -> Ruling:
        """Return who is off: errors of rounding add up as squares do, those of a formula do not."""
        broken = tuple(n for n, one in self.gradients.items() if not np.isfinite(one).all())
        if broken:
            return Ruling(broken, "the derivative along a random direction is finite")
        # The sum is itself no more exact than that.
        total = max(float(np.sum(np.abs(one))) for one in self._terms.values())
        truth = replace(self.truth, error=max(self.truth.error, ROUNDING * total))
        allowed = float(np.sqrt(np.sum(np.square(self.direction * self.allowed))))
        found = arbitrate(self.slopes, truth, allowed)
        return replace(found, why=f"{found.why}, along a random direction")
