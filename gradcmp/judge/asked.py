"""Recordings in, their verdict out, of a graph or of code: every tensor of every pair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import numpy as np

from gradcmp.case import Auto, Case
from gradcmp.derivatives import ALONG, tangent
from gradcmp.derivatives import names as names_of
from gradcmp.graph.records import STEP
from gradcmp.judge.auto.judge import NoiseJudge
from gradcmp.judge.blame import among
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.conventions.nonfinite import (
    by_convention,
    nonfinite,
    warned,
    without_conventions,
)
from gradcmp.judge.diagnose.arbitration import grouped
from gradcmp.judge.diagnose.body import Body
from gradcmp.judge.diagnose.divergence import divergences
from gradcmp.judge.diagnose.investigation import Investigation, reconsidered
from gradcmp.judge.fixed import NO_REFERENCE, FixedJudge, without_noise
from gradcmp.judge.given import strange_inputs
from gradcmp.judge.sides import INTEGRAL, Side, compare_required, told
from gradcmp.judge.tensor_judge import TensorJudge
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.once import once
from gradcmp.recording import Array, Outcome, Recording


@dataclass(frozen=True)
class _Question:
    """What is to be judged.

    Attributes
    ----------
    outcomes : mapping of str to Recording or Failure
        By label, the reference first.
    pairs : tuple of Pair
        What is asked for.
    witnesses : tuple of Pair
        What tells who is wrong, besides.
    """

    case: Case
    body: Body
    reference: str
    outcomes: Mapping[str, Outcome]
    twins: Mapping[str, Outcome]
    pairs: tuple[Pair, ...]
    witnesses: tuple[Pair, ...]

    @once
    def recordings(self) -> dict[str, Recording]:
        """What can be compared, by label."""
        return recordings_of(self.outcomes)

    @property
    def shown(self) -> dict[str, Outcome]:
        """The outcomes that are asked for; all of them where no witness was brought in."""
        sides = {label for pair in self.pairs for label in (pair.actual, pair.expected)}
        kept = (label for label in self.outcomes if not self.witnesses or label in sides)
        return {label: self.outcomes[label] for label in kept}

    def verdict(self, comparisons: Mapping[Pair, Mapping[str, Comparison]]) -> CaseVerdict:
        """Return the verdict by comparisons alone."""
        return CaseVerdict(
            self.case,
            self.reference,
            self.shown,
            {pair: comparisons[pair] for pair in self.pairs},
            divergences={
                pair: divergences(self.body.outline, comparisons[pair]) for pair in self.pairs
            },
            edges=self.body.outline.reads,
            twins=self.twins,
            witnesses={pair: comparisons[pair] for pair in self.witnesses},
        )


def judge_body(
    case: Case,
    body: Body,
    reference: str,
    outcomes: Mapping[str, Outcome],
    twins: Mapping[str, Outcome],
    pairs: Iterable[Pair] | None = None,
    witnesses: Iterable[Pair] = (),
) -> CaseVerdict:
    """Judge a graph, or somebody's code, as `judge` does."""
    labels = sorted(outcomes, key=lambda label: label != reference)  # stable: the rest as it was
    ordered = {label: outcomes[label] for label in labels}
    if pairs is None:
        both = combinations(recordings_of(ordered), 2)
        pairs = (Pair(actual, expected) for expected, actual in both)
    asked = tuple(pairs)
    beside = tuple(pair for pair in witnesses if pair not in asked)
    with np.errstate(all="ignore"):  # infinities are findings, not warnings
        return _judge(_Question(case, body, reference, ordered, twins, asked, beside))


def compared(
    case: Case,
    body: Body,
    reference: str,
    outcomes: Mapping[str, Outcome],
    twins: Mapping[str, Outcome],
    pairs: Iterable[Pair],
) -> dict[Pair, dict[str, Comparison]]:
    """Compare pairs as `judge` does, and look into nothing; pairs without recordings are left out.

    A reference that has failed leaves the table by dtype.
    """
    asked = _Question(case, body, reference, outcomes, twins, tuple(pairs), ())
    rule, held = _rule_of(asked), asked.recordings
    with np.errstate(all="ignore"):
        return {
            pair: _compare(asked, pair, rule)
            for pair in asked.pairs
            if pair.actual in held and pair.expected in held
        }


def recordings_of(outcomes: Mapping[str, Outcome]) -> dict[str, Recording]:
    """Return the outcomes that are recordings."""
    return {label: one for label, one in outcomes.items() if isinstance(one, Recording)}


def _judge(asked: _Question) -> CaseVerdict:
    """Judge with one convention for NaN in inputs, then say where there are others."""
    known = asked.recordings.get(asked.reference)
    masks = asked.body.conventions(known) if known else {}
    if not masks or not known:
        return _judged(asked)
    alike, fine = (
        without_conventions(side, known, masks) for side in (asked.outcomes, asked.twins)
    )
    found = _judged(replace(asked, outcomes=alike, twins=fine))
    return replace(
        found,
        outcomes=asked.shown,
        twins=asked.twins,
        comparisons={
            pair: by_convention(pair, by, asked.outcomes, masks)
            for pair, by in found.comparisons.items()
        },
    )


def _judged(asked: _Question) -> CaseVerdict:
    """Compare, look into what disagrees, and see it again in that light."""
    rule = _rule_of(asked)
    strange = nonfinite(asked.body.outline, asked.recordings)
    compared = {
        pair: warned(pair, _compare(asked, pair, rule), strange)
        for pair in (*asked.pairs, *asked.witnesses)
    }
    verdict = asked.verdict(compared)
    known = asked.recordings.get(asked.reference)
    if known is None:
        lost = isinstance(asked.case.tolerance, Auto) and asked.recordings
        return replace(verdict, not_auto=NO_REFERENCE if lost else "")
    outline, insight = asked.body.outline, asked.body.insight(known)
    investigation = Investigation(outline, insight, asked.reference, asked.recordings, rule)
    findings = investigation.findings(compared)
    compared = {pair: reconsidered(by, findings.get(pair, {})) for pair, by in compared.items()}
    groups = grouped(asked.recordings, compared, findings)
    parts = {*outline.whole, *(f"d {name}" for name in outline.whole)}
    compared = {pair: told(by, parts) for pair, by in compared.items()}
    return replace(
        verdict,
        comparisons={pair: compared[pair] for pair in asked.pairs},
        witnesses={pair: compared[pair] for pair in asked.witnesses},
        findings={pair: by for pair, by in findings.items() if pair in asked.pairs},
        groups=among(groups, asked.shown) if asked.witnesses else groups,
        sensitivity=investigation.sensitivity(),
        unearned=rule.unearned if isinstance(rule, NoiseJudge) else {},
    )


def _rule_of(asked: _Question) -> TensorJudge:
    """Return what tensors are measured with: a tolerance, or noise."""
    tolerance, known = asked.case.tolerance, asked.recordings.get(asked.reference)
    if isinstance(tolerance, Auto) and known is not None:
        source, fine = asked.body.noise(known), recordings_of(asked.twins)
        return NoiseJudge(source, asked.reference, asked.recordings, fine)
    # Without the reference there is no noise to know: the table by dtype serves.
    return FixedJudge(without_noise(tolerance), asked.recordings)


def _compare(asked: _Question, pair: Pair, rule: TensorJudge) -> dict[str, Comparison]:
    """Compare what both recordings must have, and whatever else either has."""
    case, nodes = asked.case, tuple(asked.body.outline.reads)
    both = [(label, asked.recordings[label]) for label in (pair.actual, pair.expected)]
    sides = tuple(Side(label, r.dtype, r.tensors) for label, r in both)
    values, gradients = [r.values for _, r in both], [r.gradients for _, r in both]
    differentiable = [name for name in (*case.wrt, *nodes) if _is_real(name, values)]
    lone = [_lone(asked.body.optional, arrays) for arrays in (values, gradients)]
    smooth = [name for name in asked.body.outline.outputs if _is_real(name, values)]
    beyond = names_of(case.derivative, smooth, case.wrt)
    along = case.derivative in ALONG and bool(case.graph)  # functions draw it themselves
    given = [*case.inputs, *(tangent(one) for one in case.wrt if along)]
    needed = _names(nodes, {*given, *beyond}, values)
    slopes = _names(reversed(differentiable), case.inputs, gradients)
    names = [name for name in needed if name not in lone[0]]
    names += [*(f"d {name}" for name in slopes if name not in lone[1]), *beyond]
    return strange_inputs(given, sides) | compare_required(
        names, sides, partial(rule.compare, pair)
    )


def _names(
    needed: Iterable[str], inputs: Iterable[str], arrays: Sequence[Mapping[str, Array]]
) -> Iterator[str]:
    """Return what must be there, then what else is; steps inside expressions are not compared."""
    known = dict.fromkeys(needed)
    yield from known
    beside = {*known, *inputs}
    extra = dict.fromkeys(name for side in arrays for name in side if name not in beside)
    yield from (name for name in extra if STEP not in name)


def _lone(optional: Iterable[str], arrays: Sequence[Mapping[str, Array]]) -> set[str]:
    """Return what need not be there, and is not on every side."""
    return {name for name in optional if not all(name in side for side in arrays)}


def _is_real(name: str, values: Sequence[Mapping[str, Array]]) -> bool:
    """Whether a value has a gradient; one that nobody has must be missed there too."""
    kinds = {side[name].dtype.kind for side in values if name in side}
    return not kinds or not kinds <= {*INTEGRAL}
