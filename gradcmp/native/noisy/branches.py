"""Which branch a run takes where a function compares numbers.

Runs of one function meet the same comparisons in the same order, so the k-th of one is that of
another, as long as shapes agree: a function that branches on its data is then left to itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import and_
from typing import Any, Protocol, TypeAlias

Array: TypeAlias = Any  # of NumPy, or a tensor of torch


class Rounding(Protocol):
    """The errors of one run, in a framework's arrays."""

    @property
    def kink_width(self) -> float:
        """How many times its noise the operands of a comparison may be apart to be near."""

    def representable(self, x: Array | float) -> Array:
        """Return which numbers the dtype has: 0.1 is another one in each."""

    def toss(self, like: Array) -> Array:
        """Return whether each near tie of a comparison goes up."""


@dataclass
class Fork:
    """One comparison.

    Attributes
    ----------
    outcome : array
        What the numbers say.
    difference : array, optional
        Of the operands; None for a choice among many, or where equality is asked for.
    sides : pair
        What the outcome is where the difference is negative, and where it is positive.
    operands : sequence, optional
        The numbers that the outcome follows from; None of a choice among many.
    chosen_from : sequence
        What an operation that chooses by itself was given.
    spread : array, optional
        How far the difference strays, as far as runs have told.
    """

    outcome: Array
    difference: Array | None = None
    sides: tuple[Any, Any] = (False, True)
    operands: Sequence[Any] | None = None
    chosen_from: tuple[Any, ...] = ()
    spread: Array | None = None


@dataclass(kw_only=True)
class Branches:
    """Takes the branches that the run's own numbers say, and writes them down.

    Attributes
    ----------
    xp : module
        NumPy or torch: `where`, `maximum`, `nan_to_num` and `count_nonzero` are alike.
    journal : list of Fork
        In the order in which they were met.
    near : int
        How many elements of comparisons were closer than their noise, and no exact ties.
    tied : bool
        Whether an exact tie was met.
    """

    xp: Any
    journal: list[Fork] = field(default_factory=list)
    near: int = 0
    tied: bool = False

    def takes(self, other: Branches) -> bool:
        """Whether two runs took the same branches everywhere."""
        both = zip(self.journal, other.journal, strict=False)
        return len(self.journal) == len(other.journal) and all(
            _are_equal(one.outcome, its.outcome) for one, its in both
        )

    def decide(self, fork: Fork) -> Array:
        """Return the outcome of a comparison that the run goes on with."""
        return self._taken(fork).outcome

    def choose(self, fork: Fork) -> tuple[Any, ...]:
        """Return the operands by which an operation chooses."""
        return self._taken(fork).chosen_from

    def _taken(self, fork: Fork) -> Fork:
        if fork.difference is not None:
            self.tied |= bool((fork.difference == 0).any())
        self.journal.append(fork)
        return fork


@dataclass(kw_only=True)
class Following(Branches):
    """Takes the branches of an earlier run."""

    base: Sequence[Fork]
    _next: int = 0

    def _taken(self, fork: Fork) -> Fork:
        return self._known(fork) or fork

    def _known(self, fork: Fork) -> Fork | None:
        """Return what the earlier run has at this place, if it is the same comparison."""
        place, self._next = self._next, self._next + 1
        if place >= len(self.base) or self.base[place].outcome.shape != fork.outcome.shape:
            return None
        return self.base[place]


@dataclass(kw_only=True)
class Holding(Following):
    """Takes the branches of its own numbers, and those of an earlier run where they are certain.

    Attributes
    ----------
    certain : mapping of int to array
        By comparison, where they are.
    """

    certain: Mapping[int, Array] = field(default_factory=dict)

    def _taken(self, fork: Fork) -> Fork:
        site, known = len(self.journal), self._known(fork)
        if known is not None and site in self.certain:
            held = self.xp.where(self.certain[site], known.outcome, fork.outcome)
            fork = replace(fork, outcome=held)
        self.journal.append(fork)
        return fork


@dataclass(kw_only=True)
class Noisy(Following):
    """What follows the run without noise, and has some."""

    rounding: Rounding


@dataclass(kw_only=True)
class Watched(Noisy):
    """Takes the branches of the noise-free run, and tells where no noise has reached the operands.

    Attributes
    ----------
    certain : list of array or None
        By comparison; None of a choice among many, and of what the other run does not have.
    """

    certain: list[Array | None] = field(default_factory=list)

    def _taken(self, fork: Fork) -> Fork:
        known = self._known(fork)
        if known is None or known.operands is None or fork.operands is None:
            self.certain.append(None)
        else:
            pairs = zip(fork.operands, known.operands, strict=True)
            self.certain.append(reduce(and_, [self._is_given(*pair) for pair in pairs]))
        return known or fork

    def _is_given(self, one: Any, base: Any) -> Array:
        """Return where an operand has no noise, and is a number of the dtype."""
        return (one == base) & self.rounding.representable(one)


@dataclass(kw_only=True)
class Kept(Noisy):
    """Takes the branches of the noise-free run, and counts those that noise could turn."""

    def _taken(self, fork: Fork) -> Fork:
        known = self._known(fork)
        if known is None:
            return fork
        near = self._near(known, fork)
        self._count(known.outcome != fork.outcome if near is None else near)
        return known

    def _near(self, known: Fork, fork: Fork) -> Array | None:
        """Return where the operands are closer than their noise; one more run is known now.

        None of a choice among many, and of equality: there is no difference to tell by.
        """
        if known.difference is None or fork.difference is None:
            return None
        off = abs(fork.difference - known.difference)
        strayed = self.xp.nan_to_num(off, nan=0.0, posinf=0.0, neginf=0.0)
        known.spread = strayed if known.spread is None else self.xp.maximum(known.spread, strayed)
        reach = self.rounding.kink_width * known.spread
        return (abs(known.difference) <= reach) & (known.difference != 0)

    def _count(self, near: Array) -> None:
        self.near += int(self.xp.count_nonzero(near))


@dataclass(kw_only=True)
class Drawn(Kept):
    """Draws the branch where the operands are within noise; elsewhere its own numbers decide."""

    def _taken(self, fork: Fork) -> Fork:
        """Return what was drawn; an exact tie no noise breaks."""
        known = self._known(fork)
        near = self._near(known, fork) if known else None
        if known is None or near is None:
            return fork
        self._count(near)
        where, (low, high) = self.xp.where, fork.sides
        taken = where(known.difference == 0, known.outcome, fork.outcome)
        drawn = where(near, where(self.rounding.toss(fork.outcome), high, low), taken)
        return replace(fork, outcome=drawn)


@dataclass(kw_only=True)
class Left(Kept):
    """Takes the branches of its own numbers, and counts those that noise has turned."""

    def _taken(self, fork: Fork) -> Fork:
        known = self._known(fork)
        if known is not None:
            self._count(known.outcome != fork.outcome)
        return fork


def _are_equal(one: Array, other: Array) -> bool:
    return one.shape == other.shape and bool(
        ((one == other) | ((one != one) & (other != other))).all()
    )
