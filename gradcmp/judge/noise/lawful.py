"""Which branches a correct implementation may take otherwise, where a comparison is certain.

Numbers that were given are the same everywhere, bit by bit: of ``l > 1`` at l = 1 there is one
outcome, and a value that another one makes is wrong. A gradient is another matter: relu at zero has
the slope of either side. So where the operands of a comparison have no noise the other outcome
counts for gradients alone, and that only if it leaves the outputs what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from gradcmp.judge.noise.branches import Stack, WatchedBranches
from gradcmp.judge.noise.model import NoiseModel, NoisyArray

Way = TypeVar("Way")
Rows: TypeAlias = npt.NDArray[np.bool_]
MOST = 32  # runs that look for the comparisons that an output jumps by; what is left jumps
LEAST = 2.0**-40  # of an output's peak: what is less is float64's own rounding
WATCHED = 2  # runs with noise, none of which moves what is certain


@dataclass
class GivenModel(NoiseModel):
    """The noise of what is computed; numbers of the dtype that are given have none."""

    branches: WatchedBranches = field(default_factory=WatchedBranches)

    def wrap_with_error(self, stack: Stack) -> NoisyArray:
        """Return copies of what is taken in; what the dtype does not have is another in each."""
        return NoisyArray(self.settled(stack), self)

    def constant(self, value: float) -> Any:
        """Take a number in; one that the dtype does not have is another one in each."""
        held = np.float64(value)
        if self._round(held) == held:
            return held
        return self.jitter(np.full(self.replicas + 1, held), 1.0)


@dataclass
class Known:
    """What ways so far have told: an output jumps by some comparisons, and by others it does not.

    Attributes
    ----------
    runs : int
        How many it took to find out.
    """

    jumping: set[int] = field(default_factory=set)
    smooth: set[int] = field(default_factory=set)
    runs: int = 0


@dataclass
class Steps(Generic[Way]):
    """Tells comparisons that an output jumps by from those that it is continuous in.

    Attributes
    ----------
    run : callable
        Runs one way, or several in rows, with some comparisons held where they are certain.
    differ : callable
        In which rows the outputs of two ways differ.
    pick : callable
        Takes the first of two ways in some rows, and the second in the others.
    """

    run: Callable[[frozenset[int]], Way]
    differ: Callable[[Way, Way], Rows]
    pick: Callable[[Rows, Way, Way], Way]
    known: Known = field(default_factory=Known)

    def lawful(self, sites: Iterable[int]) -> tuple[Way, Way]:
        """Return the way for values, and the one for gradients.

        Comparisons of the same numbers may have to come out otherwise together, as ``x < 1`` and
        ``x >= 1`` do: a row whose outputs are as they were is lawful as a whole.

        Parameters
        ----------
        sites : iterable of int
            The comparisons of which this way takes the other outcome where it is certain.
        """
        every = frozenset(sites)
        free = self.run(frozenset())
        if not every:
            return free, free
        held = self.run(every)
        off = self.differ(free, held)
        if off.any():
            self._look(sorted(every - self.known.jumping - self.known.smooth), every, held)
            some = self.run(every & self.known.jumping)
            some = self.pick(self.differ(some, held), held, some)
            free = self.pick(off, some, free)
        return held, free

    def with_run(self, run: Callable[[frozenset[int]], Way]) -> Steps[Way]:
        """Return what is known of the same comparisons, for another way."""
        return replace(self, run=run)

    def _look(self, sites: Sequence[int], every: frozenset[int], held: Way) -> None:
        """Look for comparisons that an output jumps by, half of them at a time."""
        if not sites:
            return
        if self.known.runs == MOST:
            self.known.jumping.update(sites)
            return
        if len(sites) < len(every):  # of all together it is known
            self.known.runs += 1
            if not self.differ(self.run(every - frozenset(sites)), held).any():
                self.known.smooth.update(sites)
                return
        if len(sites) == 1:
            self.known.jumping.update(sites)
            return
        half = len(sites) // 2
        self._look(sites[:half], every, held)
        self._look(sites[half:], every, held)


def sites_of(journal: Sequence[Stack], *watched: WatchedBranches) -> dict[int, Stack]:
    """Return by comparison where it is certain, of those that a way has taken otherwise there.

    Parameters
    ----------
    watched : WatchedBranches
        Of runs that must agree in the outcome; where they compare something else, none is certain.
    """
    first, *others = watched
    if any(len(one.certain) != len(journal) for one in watched):
        return {}
    found = {}
    for i, (taken, certain, outcome) in enumerate(
        zip(journal, first.certain, first.outcomes, strict=True)
    ):
        for other in others:
            certain = _agreeing(certain, outcome, other.certain[i], other.outcomes[i])
        if certain is not None and np.any((taken != outcome) & certain):
            found[i] = certain
    return found


def _agreeing(
    certain: Stack | None, outcome: Stack, other: Stack | None, its: Stack
) -> Stack | None:
    if certain is None or other is None or outcome.shape != its.shape:
        return None
    both: Stack = certain & other & (outcome == its)[0]
    return both


def differs(one: Stack, other: Stack) -> Rows:
    """Return in which rows an output is apart by more than float64's own rounding.

    Of one output without rows give it one: ``array[None]``.
    """
    if one.shape != other.shape:
        return np.ones(1, np.bool_)
    with np.errstate(all="ignore"):
        if one.dtype.kind != "f":
            close = one == other
        else:
            peak = np.max(np.abs(other), initial=0.0, where=np.isfinite(other))
            close = (one == other) | (np.abs(one - other) <= LEAST * peak)
            close |= np.isnan(one) & np.isnan(other)
    rows: Rows = ~close.reshape(len(close), -1).all(axis=1)
    return rows


def any_differs(pairs: Iterable[tuple[Stack, Stack]]) -> Rows:
    """Return in which rows any of several outputs differs."""
    found: Rows = np.zeros(1, np.bool_)
    for one, other in pairs:
        found = found | differs(one, other)
    return found


def picked(rows: Rows, one: Stack, other: Stack) -> Stack:
    """Return a stack with the first in some rows, and the second in the others."""
    if one.shape != other.shape or len(one) != len(rows):
        return one if rows.any() else other
    return np.where(rows.reshape(-1, *(1,) * (one.ndim - 1)), one, other)
