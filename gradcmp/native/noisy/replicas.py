"""Replicas of one run: each with rounding errors of its own, on branches that all can take."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np

from gradcmp.derivatives import is_derived
from gradcmp.judge.noise.kinks import FEW
from gradcmp.judge.noise.lawful import WATCHED, Rows, Steps, any_differs
from gradcmp.native.noisy.branches import (
    Branches,
    Drawn,
    Following,
    Fork,
    Holding,
    Kept,
    Left,
    Rounding,
    Watched,
)
from gradcmp.native.noisy.ledger import Ledger
from gradcmp.native.outcome import Array, Outcome

# Where all ties are broken alike: up and down, and each for the last and for the first.
TILTS = ((1.0, 2.0), (-1.0, -2.0), (2.0, 1.0), (-2.0, -1.0))
PROBES = 6  # runs with noise, of which none came near to another branch where none is open


class Replicated(ABC):
    """A function whose runs can be given noise.

    Attributes
    ----------
    xp : module
        What branches are computed with: NumPy or torch.
    misled : tuple of type
        What a function may raise that is led along the branches of another run.
    """

    xp: ClassVar[Any]
    misled: ClassVar[tuple[type[Exception], ...]]

    def __init__(self) -> None:
        self.squares = Ledger()

    @property
    def base(self) -> Branches:
        """The branches of the run without noise, which does each operation as the replicas do."""
        return self._plain[0]

    @cached_property
    def _plain(self) -> tuple[Branches, Outcome]:
        branches = Branches(xp=self.xp)
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
    def run(
        self, rounding: Any, branches: Any, ledger: Ledger | None = None, given: bool = False
    ) -> Outcome:
        """Run it with errors, on branches; inputs have one unless they are taken as given."""

    @cached_property
    def is_open(self) -> bool:
        """Whether a branch could be another one: at a tie, or closer than noise leads."""
        if self.base.tied or not self.base.journal:
            return self.base.tied
        for probe in range(PROBES):
            rounding = self.rounding(np.random.default_rng([PROBES, probe]))
            kept = Kept(xp=self.xp, base=self.base.journal, rounding=rounding)
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
            try:
                branches = self._jostled(seed, row)
                if self.base.takes(branches):
                    found.append(self._plain[1])
                    continue
                found.append(self._lawful(branches, partial(self._jostled, seed, row)))
            except self.misled:
                continue
        return found

    def _jostled(self, seed: int, row: int, held: frozenset[int] = frozenset()) -> Branches:
        """Return the branches of one way; some comparisons are held where they are certain.

        What is compared later follows from those, so that nothing of a way without them is kept.
        """
        certain = {site: self.certain[site] for site in held}
        branches = Holding(xp=self.xp, base=self.base.journal, certain=certain)
        tilt = TILTS[row] if row < len(TILTS) else None
        self.run(self.jostling(np.random.default_rng([seed, row]), tilt), branches)
        return branches

    @cached_property
    def certain(self) -> list[Any]:
        """By comparison, where every correct implementation has the same outcome, if anywhere."""
        found: list[Any] = [None] * len(self.base.journal)
        for probe in range(WATCHED):
            rounding = self.rounding(np.random.default_rng([WATCHED, probe]))
            watched = Watched(xp=self.xp, base=self.base.journal, rounding=rounding)
            try:
                self.run(rounding, watched, Ledger(self.squares), given=True)
            except self.misled:
                return [None] * len(self.base.journal)
            met = zip(found if probe else watched.certain, watched.certain, strict=False)
            found = [None if a is None or b is None else a & b for a, b in met]
        return found

    @cached_property
    def _steps(self) -> Steps[Outcome]:
        return Steps(lambda held: self._plain[1], _differ, _picked)

    def _lawful(self, free: Branches, jostled: Callable[[frozenset[int]], Branches]) -> Outcome:
        """Run it on the branches of one way, and no value on other than certain ones."""

        def run(held: frozenset[int]) -> Outcome:
            taken = jostled(held) if held else free
            return self.run(self.exact(), Following(xp=self.xp, base=taken.journal))

        steps, journal = self._steps.with_run(run), free.journal
        values, gradients = steps.lawful(self._sites(journal))
        taps = {
            name: replace(tap, value=values.taps[name].value) if name in values.taps else tap
            for name, tap in gradients.taps.items()
        }
        return replace(gradients, outputs={**gradients.outputs, **_primals(values)}, taps=taps)

    def _sites(self, journal: Sequence[Fork]) -> list[int]:
        """Return the comparisons of which a way takes the other outcome where it is certain."""
        met = zip(journal, self.base.journal, self.certain, strict=False)
        return [
            i
            for i, (taken, base, certain) in enumerate(met)
            if certain is not None
            and taken.outcome.shape == base.outcome.shape == certain.shape
            and bool(((taken.outcome != base.outcome) & certain).any())
        ]

    def replicas(self, count: int, seed: int) -> list[Outcome]:
        """Run it with noise: on the branches of the base, or on drawn ones where many are open.

        A function that follows a comparison and the numbers themselves, as an index does, may fail
        on the branches of another run; it is left to its own.
        """
        for policy in (Kept, Drawn):
            try:
                found = self._replicas(policy, count, seed)
            except self.misled:
                continue
            if found is not None:
                return found
        return self._replicas(Left, count, seed) or []

    def _replicas(self, policy: type[Kept], count: int, seed: int) -> list[Outcome] | None:
        """Return all replicas; None where too many branches are open to keep them."""
        found = []
        for replica in range(count):
            rounding: Rounding = self.rounding(np.random.default_rng([seed, count, replica]))
            branches = policy(xp=self.xp, base=self.base.journal, rounding=rounding)
            outcome = self.run(rounding, branches, Ledger(self.squares))
            if policy is Kept and branches.near > FEW:
                return None
            found.append(replace(outcome, near=branches.near, tied=self.base.tied))
        return found


def _primals(outcome: Outcome) -> dict[str, Array]:
    return {name: one for name, one in outcome.outputs.items() if not is_derived(name)}


def _differ(one: Outcome, other: Outcome) -> Rows:
    ours, theirs = _primals(one), _primals(other)
    if ours.keys() != theirs.keys():
        return np.ones(1, np.bool_)
    return any_differs((ours[name][None], theirs[name][None]) for name in ours)


def _picked(rows: Rows, one: Outcome, other: Outcome) -> Outcome:
    return one if rows.any() else other
