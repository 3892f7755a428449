"""What a case fails or warns for: each fault once, with the tensors that follow from it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from gradcmp.judge.comparison import Comparison
from gradcmp.judge.verdict import CaseVerdict, Pair

Finding: TypeAlias = tuple[Pair, str, Comparison]
Severity: TypeAlias = tuple[bool, bool, bool, float, float]
Root: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class Fault:
    """Where something begins to be wrong, or a reservation, and what follows from it.

    Attributes
    ----------
    names : tuple of str
        The tensor, and others of which the same is said: what a side does not have, what warns
        for the same reason.
    worst : Finding
        The comparison that shows it best.
    wrong : tuple of str
        Who is known to be wrong; empty where nobody is.
    follow : tuple of str
        Tensors downstream that disagree since this one does.
    """

    names: tuple[str, ...]
    worst: Finding
    wrong: tuple[str, ...] = ()
    follow: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The tensor."""
        return self.worst[1]

    @property
    def pair(self) -> Pair:
        """Who shows it."""
        return self.worst[0]

    @property
    def comparison(self) -> Comparison:
        """How far they are apart."""
        return self.worst[2]


def findings(verdict: CaseVerdict, pairs: Iterable[Pair] | None = None) -> list[Finding]:
    """Return every comparison of the given pairs, or of all."""
    return [
        (pair, name, comparison)
        for pair in (verdict.comparisons if pairs is None else pairs)
        for name, comparison in verdict.comparisons[pair].items()
    ]


def severity(comparison: Comparison) -> Severity:
    """Order comparisons: what disagrees, then what warns, then by how far of what is allowed.

    To two digits, as shown: of equals the first is taken, and pairs with the reference are first.
    What is missing comes after whatever was seen to disagree. An upper bound that a cheap test
    gave comes before no noise that was measured.
    """
    wrong, worst = not comparison.agrees, comparison.worst
    if wrong and comparison.verdict.reason == "missing":
        return (True, False, False, 0.0, 0.0)
    noise = comparison.noise
    measured = noise is not None and not noise.bound
    if noise is not None and measured:
        far = max(noise.multiple / noise.limit, noise.coherent / noise.coherent_limit)
    else:
        far = worst.excess if worst and noise is None else 0.0
    if wrong and (worst is None or not math.isfinite(worst.absolute)):
        far = math.inf  # a NaN, another shape
    warns = wrong or comparison.verdict.warns
    return (wrong, warns, measured or wrong, _two_digits(far), _two_digits(steps(comparison)))


def steps(comparison: Comparison) -> float:
    """Return the ULP at the worst element, which are those that are told everywhere."""
    return comparison.worst.ulp if comparison.worst else 0.0


def _two_digits(number: float) -> float:
    return math.inf if math.isnan(number) else float(f"{number:.1e}")


def worst_among(among: Iterable[Finding]) -> Finding:
    """Return the comparison that is furthest off; the first one of equals."""
    return max(among, key=lambda finding: severity(finding[2]))


def worst_of(verdict: CaseVerdict) -> Finding:
    """Return the worst of a case: where its first fault shows best, else what is furthest off.

    A tensor downstream may be further off than the one that it follows from.
    """
    first = next(iter(faults(verdict)), None)
    return first.worst if first else worst_among(findings(verdict))


def faults(verdict: CaseVerdict) -> tuple[Fault, ...]:
    """Return what fails, the first in the graph first, then what is known, then what warns."""
    by: dict[Root, list[Finding]] = {}
    disagree = {name for _, name, _ in verdict.disagreements}
    warn = (found for found in verdict.warnings if found[1] not in disagree)
    for found in (*verdict.disagreements, *warn):
        by.setdefault(_root(verdict, found), []).append(found)
    order = {name: number for number, name in enumerate(verdict.tensors)}

    def place(fault: Fault) -> tuple[bool, bool, bool, int]:
        comparison = fault.comparison
        is_known = fault.worst[:2] in verdict.known
        missing = comparison.verdict.reason == "missing"
        return comparison.agrees, is_known, missing, order[fault.name]

    return tuple(sorted((_fault(verdict, root, found) for root, found in by.items()), key=place))


def _root(verdict: CaseVerdict, found: Finding) -> Root:
    """Return what a comparison is put down to: where the two sides part, or what it lacks."""
    pair, name, comparison = found
    reason = comparison.verdict.reason
    if comparison.agrees:
        return ("warns", reason)
    if reason == "missing":
        return ("missing", *lacking(verdict, name))
    divergence = verdict.divergences.get(pair, {}).get(name)
    return ("parts", (divergence.origin if divergence else None) or name)


def lacking(verdict: CaseVerdict, name: str) -> tuple[str, ...]:
    """Return who was to have a tensor, and has none."""
    sides = {
        label: None
        for pair, by in verdict.comparisons.items()
        if name in by
        for label in (pair.actual, pair.expected)
    }
    recordings = verdict.recordings
    return tuple(s for s in sides if s not in recordings or name not in recordings[s].tensors)


def _fault(verdict: CaseVerdict, root: Root, among: list[Finding]) -> Fault:
    kind, *rest = root
    names = tuple(dict.fromkeys(name for _, name, _ in among))
    if kind == "missing":
        return Fault(names, among[0], tuple(rest))
    here = among if kind == "warns" else [one for one in among if one[1] == rest[0]] or among
    shown = worst_among([one for one in here if one[:2] not in verdict.known] or here)
    name = shown[1]
    sides = {label for pair, *_ in here for label in (pair.actual, pair.expected)}
    wrong = {label: None for pair, *_ in here for label in verdict.wrong_sides(pair, name)}
    named = tuple(label for label in verdict.outcomes if label in wrong and label in sides)
    if kind == "warns":
        return Fault(names, shown, named)
    follow = tuple(other for other in verdict.tensors if other in names and other != name)
    return Fault((name,), shown, named, follow)
