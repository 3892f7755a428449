"""What is known of a function besides its values and gradients: causes and sides follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gradcmp.graph import Graph, backward, forward
from gradcmp.judge.causes.emulation import FLOAT64, lowered, rewritten, terms
from gradcmp.judge.diagnose.derivative import Primal
from gradcmp.judge.diagnose.graph_primal import GraphPrimal
from gradcmp.once import once
from gradcmp.recording import Array, Recording


class Insight(Protocol):
    """What an investigation may ask of a function."""

    @property
    def primal(self) -> Primal:
        """The function itself."""

    @property
    def terms(self) -> Mapping[str, Mapping[str, Array]]:
        """By tensor, what each of its users adds to its gradient."""

    @property
    def lowered(self) -> Mapping[str, Mapping[str, Array]]:
        """By the words for a coarser way to compute, every tensor."""

    @property
    def rewritten(self) -> Mapping[str, Mapping[str, Array]]:
        """By the words for another formula, every tensor."""

    @property
    def output(self) -> float | None:
        """The value that is differentiated, where it is a single number."""


@dataclass(frozen=True)
class GraphInsight:
    """What a graph tells: it can be computed again, in other ways.

    Attributes
    ----------
    reference : Recording
        In float64.
    """

    graph: Graph
    reference: Recording

    @once
    def primal(self) -> GraphPrimal:
        """The function itself."""
        inputs = {name: self.reference.values[name] for name in self.graph.inputs}
        return GraphPrimal(self.graph, inputs, self.reference.gradients[self.graph.output])

    @once
    def terms(self) -> dict[str, dict[str, Array]]:
        """By tensor, what each of its users adds to its gradient."""
        with np.errstate(all="ignore"):
            tape = forward(self.graph, self.primal.given, FLOAT64)
            return terms(self.graph, tape, backward(self.graph, tape, self.primal.cotangent))

    @once
    def lowered(self) -> dict[str, dict[str, Array]]:
        """By the words for a coarser way to compute, every tensor."""
        with np.errstate(all="ignore"):
            return lowered(self.graph, self.primal.given, self.primal.cotangent)

    @once
    def rewritten(self) -> dict[str, dict[str, Array]]:
        """By the words for another formula, every tensor."""
        with np.errstate(all="ignore"):
            return rewritten(self.graph, self.primal.given, self.primal.cotangent)

    @property
    def output(self) -> float | None:
        """The value that is differentiated, where it is a single number."""
        value = self.reference.values[self.graph.output]
        return float(value) if not value.shape else None
