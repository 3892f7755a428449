"""Which branch each replica takes where the reference compares numbers."""

from __future__ import annotations

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

    def decide(self, result: Stack) -> Stack:
        """Take note of the outcome of a comparison, the noise-free one first."""
        self.journal.append(result[1:].copy())
        return result

    @property
    def are_open(self) -> bool:
        """Whether a correct implementation could take another branch somewhere."""
        return self.near > 0 or self.tied


@dataclass
class FreeBranches(Branches):
    """Each replica takes the branch that its own numbers say."""

    free: ClassVar[bool] = True


@dataclass
class ReplayedBranches(Branches):
    """Each replica takes the branch that one took before, from another's journal."""

    free: ClassVar[bool] = True
    _next: int = 0

    def decide(self, result: Stack) -> Stack:
        """Return the noise-free outcome as it is, and what the journal has for the replicas."""
        taken = self.journal[self._next]
        self._next += 1
        return np.concatenate([result[:1], np.broadcast_to(taken, (len(taken), *result.shape[1:]))])
