"""What lies between the taps of functions, each part alone on the reference's values and gradients.

A run in which every tap hands on the reference's value, and backwards the reference's gradient,
gives each part the right inputs: what is wrong then is wrong by itself. Such a function is one of
more inputs and more outputs, so that it is judged as any other is, with noise that begins anew at
each tap.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import chain
from typing import Literal, TypeVar

import numpy as np

from gradcmp.case import ONCE, Case
from gradcmp.functions.isolated.point import Point, held_at
from gradcmp.functions.judged.runs import judged
from gradcmp.functions.sides import Runs, run
from gradcmp.judge import CaseVerdict
from gradcmp.judge.verdict import Pair
from gradcmp.native.side import Side, attempted
from gradcmp.native.taps import Held
from gradcmp.native.way import DrawnCotangents

T = TypeVar("T")
ALONE = "is not isolated: no other function shares a tap with it"


@dataclass(frozen=True)
class Isolation:
    """How each part fares alone.

    Attributes
    ----------
    parts : mapping of str to CaseVerdict
        By the tap or output that it ends with.
    notes : mapping of str to tuple of str
        By label, which taps of a function are left as they are, and why.
    """

    parts: Mapping[str, CaseVerdict] = field(default_factory=dict)
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def isolated(
    case: Case, sides: Mapping[str, Side], runs: Runs, against: str, cotangent: DrawnCotangents
) -> Isolation:
    """Run what lies between taps alone, and judge it.

    Parameters
    ----------
    runs : Runs
        Of the functions as they are.
    against : str
        The label of the reference; of another one where that has no taps that can be replaced.
    """
    if len(runs.plain) < 2 or not runs.clean:
        return Isolation()  # it is said already why there is nothing to compare
    point = held_at(case, sides, runs, against)
    if len(point.sides) < 2:
        return Isolation(notes={**dict.fromkeys(runs.plain, (ALONE,)), **point.notes})
    return Isolation(_Parts(case, point, cotangent).verdicts(), point.notes)


@dataclass(frozen=True)
class _Parts:
    """The parts of functions whose taps hand on given values."""

    case: Case
    point: Point
    cotangent: DrawnCotangents

    def verdicts(self) -> dict[str, CaseVerdict]:
        """Return the verdict on each part.

        A gradient that several parts contribute to is told apart only where it is wrong: then each
        of them is run with the cotangent of its own end alone.
        """
        whole = self._judged(self.point.held)
        wrong = [name for _, name, _ in whole.disagreements if name in self._slopes]
        if not wrong:
            return {end: self._of(end, whole) for end in self.ends}
        users = {name: [e for e in self.ends if name in self.reached[e]] for name in wrong}
        several = {end for ends in users.values() if len(ends) > 1 for end in ends}
        found = {
            end: self._of(end, self._judged(self._only(end)), self._slopes)
            if end in several
            else self._of(end, whole, [name for name in wrong if users[name] == [end]])
            for end in self.ends
        }
        known = {(pair, name) for one in found.values() for pair, name, _ in one.disagreements}
        for pair, name, _ in whole.disagreements:
            if name in users and (pair, name) not in known:  # no part alone shows it: none is clear
                for end in users[name] or self.ends:
                    found[end] = _with(found[end], whole, pair, name)
        return found

    @cached_property
    def ends(self) -> tuple[str, ...]:
        """The taps, and then the outputs."""
        return (*self.point.held.slopes, *self._outputs)

    @property
    def _outputs(self) -> tuple[str, ...]:
        return tuple(self.point.clean.outputs)

    @cached_property
    def _sources(self) -> tuple[str, ...]:
        """All that has a gradient."""
        return (*self.case.wrt, *self.point.held.slopes)

    @cached_property
    def _slopes(self) -> tuple[str, ...]:
        return self._named(self._sources)

    def _named(self, sources: Iterable[str]) -> tuple[str, ...]:
        return tuple(f"d {name}" for name in sources)

    @cached_property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """By end, what the part before it is made from: where its cotangent alone arrives."""
        reference = self.point.reference
        return {end: self._arrives(end, reference, "clean") for end in self.ends}

    @cached_property
    def reached(self) -> dict[str, tuple[str, ...]]:
        """By end, the gradients that its part has a share in, in any of the functions."""
        found = {}
        for end in self.ends:
            others = [self._arrives(end, side, "plain") for side in self.point.sides.values()]
            found[end] = self._named(dict.fromkeys((*self.reads[end], *chain(*others))))
        return found

    def _arrives(self, end: str, side: Side, way: Literal["plain", "clean"]) -> tuple[str, ...]:
        """Return where the cotangent of one end arrives; everywhere, where a function fails."""
        alone = side.holding(self.point.values, self._only(end))
        one = attempted(partial(getattr(alone, way), self.case.dtype), None)
        if one is None:
            return self._sources
        slopes = {**one.gradients, **one.slopes}
        return tuple(n for n in self._sources if n in slopes and np.any(slopes[n] != 0))

    def _only(self, end: str) -> Held:
        """Return taps and outputs of which one alone hands a gradient back."""
        slopes = self.point.held.slopes.items()
        return Held(
            {name: slope if name == end else np.zeros_like(slope) for name, slope in slopes},
            frozenset(self._outputs) - {end},
        )

    def _judged(self, held: Held) -> CaseVerdict:
        values = self.point.values
        sides = {label: one.holding(values, held) for label, one in self.point.sides.items()}
        runs = run(self.case, sides)
        return judged(self.case, sides, runs, self.point.against, ONCE, self.cotangent)

    def _of(self, end: str, verdict: CaseVerdict, slopes: Collection[str] = ()) -> CaseVerdict:
        """Return what a verdict says of one part: its value, and the gradients that it gives."""
        read = self.reads[end]
        told = self._named(read)
        return replace(
            _narrowed(verdict, {end, *told, *slopes}),
            case=replace(self.case, name=f"{self.case.name}/{end}"),
            edges={end: read},
            # A gradient that a part does not give is zero, which is no weak check of it.
            sensitivity={n: one for n, one in verdict.sensitivity.items() if n in told},
        )


def _narrowed(verdict: CaseVerdict, names: Collection[str]) -> CaseVerdict:
    """Return a verdict on some tensors alone."""

    def kept(by: Mapping[str, T]) -> dict[str, T]:
        return {name: one for name, one in by.items() if name in names}

    return replace(
        verdict,
        comparisons={pair: kept(by) for pair, by in verdict.comparisons.items()},
        witnesses={pair: kept(by) for pair, by in verdict.witnesses.items()},
        findings={pair: kept(by) for pair, by in verdict.findings.items()},
        divergences={pair: kept(by) for pair, by in verdict.divergences.items()},
        groups=kept(verdict.groups),
        unearned={label: {*by} & {*names} for label, by in verdict.unearned.items()},
        stages={},
    )


def _with(part: CaseVerdict, whole: CaseVerdict, pair: Pair, name: str) -> CaseVerdict:
    """Return a verdict with what the whole says of one tensor of a pair."""
    one = _narrowed(whole, {name})
    comparisons = _joined(part.comparisons, one.comparisons, pair)
    findings = _joined(part.findings, one.findings, pair)
    groups = {**part.groups, **one.groups}
    return replace(part, comparisons=comparisons, findings=findings, groups=groups)


def _joined(
    mine: Mapping[Pair, Mapping[str, T]], theirs: Mapping[Pair, Mapping[str, T]], pair: Pair
) -> dict[Pair, Mapping[str, T]]:
    return {**mine, pair: {**mine.get(pair, {}), **theirs.get(pair, {})}}
