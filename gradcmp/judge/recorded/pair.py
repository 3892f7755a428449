"""Saved recordings in, verdicts out: two of them, or many against their golden ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from gradcmp.case import Auto, Case, Tolerance
from gradcmp.errors import GraphError, NothingComparedError, UsageError, did_you_mean
from gradcmp.graph import build
from gradcmp.judge.conventions.nonfinite import nonfinite, warned
from gradcmp.judge.diagnose.arbitration import grouped
from gradcmp.judge.diagnose.divergence import divergences
from gradcmp.judge.diagnose.investigation import reconsidered
from gradcmp.judge.fixed import NO_GRAPH, NO_INPUTS, OF_CODE, TWO_GRAPHS, FixedJudge, without_noise
from gradcmp.judge.recorded.by_name import compare_by_name
from gradcmp.judge.recorded.complex_parts import split
from gradcmp.judge.recorded.plain_arrays import look_into, loose_rule
from gradcmp.judge.recorded.same_case import judge_saved
from gradcmp.judge.recorded.without_graph import doubted, explain, warned_of_nonfinite
from gradcmp.judge.sides import told
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Array, Origin, Outcome, Recording

GOLDEN = " (golden)"

# The case, recordings by label, the tolerance, and the pairs that are asked for.
Judged: TypeAlias = Callable[
    [Origin, Mapping[str, Recording], Tolerance, Sequence[Pair]], CaseVerdict
]


@dataclass(frozen=True)
class Names:
    """How two sets of tensors are matched.

    Attributes
    ----------
    renamed : mapping of str to str
        What the expected side calls a tensor or an input of the actual side.
    only : tuple of str
        The tensors to compare, as the expected side calls them; empty: all.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()

    def require_known(self, actual: Recording, expected: Recording) -> None:
        """Refuse a name that neither recording has: it would silently do nothing.

        Raises
        ------
        UsageError
        """
        theirs, ours = expected.tensors, self.apply(actual.tensors)
        for old, new in self.renamed.items():
            if old not in actual.tensors:
                raise UsageError(f"no tensor is called '{old}'", way_out=_near(old, actual.tensors))
            if new not in theirs:
                raise UsageError(f"no tensor is called '{new}'", way_out=_near(new, theirs))
        for name in self.only:
            if name not in {**theirs, **ours}:
                raise UsageError(f"no tensor is called '{name}'", way_out=_near(name, theirs))

    def turned(self, actual: Recording, expected: Recording) -> tuple[Names, Recording]:
        """Return the expected side by the names of the actual one, and how to match the two then.

        Raises
        ------
        UsageError
            When neither has a name, or a name is taken.
        """
        replace(self, only=()).require_known(actual, expected)
        back = {new: old for old, new in self.renamed.items()}
        chosen = tuple(back.get(name, name) for name in self.only)
        return Names(only=chosen), Names(back).rename(expected)

    def choose(self, verdict: CaseVerdict) -> CaseVerdict:
        """Leave only these tensors in the verdict on one pair.

        Raises
        ------
        NothingComparedError
            When none is left.
        """
        if not self.only:
            return verdict
        ((pair, by),) = verdict.comparisons.items()
        chosen = {name: held for name, held in by.items() if name in self.only}
        if not chosen:
            raise _nothing(str(pair))
        parted = verdict.divergences.get(pair, {})
        told = {name: one for name, one in verdict.findings.get(pair, {}).items() if name in chosen}
        return replace(
            verdict,
            comparisons={pair: chosen},
            findings={pair: told} if told else {},
            groups={name: one for name, one in verdict.groups.items() if name in chosen},
            divergences={pair: {n: one for n, one in parted.items() if n in chosen}},
            sensitivity={name: one for name, one in verdict.sensitivity.items() if name in chosen},
        )

    def apply(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Return arrays by the names that the expected side has for them.

        Raises
        ------
        UsageError
            When a new name is taken.
        """
        found: dict[str, Array] = {}
        for name, array in arrays.items():
            new = self.renamed.get(name, name)
            if new in found:
                raise UsageError(f"two tensors would be called '{new}'", way_out="Map both")
            found[new] = array
        return found

    def rename(self, recording: Recording) -> Recording:
        """Return a recording whose tensors are called as on the expected side."""
        if not self.renamed:
            return recording
        return replace(recording, values=self.apply(recording.tensors), gradients={})


ALL = Names()
NOT_AUTO = (NO_GRAPH, NO_INPUTS, TWO_GRAPHS)  # by how many of the two say what case they are of


def judge_pair(
    pair: Pair,
    actual: Recording,
    expected: Recording,
    tolerance: Tolerance,
    names: Names = ALL,
    title: str = "",
    of_one_case: Judged = judge_saved,
) -> CaseVerdict:
    """Compare two saved recordings.

    Recordings of the same case are judged as in a run. Others, and arrays without a case, by
    every tensor that either has; inputs and the steps inside expressions are not results. Of
    these, arrays that are held against a recording, on whichever side it stands, are judged by the
    noise of its case under tolerance auto, and called as it calls them; for others, whose graph is
    not known or not the same, the table by dtype serves.

    Parameters
    ----------
    title : str
        What to call it if it is not one case; empty: by the pair.
    of_one_case : callable
        Judges recordings of one case; `gradcmp.functions.saved.judge.judge_recorded` those of
        functions, too.

    Raises
    ------
    UsageError
        When `names` do not fit.
    NothingComparedError
        When nothing is left to compare.
    RecordingError
        As `judge_saved`.
    """
    if expected.origin and same_question(actual, expected) and not names.renamed:
        names.require_known(actual, expected)
        both = {pair.expected: expected, pair.actual: actual}
        verdict = of_one_case(expected.origin, both, tolerance, [pair])
        return replace(names.choose(verdict), reference=pair.expected)
    if actual.origin and not expected.origin:
        names, expected = names.turned(actual, expected)
    names.require_known(actual, expected)
    sides, parted = split(pair, {pair.actual: names.rename(actual), pair.expected: expected})
    rule = loose_rule(sides) if isinstance(tolerance, Auto) else None
    plain = FixedJudge(without_noise(tolerance), sides)
    with np.errstate(all="ignore"):  # infinities are findings, not warnings
        named = compare_by_name(pair, sides, rule or plain, names.only)
        comparisons = (
            warned(pair, named.comparisons, nonfinite(rule.graph, _known(sides)))
            if rule
            else warned_of_nonfinite(pair, named.comparisons, sides)
        )
        findings = (
            look_into(rule, pair, comparisons)
            if rule
            else explain(plain, pair, comparisons, parted)
        )
        comparisons = reconsidered(comparisons, findings.get(pair, {}))
        if not rule:
            comparisons = doubted(comparisons, findings.get(pair, {}))
        comparisons = told(comparisons, parted)
    if not comparisons:
        raise _nothing(str(pair))
    case = Case(title or str(pair), inputs={}, graph={}, output="", wrt=(), backends=())
    origins = [r.origin for r in (expected, actual) if r.origin is not None]
    if len(origins) == 1 or same_question(actual, expected):
        case = origins[0].case
    return CaseVerdict(
        replace(case, tolerance=tolerance if rule else plain.tolerance),
        pair.expected,
        {label: sides[label] for label in (pair.expected, pair.actual)},
        {pair: comparisons},
        findings,
        grouped(sides, {pair: comparisons}, findings),
        {pair: divergences(rule.graph, comparisons)} if rule else {},
        edges=_edges(case),
        not_given={pair: named.not_given} if named.not_given else {},
        not_auto="" if rule or not isinstance(tolerance, Auto) else _not_auto(origins),
    )


def _not_auto(origins: Sequence[Origin]) -> str:
    """Return why the table judges, by what the two say of their case."""
    if len(origins) == 1 and origins[0].case.code:
        return OF_CODE
    return NOT_AUTO[len(origins)]


def _known(sides: Mapping[str, Recording]) -> dict[str, Recording]:
    """Return the sides that say what case they are of."""
    return {label: one for label, one in sides.items() if one.origin}


def _edges(case: Case) -> Mapping[str, tuple[str, ...]]:
    """Return what each node reads; nothing for a graph that is not one."""
    try:
        return build(case).reads if case.graph else {}
    except GraphError:
        return {}


def judge_against_golden(
    origin: Origin,
    outcomes: Mapping[str, Outcome],
    golden: Mapping[str, Recording],
    of_one_case: Judged = judge_saved,
) -> CaseVerdict:
    """Compare each backend with the recording that it left earlier.

    Another version may sum in another order: under tolerance auto the noise of both is allowed,
    and with both in float64 a loud difference is told from digits that one of them lost.

    Parameters
    ----------
    origin : Origin
        Its case brings the tolerance.
    outcomes : mapping of str to Recording or Failure
        By label. One that failed stays in the verdict as it is.
    golden : mapping of str to Recording
        By the same labels: one for each recording in `outcomes`.
    of_one_case : callable
        As in `judge_pair`.
    """
    shown: dict[str, Outcome] = {}
    for label, outcome in outcomes.items():
        shown[label] = outcome
        if isinstance(outcome, Recording):
            shown[label + GOLDEN] = golden[label]
    there = {label: one for label, one in shown.items() if isinstance(one, Recording)}
    pairs = [Pair(label, label + GOLDEN) for label in outcomes if label + GOLDEN in there]
    verdict = of_one_case(origin, there, origin.case.tolerance, pairs)
    return replace(verdict, reference="", outcomes=shown)


def same_question(actual: Recording, expected: Recording) -> bool:
    """Whether both answer the same graph on the same inputs."""
    a, e = actual.origin, expected.origin
    return a is not None and e is not None and not a.difference(e)


def _nothing(pair: str) -> NothingComparedError:
    return NothingComparedError(
        f"{pair} have no tensor to compare", way_out="Record values or gradients"
    )


def _near(name: str, known: Mapping[str, Array]) -> str | None:
    return did_you_mean(name, known)
