"""Which branch each replica takes where the reference compares numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

Stack: TypeAlias = npt.NDArray[Any]


@dataclass
class Branches:
    """Near a kink a branch is drawn at random; at an exact tie it is the noise-free run's.

    Attributes
    ----------
    journal : list of array
        What the replicas decided, comparison by comparison.
    near : int
        How many comparisons of two elements were closer than their noise, and no exact ties.
    tied : bool
        Whether an exact tie was met.
    """

    free: ClassVar[bool] = False
    journal: list[Stack] = field(default_factory=list)
    near: int = 0
    tied: bool = False

    def decide(self, result: Stack, distance: Stack | None = None) -> Stack:
        """Take note of the outcome of a comparison, the noise-free one first.

        Parameters
        ----------
        distance : array, optional
            How far the operands are apart; None of a choice among many.
        """
        self.journal.append(result[1:].copy())
        return result

    def share(self, equal: Stack, rng: np.random.Generator) -> Stack:
        """Return what is equal as it is."""
        return equal

    @property
    def are_open(self) -> bool:
        """Whether a correct implementation could take another branch somewhere."""
        return self.near > 0 or self.tied


@dataclass
class FreeBranches(Branches):
    """Each replica takes the branch that its own numbers say.

    Attributes
    ----------
    held : mapping of int to array
        By comparison, where all take the noise-free branch instead.
    """

    free: ClassVar[bool] = True
    held: Mapping[int, Stack] = field(default_factory=dict)

    def decide(self, result: Stack, distance: Stack | None = None) -> Stack:
        """Return the outcome of the replicas' own numbers, but where it is held."""
        site = len(self.journal)
        if site in self.held:
            result = np.where(self.held[site], result[:1], result)
        return super().decide(result, distance)


@dataclass
class SharingBranches(FreeBranches):
    """The same for primitives that each see their operands moved anew, as those of JAX do."""

    def share(self, equal: Stack, rng: np.random.Generator) -> Stack:
        """Return what is equal, a few at random of those that no replica has found so any more.

        A maximum that is computed apart from what it is looked up in equals none of it, once both
        were moved; who shares out a gradient among equals may leave out any of them, but not all.
        """
        lost = equal[:1] & ~equal[1:].any(axis=0)
        found: Stack = equal | (lost & (rng.random(equal.shape) < 0.5))
        found[:1] = equal[:1]
        return found


@dataclass
class WatchedBranches(Branches):
    """Each replica takes the noise-free branch, and tells where no noise has reached the operands.

    Attributes
    ----------
    certain : list of array or None
        By comparison, where every correct implementation takes the same branch: its operands are
        what was given, bit by bit. None of a choice among many, which may take either of equals.
    outcomes : list of array
        By comparison, the noise-free outcome.
    """

    free: ClassVar[bool] = True
    certain: list[Stack | None] = field(default_factory=list)
    outcomes: list[Stack] = field(default_factory=list)

    def decide(self, result: Stack, distance: Stack | None = None) -> Stack:
        """Return the noise-free outcome for all."""
        self.certain.append(None if distance is None else (distance == distance[:1]).all(axis=0))
        self.outcomes.append(result[:1].copy())
        return np.broadcast_to(result[:1], result.shape).copy()


@dataclass
class ReplayedBranches(Branches):
    """Each replica takes the branch that one took before, from another's journal."""

    free: ClassVar[bool] = True
    _next: int = 0

    def decide(self, result: Stack, distance: Stack | None = None) -> Stack:
        """Return the noise-free outcome as it is, and what the journal has for the replicas."""
        taken = self.journal[self._next]
        taken = np.broadcast_to(taken, (len(taken), *result.shape[1:]))
        self._next += 1
        return np.concatenate([result[:1], taken])
