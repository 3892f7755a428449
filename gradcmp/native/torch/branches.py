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

import torch

from gradcmp.native.torch.subject import Tensor

Sides: TypeAlias = tuple[Any, Any]  # the outcome where the difference is below, above zero
Operands: TypeAlias = tuple[Any, Any] | None
Toss: TypeAlias = Callable[[Tensor], Tensor]


@dataclass
class Fork:
    """One comparison: what came out, how far apart the operands were, and how far that strays.

    Attributes
    ----------
    operands : pair, optional
        What was compared; None of a choice among many.
    """

    outcome: Tensor
    difference: Tensor | None
    operands: Operands = None
    spread: Tensor | None = None

    def held(self, base: Fork, certain: Tensor) -> Fork:
        """Return it with the outcome of another where that is certain."""
        return replace(self, outcome=torch.where(certain, base.outcome, self.outcome))

    def near(self, difference: Tensor, width: float) -> Tensor:
        """Return where the operands are closer than their noise; one more run is known now."""
        assert self.difference is not None
        strayed = torch.nan_to_num_((difference - self.difference).abs_(), 0.0, 0.0, 0.0)
        self.spread = strayed if self.spread is None else torch.maximum(self.spread, strayed)
        return (self.difference.abs() <= width * self.spread) & (self.difference != 0)


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
            one.outcome.shape == its.outcome.shape and torch.equal(one.outcome, its.outcome)
            for one, its in both
        )

    def decide(
        self,
        outcome: Tensor,
        difference: Tensor | None = None,
        sides: Sides = (0.0, 1.0),
        operands: Operands = None,
    ) -> Tensor:
        """Return the outcome of a comparison that the run goes on with.

        Parameters
        ----------
        outcome : tensor
            What the numbers say.
        difference : tensor, optional
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


@dataclass
class Following(Branches):
    """Takes the branches of an earlier run."""

    base: list[Fork] = field(default_factory=list)
    _next: int = 0

    def decide(
        self,
        outcome: Tensor,
        difference: Tensor | None = None,
        sides: Sides = (0.0, 1.0),
        operands: Operands = None,
    ) -> Tensor:
        """Return what came out in the earlier run."""
        fork = self._fork(outcome)
        return outcome if fork is None else fork.outcome

    def _fork(self, outcome: Tensor) -> Fork | None:
        place, self._next = self._next, self._next + 1
        if place >= len(self.base) or self.base[place].outcome.shape != outcome.shape:
            return None
        return self.base[place]


@dataclass
class Watched(Following):
    """Takes the branches of the noise-free run, and tells where no noise has reached the operands.

    Attributes
    ----------
    certain : list of tensor or None
        By comparison; None of a choice among many, and of what the other run does not have.
    representable : callable
        Returns which numbers the dtype has: 0.1 is another one in each.
    """

    representable: Callable[[Tensor], Tensor] = lambda x: x == x
    certain: list[Tensor | None] = field(default_factory=list)

    def decide(
        self,
        outcome: Tensor,
        difference: Tensor | None = None,
        sides: Sides = (0.0, 1.0),
        operands: Operands = None,
    ) -> Tensor:
        """Return what came out without noise."""
        fork = self._fork(outcome)
        if fork is None or fork.operands is None or operands is None:
            self.certain.append(None)
        else:
            pairs = zip(operands, fork.operands, strict=True)
            self.certain.append(reduce(and_, [self._is_given(*pair) for pair in pairs]))
        return outcome if fork is None else fork.outcome

    def _is_given(self, one: Any, base: Any) -> Tensor:
        """Return where an operand has no noise, and is a number of the dtype."""
        held = torch.as_tensor(one, dtype=torch.float64)
        found: Tensor = (held == base) & self.representable(held)
        return found


@dataclass
class Kept(Following):
    """Takes the branches of the noise-free run, and counts those that noise could turn."""

    width: float = 4.0

    def decide(
        self,
        outcome: Tensor,
        difference: Tensor | None = None,
        sides: Sides = (0.0, 1.0),
        operands: Operands = None,
    ) -> Tensor:
        """Return what came out without noise."""
        fork = self._fork(outcome)
        if fork is None:
            return outcome
        if difference is None or fork.difference is None:
            self.near += int((fork.outcome != outcome).count_nonzero())
        else:
            self.near += int(fork.near(difference, self.width).count_nonzero())
        return fork.outcome


@dataclass
class Drawn(Kept):
    """Draws the branch where the operands are within noise; elsewhere its own numbers decide."""

    toss: Toss = lambda like: torch.rand(like.shape) < 0.5

    def decide(
        self,
        outcome: Tensor,
        difference: Tensor | None = None,
        sides: Sides = (0.0, 1.0),
        operands: Operands = None,
    ) -> Tensor:
        """Return what was drawn; an exact tie no noise breaks."""
        fork = self._fork(outcome)
        if fork is None or difference is None or fork.difference is None:
            return outcome
        near = fork.near(difference, self.width)
        self.near += int(near.count_nonzero())
        low, high = (_value(side, outcome) for side in sides)
        taken = torch.where(fork.difference == 0, fork.outcome, outcome)
        return torch.where(near, torch.where(self.toss(outcome), high, low), taken)


@dataclass
class Left(Kept):
    """Takes the branches of its own numbers, and counts those that noise has turned."""

    def decide(
        self,
        outcome: Tensor,
        difference: Tensor | None = None,
        sides: Sides = (0.0, 1.0),
        operands: Operands = None,
    ) -> Tensor:
        """Return what its own numbers say."""
        fork = self._fork(outcome)
        if fork is not None:
            self.near += int((fork.outcome != outcome).count_nonzero())
        return outcome


def _value(side: Any, like: Tensor) -> Tensor:
    return torch.as_tensor(side, device=like.device).to(like.dtype)
