"""Which branch a run takes where a function compares numbers.

Runs of one function meet the same comparisons in the same order, so the k-th of one is that of
another, as long as shapes agree: a function that branches on its data is then left to itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import and_
from typing import Any, TypeAlias

import numpy as np

from gradcmp.native.outcome import Array

Sides: TypeAlias = tuple[Any, Any]  # the outcome where the difference is below, above zero
Operands: TypeAlias = tuple[Any, Any] | None
Toss: TypeAlias = Callable[[tuple[int, ...]], Array]


@dataclass
class Fork:
    """One comparison: what came out, how far apart the operands were, and how far that strays.

    Attributes
    ----------
    operands : pair, optional
        What was compared; None of a choice among many.
    chosen_from : sequence of array
        What an operation that chooses by itself was given.
    """

    outcome: Array
    difference: Array | None = None
    operands: Operands = None
    chosen_from: tuple[Any, ...] = ()
    spread: Array | None = None

    def held(self, base: Fork, certain: Array) -> Fork:
        """Return it with the outcome of another where that is certain."""
        return replace(self, outcome=np.where(certain, base.outcome, self.outcome))

    def near(self, difference: Array, width: float) -> Array:
        """Return where the operands are closer than their noise; one more run is known now."""
        assert self.difference is not None
        with np.errstate(invalid="ignore"):
            strayed = np.nan_to_num(np.abs(difference - self.difference), posinf=0.0)
        self.spread = strayed if self.spread is None else np.maximum(self.spread, strayed)
        near: Array = (np.abs(self.difference) <= width * self.spread) & (self.difference != 0)
        return near


@dataclass
class Branches:
    """Takes the branches that the run's own numbers say, and writes them down.

    Attributes
    ----------
    journal : list of Fork
        In the order in which they were met.
    near : int
        How many elements of comparisons were closer than their noise, and no exact ties.
    tied : bool
        Whether an exact tie was met.
    """

    journal: list[Fork] = field(default_factory=list)
    near: int = 0
    tied: bool = False

    def takes(self, other: Branches) -> bool:
        """Whether two runs took the same branches everywhere."""
        both = zip(self.journal, other.journal, strict=False)
        return len(self.journal) == len(other.journal) and all(
            np.array_equal(one.outcome, its.outcome, equal_nan=True) for one, its in both
        )

    def decide(
        self,
        outcome: Array,
        difference: Array | None = None,
        sides: Sides = (0.0, 1.0),
        operands: Operands = None,
    ) -> Array:
        """Return the outcome of a comparison that the run goes on with.

        Parameters
        ----------
        outcome : array
            What the numbers say.
        difference : array, optional
            Of the operands; None for a choice among many, or where equality is asked for.
        sides : pair
            What the outcome is where the difference is negative, and where it is positive.
        operands : pair, optional
            What is compared; None of a choice among many.
        """
        if difference is not None:
            self.tied |= bool((difference == 0).any())
        self.journal.append(Fork(outcome, difference, operands))
        return outcome

    def choose(self, outcome: Array, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the operands by which an operation chooses; `outcome` is what it would choose."""
        self.journal.append(Fork(outcome, chosen_from=operands))
        return operands


@dataclass
class Following(Branches):
    """Takes the branches of an earlier run."""

    base: list[Fork] = field(default_factory=list)
    _next: int = 0

    def decide(
        self,
        outcome: Array,
        difference: Array | None = None,
        sides: Sides = (0.0, 1.0),
        operands: Operands = None,
    ) -> Array:
        """Return what came out in the earlier run."""
        fork = self._fork(outcome)
        return outcome if fork is None else fork.outcome

    def choose(self, outcome: Array, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the operands of the earlier run."""
        fork = self._fork(outcome)
        return operands if fork is None else fork.chosen_from

    def _fork(self, outcome: Array) -> Fork | None:
        place, self._next = self._next, self._next + 1
        if place >= len(self.base) or self.base[place].outcome.shape != outcome.shape:
            return None
        return self.base[place]


@dataclass
class Watched(Following):
    """Takes the branches of the noise-free run, and tells where no noise has reached the operands.

    Attributes
    ----------
    certain : list of array or None
        By comparison; None of a choice among many, and of what the other run does not have.
    representable : callable
        Returns which numbers the dtype has: 0.1 is another one in each.
    """

    representable: Callable[[Array], Array] = lambda x: x == x
    certain: list[Array | None] = field(default_factory=list)

    def decide(
        self,
        outcome: Array,
        difference: Array | None = None,
        sides: Sides = (0.0, 1.0),
        operands: Operands = None,
    ) -> Array:
        """Return what came out without noise."""
        fork = self._fork(outcome)
        if fork is None or fork.operands is None or operands is None:
            self.certain.append(None)
        else:
            pairs = zip(operands, fork.operands, strict=True)
            self.certain.append(reduce(and_, [self._is_given(*pair) for pair in pairs]))
        return outcome if fork is None else fork.outcome

    def choose(self, outcome: Array, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the operands of the run without noise."""
        self.certain.append(None)
        return super().choose(outcome, operands)

    def _is_given(self, one: Any, base: Any) -> Array:
        """Return where an operand has no noise, and is a number of the dtype."""
        held = np.asarray(one, np.float64)
        found: Array = (held == base) & self.representable(held)
        return found


@dataclass
class Kept(Following):
    """Takes the branches of the noise-free run, and counts those that noise could turn."""

    width: float = 4.0

    def decide(
        self,
        outcome: Array,
        difference: Array | None = None,
        sides: Sides = (0.0, 1.0),
        operands: Operands = None,
    ) -> Array:
        """Return what came out without noise."""
        fork = self._fork(outcome)
        if fork is None:
            return outcome
        if difference is None or fork.difference is None:
            self.near += int(np.count_nonzero(fork.outcome != outcome))
        else:
            self.near += int(np.count_nonzero(fork.near(difference, self.width)))
        return fork.outcome

    def choose(self, outcome: Array, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the operands of the run without noise."""
        fork = self._fork(outcome)
        if fork is None:
            return operands
        self.near += int(np.count_nonzero(fork.outcome != outcome))
        return fork.chosen_from


@dataclass
class Drawn(Kept):
    """Draws the branch where the operands are within noise; elsewhere its own numbers decide."""

    toss: Toss = lambda shape: np.random.random(shape) < 0.5

    def decide(
        self,
        outcome: Array,
        difference: Array | None = None,
        sides: Sides = (0.0, 1.0),
        operands: Operands = None,
    ) -> Array:
        """Return what was drawn; an exact tie no noise breaks."""
        fork = self._fork(outcome)
        if fork is None or difference is None or fork.difference is None:
            return outcome
        near = fork.near(difference, self.width)
        self.near += int(np.count_nonzero(near))
        low, high = (np.asarray(side).astype(outcome.dtype) for side in sides)
        taken = np.where(fork.difference == 0, fork.outcome, outcome)
        drawn: Array = np.where(near, np.where(self.toss(outcome.shape), high, low), taken)
        return drawn

    def choose(self, outcome: Array, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return its own operands."""
        self._fork(outcome)
        return operands


@dataclass
class Left(Kept):
    """Takes the branches of its own numbers, and counts those that noise has turned."""

    def decide(
        self,
        outcome: Array,
        difference: Array | None = None,
        sides: Sides = (0.0, 1.0),
        operands: Operands = None,
    ) -> Array:
        """Return what its own numbers say."""
        fork = self._fork(outcome)
        if fork is not None:
            self.near += int(np.count_nonzero(fork.outcome != outcome))
        return outcome

    def choose(self, outcome: Array, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return its own operands."""
        self._fork(outcome)
        return operands
