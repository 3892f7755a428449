"""Which branches a correct implementation may take otherwise, where a comparison is certain.

Numbers that were given are the same everywhere, bit by bit: of ``l > 1`` at l = 1 there is one
outcome, and a value that another one makes is wrong. A gradient is another matter: relu at zero has
the slope of either side. So where the operands of a comparison have no noise the other outcome
counts for gradients alone, and that only if it leaves the outputs what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np

from gradcmp.judge.noise.branches import Stack, WatchedBranches
from gradcmp.judge.noise.model import NoiseModel, NoisyArray

Way = TypeVar("Way")
MOST = 16  # comparisons that are tried by themselves; of more the outcome is that of the reference
LEAST = 2.0**-40  # of an output's peak: what is less is float64's own rounding
WATCHED = 2  # runs with noise, none of which moves what is certain


@dataclass
class GivenModel(NoiseModel):
    """The noise of what is computed; what is given has none."""

    branches: WatchedBranches = field(default_factory=WatchedBranches)

    def wrap_with_error(self, stack: Stack) -> NoisyArray:
        """Return copies of what is taken in as it is."""
        return NoisyArray(stack, self)

    def constant(self, value: float) -> Any:
        """Take a number in; one that the dtype does not have is another one in each."""
        held = np.float64(value)
        if self._round(held) == held:
            return held
        return self.jitter(np.full(self.replicas + 1, held), 1.0)


@dataclass
class Steps(Generic[Way]):
    """Tells comparisons that an output jumps by from those that it is continuous in.

    Attributes
    ----------
    run : callable
        Runs one way, with the outcome of some comparisons held where they are certain.
    differ : callable
        Whether the outputs of two ways differ.
    """

    run: Callable[[frozenset[int]], Way]
    differ: Callable[[Way, Way], bool]
    _tried: dict[int, bool] = field(default_factory=dict)

    def lawful(self, sites: Iterable[int]) -> tuple[Way, Way]:
        """Return the way for values, and the one for gradients.

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
        if self.differ(free, held):
            free = self.run(frozenset(one for one in every if self._jumps(one, every, held)))
        return held, held if self.differ(free, held) else free

    def with_run(self, run: Callable[[frozenset[int]], Way]) -> Steps[Way]:
        """Return what is known of the same comparisons, for another way."""
        return replace(self, run=run)

    def _jumps(self, site: int, every: frozenset[int], held: Way) -> bool:
        """Whether an output jumps by a comparison; so does it by one that there is no time for."""
        if site not in self._tried and len(self._tried) < MOST:
            self._tried[site] = self.differ(self.run(every - {site}), held)
        return self._tried.get(site, True)


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


def differs(one: Stack, other: Stack) -> bool:
    """Whether two outputs are apart by more than float64's own rounding."""
    if one.dtype.kind != "f" or one.shape != other.shape:
        return not np.array_equal(one, other)
    with np.errstate(all="ignore"):
        peak = np.max(np.abs(other), initial=0.0, where=np.isfinite(other))
        close = (one == other) | (np.abs(one - other) <= LEAST * peak)
    return not np.all(close | (np.isnan(one) & np.isnan(other)))
