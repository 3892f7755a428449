"""What a case computes, as far as the judge has to know it: a graph, or somebody's code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gradcmp.derivatives import Asked, Derivative, tangent
from gradcmp.dtypes.arrays import Mask
from gradcmp.graph import Graph
from gradcmp.graph.records import Outline
from gradcmp.judge.auto.graph_noise import GraphNoise
from gradcmp.judge.auto.source import NoiseSource
from gradcmp.judge.conventions.nonfinite import conventions
from gradcmp.judge.diagnose.insight import GraphInsight, Insight
from gradcmp.recording import Recording


class Body(Protocol):
    """What a case computes."""

    @property
    def outline(self) -> Outline:
        """What is made from what."""

    @property
    def optional(self) -> frozenset[str]:
        """What is compared only where both sides have it."""

    def noise(self, reference: Recording) -> NoiseSource:
        """Return where the noise comes from."""

    def insight(self, reference: Recording) -> Insight:
        """Return what is known of the function besides its values and gradients."""

    def conventions(self, reference: Recording) -> Mapping[str, Mask]:
        """Return, by tensor, the elements of which no mathematics says what they are."""


@dataclass(frozen=True)
class GraphBody:
    """A graph: all that is asked of it NumPy can compute again.

    Attributes
    ----------
    derivative, wrt
        As those of its case.
    """

    outline: Graph
    optional: frozenset[str] = frozenset()
    derivative: Derivative = "gradient"
    wrt: tuple[str, ...] = ()

    def noise(self, reference: Recording) -> GraphNoise:
        """Return the noise of its randomly rounded runs."""
        return GraphNoise(self.outline, reference, self._asked(reference))

    def _asked(self, reference: Recording) -> Asked | None:
        """Return what the reference has besides its gradients."""
        if self.derivative == "gradient":
            return None
        known = reference.values
        tangents = {name: known.get(tangent(name), np.zeros_like(known[name])) for name in self.wrt}
        return Asked(self.derivative, tangents)

    def insight(self, reference: Recording) -> GraphInsight:
        """Return its derivatives, its terms, and other ways to compute it."""
        return GraphInsight(self.outline, reference)

    def conventions(self, reference: Recording) -> dict[str, Mask]:
        """Return, by tensor, the elements that a NaN in an input reaches through a comparison."""
        return conventions(self.outline, reference)
