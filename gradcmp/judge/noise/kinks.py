"""What other branches would make of every tensor, where a branch is open.

A branch is open at an exact tie, and where two numbers are closer than their rounding noise. There
replicas that are jostled take it either way. What each decided is replayed without any noise, so
that what is left is the jump alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from gradcmp.dtypes import FORMATS, Format
from gradcmp.graph import Graph
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.noise.branches import Branches, FreeBranches, ReplayedBranches
from gradcmp.judge.noise.model import NoiseModel, NoisyArray, Stack
from gradcmp.judge.noise.walk import walk
from gradcmp.ops import Array

FEW = 16  # open branches of which each jump is told from the noise; of more the jumps are noise
ROWS = 64  # ways to take the open branches
MOST_ROWS = 256
ROOM = 1 << 25  # elements of all ways together
SYSTEMATIC = 4
EPS = 2.0**-52  # from 1 to the next float64
TINY = FORMATS["float64"].eta  # below it float64 itself loses digits


@dataclass
class JostledModel(NoiseModel):
    """Noise that is several times too large, so that every open branch is taken either way.

    Equal values get errors of their own, and each node sees its zeros moved as well, so that every
    tie is broken by itself. In the first `SYSTEMATIC` rows all ties are broken alike: to above or
    below, and for the first or the last element.
    """

    branches: Branches = field(default_factory=FreeBranches)

    def _rounding(self, y: Stack, c: Stack) -> Stack:
        error = super()._rounding(y, self.rng.uniform(1.0, 2.0, y.shape))
        error *= self.kink_width
        error[:SYSTEMATIC] = 0.0
        return error

    def jostle(self, x: Array) -> Array:
        """Return an operand with ties broken; what is no real array with replicas stays."""
        if not isinstance(x, NoisyArray) or x.dtype != np.float64:
            return x
        stack = x.stack.copy()
        rows = self.rng.standard_normal((len(stack) - 1, x.size))
        ranks = np.arange(1, x.size + 1) / max(x.size, 1)
        rows[:SYSTEMATIC] = [1 + ranks, 2 - ranks, -1 - ranks, ranks - 2]
        step = np.maximum(np.abs(stack[1:]) * (8 * x.size * EPS), TINY * 8 * x.size)
        stack[1:] += rows.reshape(stack[1:].shape) * step
        return NoisyArray(stack, self)


@dataclass
class ExactModel(NoiseModel):
    """No noise at all: replicas differ by the branches that they take."""

    def wrap_with_error(self, stack: Stack) -> NoisyArray:
        """Return the copies as they are."""
        return NoisyArray(stack, self)

    def jitter(
        self, stack: Stack, kappa: float, common: bool = False, product: bool = False
    ) -> NoisyArray:
        """Return the result as it is."""
        return NoisyArray(stack, self)

    def jitter_sum(self, stack: Stack, squares: Stack, terms: object, kind: object) -> NoisyArray:
        """Return the sum as it is."""
        return NoisyArray(stack, self)

    def constant(self, value: float) -> object:
        """Return the number as it is."""
        return np.float64(value)


def replayed(
    graph: Graph,
    inputs: Mapping[str, Array],
    cotangent: Array,
    model: NoiseModel,
    names: Collection[str],
) -> dict[str, NoisyArray]:
    """Run without noise, each replica on the branches that it took in the run of `model`."""
    exact = ExactModel(
        model.precision,
        model.replicas,
        model.rng,
        branches=ReplayedBranches(model.branches.journal),
    )
    return walk(graph, inputs, cotangent, exact, names)


class OpenBranches(Protocol):
    """The branches that a correct implementation may take otherwise."""

    @property
    def jumps(self) -> Mapping[str, Float]:
        """By tensor, what each of some ways to take them adds to it, on a leading axis."""

    @property
    def many_jumps(self) -> Mapping[str, Float]:
        """The same for more ways."""


@dataclass(eq=False)
class Kinks:
    """The open branches of one graph at one point."""

    graph: Graph
    inputs: Mapping[str, Array]
    cotangent: Array = field(repr=False)
    precision: Format
    names: Collection[str]
    seed: int = 0

    @cached_property
    def jumps(self) -> dict[str, Float]:
        """By tensor, what each of `ROWS` ways to take the open branches adds to it."""
        return self._jumps(ROWS)

    @cached_property
    def many_jumps(self) -> dict[str, Float]:
        """The same for `MOST_ROWS` ways."""
        return self._jumps(MOST_ROWS)

    def _jumps(self, rows: int) -> dict[str, Float]:
        size = sum(int(np.size(array)) for array in self.inputs.values()) + 1
        rows = max(2 * SYSTEMATIC, min(rows, ROOM // (size * (len(self.graph.nodes) + 1))))
        rng = np.random.default_rng([self.seed, rows])
        free = JostledModel(self.precision, rows, rng)
        with np.errstate(all="ignore"):
            walk(self.graph, self.inputs, self.cotangent, free, self.names, enter=free.jostle)
            found = replayed(self.graph, self.inputs, self.cotangent, free, self.names)
            return {
                name: tensor.stack[1:] - tensor.stack[:1]
                if isinstance(tensor, NoisyArray)
                else np.zeros((rows, *np.shape(tensor)))
                for name, tensor in found.items()
            }
