"""What other branches would make of every tensor, where a branch is open.

A branch is open at an exact tie, and where two numbers are closer than their rounding noise. There
replicas that are jostled take it either way. What each decided is replayed without any noise, so
that what is left is the jump alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np

from gradcmp.dtypes import FORMATS, Format
from gradcmp.graph import Graph
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.noise.branches import Branches, FreeBranches, ReplayedBranches
from gradcmp.judge.noise.lawful import WATCHED, GivenModel, Rows, Steps, differs, picked, sites_of
from gradcmp.judge.noise.model import NoiseModel, NoisyArray, Stack
from gradcmp.judge.noise.walk import walk
from gradcmp.once import once
from gradcmp.ops import Array

Tensors: TypeAlias = dict[str, NoisyArray]
FEW = 16  # open branches of which each jump is told from the noise; of more the jumps are noise
ROWS = 64  # ways to take the open branches
MOST_ROWS = 256
ROOM = 1 << 25  # elements of all ways together
SYSTEMATIC = 4
ALIKE = 4  # of so many ways one takes all ties of an operand alike
NEARBY = 32.0  # roundings of a tensor's largest element: moved by noise, and by no branch
EPS = 2.0**-52  # from 1 to the next float64
TINY = FORMATS["float64"].eta  # below it float64 itself loses digits


@dataclass
class JostledModel(NoiseModel):
    """Noise that is several times too large, so that every open branch is taken either way.

    Equal values get errors of their own, and each node sees its zeros moved as well, so that every
    tie is broken by itself. In the first `SYSTEMATIC` rows all ties are broken alike: to above or
    below, and for the first or the last element. In one of `ALIKE` rows after those each operand of
    a node chooses one of these ways for all its elements, as the ops of a framework do.
    """

    branches: Branches = field(default_factory=FreeBranches)
    largest: float = 0.0  # number in all operands so far
    size: int = 0  # of the largest operand so far

    def _rounding(self, y: Stack, c: Stack) -> Stack:
        error = super()._rounding(y, self.rng.uniform(1.0, 2.0, y.shape))
        error *= self.kink_width
        error[:SYSTEMATIC] = 0.0
        return error

    def jostle(self, x: Array) -> Array:
        """Return an operand with ties broken; what is no real array with replicas stays.

        What earlier nodes made of a number is forgotten, and it is moved anew by as much: a
        number that a clip lets through would lie above the limit, and never be the smallest of
        those at it, though each op may choose for itself. What a branch has moved far, as a sign
        does, stays.
        """
        if not isinstance(x, NoisyArray) or x.dtype != np.float64:
            return x
        stack = x.stack.copy()
        base, replicas = stack[:1], stack[1:]
        rows = self.rng.uniform(-1.0, 1.0, (len(replicas), x.size))
        ranks = np.arange(1, x.size + 1) / max(x.size, 1)
        ways = np.stack([1 + ranks, 2 - ranks, -1 - ranks, ranks - 2])
        rows[:SYSTEMATIC] = ways
        alike = slice(SYSTEMATIC, None, ALIKE)
        rows[alike] = ways[self.rng.integers(len(ways), size=len(rows[alike]))]
        rows = rows.reshape(replicas.shape)
        step = np.maximum(np.abs(replicas) * (8 * x.size * EPS), TINY * 8 * x.size)
        spread = np.abs(replicas - base).max(axis=0, initial=0.0)
        largest = float(np.abs(base).max(initial=0.0, where=np.isfinite(base)))
        self.largest = max(self.largest, largest)
        self.size = max(self.size, x.size)
        reach = self.precision.u + 8 * self.size * EPS  # of the noise, and of earlier steps
        near = spread <= NEARBY * reach * (largest or self.largest)
        spread = np.broadcast_to(np.where(near, spread, 0.0), replicas.shape).copy()
        spread[:SYSTEMATIC] = spread[alike] = 0.0
        stack[1:] = np.where(near, base, replicas) + rows * (step + spread)
        return NoisyArray(stack, self)


@dataclass
class ExactModel(NoiseModel):
    """No noise at all: replicas differ by the branches that they take."""

    def wrap_with_error(self, stack: Stack) -> NoisyArray:
        """Return the copies as they are."""
        return NoisyArray(stack, self)

    def jitter(
        self, stack: Stack, kappa: float | Stack, common: bool = False, product: bool = False
    ) -> NoisyArray:
        """Return the result as it is."""
        return NoisyArray(stack, self)

    def jitter_sum(self, stack: Stack, squares: Stack, terms: object, kind: object) -> NoisyArray:
        """Return the sum as it is."""
        return NoisyArray(stack, self)

    def move(self, stack: Stack, roundings: float, size: Stack) -> Stack:
        """Return the numbers as they are."""
        return stack

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
    def precision(self) -> Format:
        """The rounding of the dtype in which they are open."""

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

    @once
    def jumps(self) -> dict[str, Float]:
        """By tensor, what each of `ROWS` ways to take the open branches adds to it."""
        return self._jumps(ROWS)

    @once
    def many_jumps(self) -> dict[str, Float]:
        """The same for `MOST_ROWS` ways, those among them."""
        more = self._jumps(MOST_ROWS - ROWS)
        return {name: np.concatenate([some, more[name]]) for name, some in self.jumps.items()}

    def _jumps(self, rows: int) -> dict[str, Float]:
        size = sum(int(np.size(array)) for array in self.inputs.values()) + 1
        rows = max(2 * SYSTEMATIC, min(rows, ROOM // (size * (len(self.graph.nodes) + 1))))
        with np.errstate(all="ignore"):
            values, gradients = self._lawful(rows)
            found = {n: one if n.startswith("d ") else values[n] for n, one in gradients.items()}
            return {
                name: tensor.stack[1:] - tensor.stack[:1]
                if isinstance(tensor, NoisyArray)
                else np.zeros((rows, *np.shape(tensor)))
                for name, tensor in found.items()
            }

    def _jostled(self, rows: int, held: Mapping[int, Stack]) -> NoiseModel:
        """Return a model that has taken every open branch, but for comparisons that are held."""
        rng = np.random.default_rng([self.seed, rows])
        free = JostledModel(self.precision, rows, rng, branches=FreeBranches(held=held))
        walk(self.graph, self.inputs, self.cotangent, free, self.names, enter=free.jostle)
        return free

    def _lawful(self, rows: int) -> tuple[Tensors, Tensors]:
        """Return what values the branches lawfully make, and what gradients."""
        free = self._jostled(rows, {})
        given = GivenModel(self.precision, WATCHED, np.random.default_rng(self.seed))
        walk(self.graph, self.inputs, self.cotangent, given, self.names)
        sites = sites_of(free.branches.journal, given.branches)
        output = self.graph.output

        def run(held: frozenset[int]) -> Tensors:
            # What is compared later follows from what is held.
            taken = self._jostled(rows, {site: sites[site] for site in held}) if held else free
            return replayed(self.graph, self.inputs, self.cotangent, taken, {*self.names, output})

        def differ(one: Tensors, other: Tensors) -> Rows:
            return differs(_stack(one[output]), _stack(other[output]))

        def pick(rows: Rows, one: Tensors, other: Tensors) -> Tensors:
            return {name: _picked(rows, one[name], other[name]) for name in one}

        values, gradients = Steps(run, differ, pick).lawful(sites)
        return _of(values, self.names), _of(gradients, self.names)


def _of(tensors: Tensors, names: Collection[str]) -> Tensors:
    return {name: one for name, one in tensors.items() if name in names}


def _picked(rows: Rows, one: NoisyArray, other: NoisyArray) -> NoisyArray:
    if not isinstance(one, NoisyArray) or not isinstance(other, NoisyArray):
        return other
    return NoisyArray(picked(rows, one.stack, other.stack), one.model)


def _stack(tensor: NoisyArray | Array) -> Stack:
    return tensor.stack if isinstance(tensor, NoisyArray) else np.asarray(tensor)[None]
