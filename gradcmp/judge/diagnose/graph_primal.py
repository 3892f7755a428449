"""The function of a graph, as the arbiter asks for its derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gradcmp.graph import Graph, forward
from gradcmp.graph.walk import constants_of, spec_of
from gradcmp.judge.diagnose.derivative import Primal
from gradcmp.judge.diagnose.slopes import EPS, Line
from gradcmp.judge.elementwise.segments import Float
from gradcmp.once import once
from gradcmp.ops import Array

CONSTANT = constants_of(np.dtype(np.float64))


@dataclass(frozen=True)
class GraphPrimal(Primal):
    """What a graph computes; every input and node can be moved.

    Attributes
    ----------
    given : mapping of str to array
        The inputs; real ones in float64.
    cotangent : array
        The upstream gradient of the output.
    """

    graph: Graph
    given: Mapping[str, Array]
    cotangent: Array = field(repr=False)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return self.graph.inputs

    @once
    def values(self) -> Mapping[str, Array]:
        """The value of every input and node."""
        with np.errstate(all="ignore"):
            return forward(self.graph, self.given, CONSTANT).values

    @once
    def rounding(self) -> float:
        """What float64 may leave in ``<cotangent, output>``."""
        terms = self.cotangent * self.values[self.graph.output]
        return EPS * float(np.sum(np.abs(terms[self._is_finite])))

    @property
    def is_finite_anywhere(self) -> bool:
        """Whether an element of the output is a finite number."""
        return bool(self._is_finite.any())

    @once
    def _is_finite(self) -> npt.NDArray[np.bool_]:
        """Where the output is a finite number."""
        return np.isfinite(np.asarray(self.values[self.graph.output], np.float64))

    def scale(self, name: str) -> float:
        """Return the length that a step is a fraction of."""
        if not np.size(self.values[name]):
            return 1.0
        size = float(np.sqrt(np.mean(np.square(np.asarray(self.values[name], np.float64)))))
        return size if 0 < size < np.inf else 1.0

    def unit(self, name: str, index: tuple[int, ...]) -> Float:
        """Return the direction of one element."""
        direction = np.zeros(np.shape(self.values[name]))
        direction[index] = 1.0
        return direction

    def line(self, directions: Mapping[str, Float], of_all: bool = True) -> Line:
        """Return ``<cotangent, output>`` on a line, tensors free whatever they are made from.

        Of all elements of the output, or of those alone that are finite.
        """
        counted = np.ones_like(self._is_finite) if of_all else self._is_finite
        nodes = tuple(node for node in self.graph if node.name not in directions)
        graph = replace(self.graph, nodes=nodes)
        free = {name: self.values[name] for name in directions}

        def function(step: float | complex) -> Any:
            dtype = np.dtype(type(step))
            held = {
                key: np.asarray(value, dtype if spec_of(value).kind == "float" else None)
                for key, value in {**self.given, **free}.items()
            }
            for name, direction in directions.items():
                held[name] = held[name] + step * direction
            output = forward(graph, held, CONSTANT).values[graph.output]
            return np.sum((self.cotangent * output)[counted])

        return function
