"""Disagreements that somebody knows of: they are reported and do not fail, until a date."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from gradcmp.errors import Location
from gradcmp.judge.verdict import CaseVerdict, Pair


@dataclass(frozen=True)
class Known:
    """What is expected to disagree.

    Attributes
    ----------
    labels : tuple of str
        The backends that must be part of a pair: none, one, or both of one pair.
    tensor : str, optional
        As on screen: ``d X``; None is every tensor.
    expires : date
        The last day on which it is accepted.
    """

    case: str
    reason: str
    expires: date
    labels: tuple[str, ...] = ()
    tensor: str | None = None
    where: Location | None = None

    def covers(self, pair: Pair, name: str) -> bool:
        """Whether a comparison is one that it is about."""
        return {*self.labels} <= {pair.actual, pair.expected} and self.tensor in (None, name)

    def __str__(self) -> str:
        return f"{self.reason} (until {self.expires})"


def excuse(verdict: CaseVerdict, known: Iterable[Known]) -> CaseVerdict:
    """Mark the disagreements that are known, and what is known that has come to agree.

    Of what could not be compared neither is said: a backend that crashed has not come to agree.
    """
    mine = [one for one in known if one.case == verdict.case.name]
    reasons: dict[tuple[Pair, str], str] = {}
    outdated = []
    for one in mine:
        faults = [found[:2] for found in verdict.faults if one.covers(*found[:2])]
        reasons |= dict.fromkeys(faults, str(one))
        compared = any(
            one.covers(pair, name)
            for pair in verdict.comparisons
            for name in verdict.comparisons[pair]
        )
        if compared and not faults:
            outdated.append(f"{one.where}: '{one.reason}' has come to agree, remove it")
    return replace(verdict, known=reasons, outdated=tuple(outdated))
