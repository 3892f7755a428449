"""Replicas of one run: each with rounding errors of its own, on branches that all can take."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol

import numpy as np

from gradcmp.judge.noise.kinks import FEW
from gradcmp.native.noisy.ledger import Ledger
from gradcmp.native.outcome import Outcome

# Where all ties are broken alike: up and down, and each for the last and for the first.
TILTS = ((1.0, 2.0), (-1.0, -2.0), (2.0, 1.0), (-2.0, -1.0))


class Rounding(Protocol):
    """The errors of one replica, in a framework's arrays."""

    @property
    def kink_width(self) -> float:
        """How many times its noise the operands of a comparison may be apart to be near."""

    @property
    def toss(self) -> Callable[[Any], Any]:
        """What breaks near ties."""


class Branches(Protocol):
    """Which branches a run takes."""

    @property
    def journal(self) -> Sequence[Any]:
        """Each comparison, in the order in which they were met."""

    @property
    def tied(self) -> bool:
        """Whether an exact tie was met."""


class Replicated(ABC):
    """A function whose runs can be given noise.

    Attributes
    ----------
    kept, drawn, left : type
        Branches of the run without noise; drawn where they are near; those of its own numbers.
    misled : tuple of type
        What a function may raise that is led along the branches of another run.
    """

    kept: ClassVar[Any]
    drawn: ClassVar[Any]
    left: ClassVar[Any]
    misled: ClassVar[tuple[type[Exception], ...]]

    def __init__(self) -> None:
        self.squares = Ledger()

    @property
    @abstractmethod
    def base(self) -> Branches:
        """The branches of the run without noise, which does each operation as the replicas do."""

    @abstractmethod
    def rounding(self, rng: np.random.Generator) -> Any:
        """Return the errors of one replica."""

    @abstractmethod
    def run(self, rounding: Any, branches: Any, ledger: Ledger | None = None) -> Outcome:
        """Run it with errors, on branches."""

    def replicas(self, count: int, seed: int) -> list[Outcome]:
        """Run it with noise: on the branches of the base, or on drawn ones where many are open.

        A function that follows a comparison and the numbers themselves, as an index does, may fail
        on the branches of another run; it is left to its own.
        """
        for policy in (self.kept, self.drawn):
            try:
                found = self._replicas(policy, count, seed)
            except self.misled:
                continue
            if found is not None:
                return found
        return self._replicas(self.left, count, seed) or []

    def _replicas(self, policy: Any, count: int, seed: int) -> list[Outcome] | None:
        """Return all replicas; None where too many branches are open to keep them."""
        found = []
        for replica in range(count):
            rounding: Rounding = self.rounding(np.random.default_rng([seed, count, replica]))
            branches = policy(base=self.base.journal, width=rounding.kink_width)
            if policy is self.drawn:
                branches.toss = rounding.toss
            outcome = self.run(rounding, branches, Ledger(self.squares))
            if policy is self.kept and branches.near > FEW:
                return None
            found.append(replace(outcome, near=branches.near, tied=self.base.tied))
        return found
