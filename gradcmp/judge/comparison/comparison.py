"""What is said of one pair of arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeAlias

from gradcmp.judge.comparison.measured import (
    UNMEASURED,
    Element,
    Measured,
    Noise,
    Statistics,
    Unread,
)
from gradcmp.outside.shown import Shown
from gradcmp.recording import Array

Reason: TypeAlias = Literal[
    "exact",  # the same bits, or equal numbers
    "rounding",  # within the allowance of a rule derived from the dtype
    "tolerance",  # within a tolerance that the user chose, or beyond whichever rule was used
    "non-finite",  # NaN or infinity not matched in kind, sign and place; or matched everywhere
    "shape",
    "dtype",
    "missing",  # the tensor is there on one side only
    "empty",  # no elements to compare
    # Under tolerance auto:
    "precision",  # louder than rounding, but in float64 it shrinks as rounding does
    "note",  # a real difference that hides below the noise of the dtype
    "kink",  # explained by what exactly tied branches leave open
    "range",  # overflowed: the true value is beyond the largest number of the dtype
    "suspect",  # louder than rounding, and no float64 run could tell why
    "bug",  # louder than rounding, and float64 does not change it
]

# What is said of a bug of which nothing else is known.
STAYS = "in float64 the difference stays: it is not rounding"
# What agrees for these reasons fails under `strict`.
WARNINGS = frozenset(("precision", "note", "kink", "non-finite"))


@dataclass(frozen=True)
class Verdict:
    """Whether it agrees, and why.

    `detail` says the reason in words when the reason alone does not: both shapes, both kinds.
    """

    agrees: bool
    reason: Reason
    detail: str = ""

    @property
    def warns(self) -> bool:
        """Whether it agrees with a reservation that the reader should know."""
        return self.agrees and self.reason in WARNINGS


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """One pair of arrays compared element by element.

    Attributes
    ----------
    rule : str
        The rule that was used, in full: ``|a - e| <= 1e-06 + 1e-05 * |e|``.
    measurement : Measured or Unread
        How far they are apart.
    disagreeing : int
        Number of elements that disagree.
    """

    verdict: Verdict
    rule: str
    measurement: Measured | Unread = UNMEASURED
    disagreeing: int = 0

    @property
    def measured(self) -> Measured:
        """How far they are apart."""
        found = self.measurement
        return found.measured if isinstance(found, Unread) else found

    def with_measured(self, **changes: Any) -> Comparison:
        """Return the comparison with other fields of what was measured."""
        return self.later(partial(replace, **changes))

    def later(self, change: Callable[[Measured], Measured]) -> Comparison:
        """Return the comparison with a change to what was measured, made when that is read."""
        found = self.measurement
        return replace(
            self, measurement=found.then(change) if isinstance(found, Unread) else change(found)
        )

    @property
    def agrees(self) -> bool:
        """Whether this pair of arrays agrees."""
        return self.verdict.agrees

    @property
    def statistics(self) -> Statistics:
        """What was counted, whatever the rule."""
        return self.measured.statistics

    @property
    def worst(self) -> Element | None:
        """The largest excess over its own allowance, non-finite first; None without elements."""
        return self.measured.worst

    @property
    def excess(self) -> Array | None:
        """The difference of every element as a multiple of its own allowance, if it is small."""
        return self.measured.excess

    @property
    def noise(self) -> Noise | None:
        """The difference measured by noise, where that was needed."""
        return self.measured.noise

    @property
    def total(self) -> int:
        """Number of elements."""
        return self.statistics.total

    @property
    def share(self) -> float:
        """The share of elements that disagree, from 0 to 1."""
        return self.disagreeing / self.total if self.total else 0.0
