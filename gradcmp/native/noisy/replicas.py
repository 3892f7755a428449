"""Replicas of one run: each with rounding errors of its own, on branches that all can take."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np

from gradcmp.judge.noise.kinks import FEW
from gradcmp.native.noisy.ledger import Ledger
from gradcmp.native.outcome import Outcome

# Where all ties are broken alike: up and down, and each for the last and for the first.
TILTS = ((1.0, 2.0), (-1.0, -2.0), (2.0, 1.0), (-2.0, -1.0))
PROBES = 6  # runs with noise, of which none came near to another branch where none is open


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

    def takes(self, other: Any) -> bool:
        """Whether two runs took the same branches everywhere."""


class Replicated(ABC):
    """A function whose runs can be given noise.

    Attributes
    ----------
    own, following : type
        Branches of a run's own numbers, and those of an earlier run.
    kept, drawn, left : type
        Branches of the run without noise; drawn where they are near; those of its own numbers.
    misled : tuple of type
        What a function may raise that is led along the branches of another run.
    """

    own: ClassVar[Any]
    following: ClassVar[Any]
    kept: ClassVar[Any]
    drawn: ClassVar[Any]
    left: ClassVar[Any]
    misled: ClassVar[tuple[type[Exception], ...]]

    def __init__(self) -> None:
        self.squares = Ledger()

    @property
    def base(self) -> Branches:
        """The branches of the run without noise, which does each operation as the replicas do."""
        return self._plain[0]

    @cached_property
    def _plain(self) -> tuple[Branches, Outcome]:
        branches: Branches = self.own()
        return branches, self.run(self.exact(), branches, self.squares)

    @abstractmethod
    def exact(self) -> Any:
        """Return no errors."""

    @abstractmethod
    def rounding(self, rng: np.random.Generator) -> Any:
        """Return the errors of one replica."""

    @abstractmethod
    def jostling(self, rng: np.random.Generator, tilt: tuple[float, float] | None) -> Any:
        """Return errors that are several times too large, and how they break all ties, if alike."""

    @abstractmethod
    def run(self, rounding: Any, branches: Any, ledger: Ledger | None = None) -> Outcome:
        """Run it with errors, on branches."""

    @cached_property
    def is_open(self) -> bool:
        """Whether a branch could be another one: at a tie, or closer than noise leads."""
        if self.base.tied or not self.base.journal:
            return self.base.tied
        for probe in range(PROBES):
            rounding = self.rounding(np.random.default_rng([PROBES, probe]))
            kept = self.kept(base=self.base.journal, width=rounding.kink_width)
            try:
                self.run(rounding, kept, Ledger(self.squares))
            except self.misled:
                return True
            if kept.near:
                return True
        return False

    def ways(self, rows: int, seed: int) -> list[Outcome]:
        """Run it without noise on branches that noise several times too large has taken.

        A way that misleads the function is left out; there is none where no branch is open.
        """
        found = []
        for row in range(rows if self.is_open else 0):
            branches = self.own()
            tilt = TILTS[row] if row < len(TILTS) else None
            try:
                self.run(self.jostling(np.random.default_rng([seed, row]), tilt), branches)
                if self.base.takes(branches):
                    found.append(self._plain[1])
                    continue
                found.append(self.run(self.exact(), self.following(base=branches.journal)))
            except self.misled:
                continue
        return found

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
