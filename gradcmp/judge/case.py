"""Recordings of one case in, its verdict out: every tensor of every pair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np

from gradcmp.case import Auto, Case, Ulp
from gradcmp.graph import Graph, build
from gradcmp.graph.records import STEP, Outline
from gradcmp.judge.auto.judge import NoiseJudge
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.determinism import same_bits
from gradcmp.judge.diagnose.arbitration import grouped
from gradcmp.judge.diagnose.body import Body, GraphBody
from gradcmp.judge.diagnose.divergence import divergences
from gradcmp.judge.diagnose.investigation import Investigation, reconsidered
from gradcmp.judge.elementwise.arrays import compare, compare_named
from gradcmp.judge.fixed import NO_REFERENCE, FixedJudge, without_noise
from gradcmp.judge.nonfinite import (
    by_convention,
    nonfinite,
    warned,
    without_conventions,
)
from gradcmp.judge.sides import INTEGRAL, Side, compare_required
from gradcmp.judge.tensor_judge import TensorJudge
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Array, Outcome, Recording


def judge(
    case: Case,
    reference: str,
    outcomes: Mapping[str, Outcome],
    twins: Mapping[str, Outcome] | None = None,
    pairs: Iterable[Pair] | None = None,
    graph: Graph | None = None,
) -> CaseVerdict:
    """Compare every pair of recordings, those with the reference first.

    For each pair: the values of the named nodes in the order of the graph, then the gradients of
    named nodes and of the inputs in `Case.wrt`, from the output back. A tensor that a side lacks
    or has beyond what the case asks for disagrees, and so does one that is not in the dtype that
    its recording declares. Inputs are no results: one appears only where the two backends were
    not given the same numbers, up to a cast.

    Parameters
    ----------
    reference : str
        The label of the float64 reference, which may have failed.
    outcomes : mapping of str to Recording or Failure
        By label, in the order of the case.
    twins : mapping of str to Recording or Failure, optional
        Under tolerance auto, the same backends in float64, by the same labels.
    pairs : iterable of Pair, optional
        Only these; the first are looked into first.
    graph : Graph, optional
        That of the case, where it is known already.

    Raises
    ------
    GraphError
        When the case has no valid graph.
    """
    body = GraphBody(graph or build(case))
    return judge_body(case, body, reference, outcomes, twins or {}, pairs)


def judge_body(
    case: Case,
    body: Body,
    reference: str,
    outcomes: Mapping[str, Outcome],
    twins: Mapping[str, Outcome],
    pairs: Iterable[Pair] | None = None,
) -> CaseVerdict:
    """Judge a graph, or somebody's code, as `judge` does."""
    with np.errstate(all="ignore"):  # infinities are findings, not warnings
        return _judge(case, body, reference, outcomes, twins, pairs)


def _judge(
    case: Case,
    body: Body,
    reference: str,
    outcomes: Mapping[str, Outcome],
    twins: Mapping[str, Outcome],
    pairs: Iterable[Pair] | None,
) -> CaseVerdict:
    """Judge with one convention for NaN in inputs, then say where there are others."""
    known = outcomes.get(reference)
    masks = body.conventions(known) if isinstance(known, Recording) else {}
    if not masks or not isinstance(known, Recording):
        return _judged(case, body, reference, outcomes, twins, pairs)
    alike, fine = (without_conventions(side, known, masks) for side in (outcomes, twins))
    found = _judged(case, body, reference, alike, fine, pairs)
    return replace(
        found,
        outcomes={label: outcomes[label] for label in found.outcomes},
        twins=twins,
        comparisons={
            pair: by_convention(pair, by, outcomes, masks) for pair, by in found.comparisons.items()
        },
    )


def _judged(
    case: Case,
    body: Body,
    reference: str,
    outcomes: Mapping[str, Outcome],
    twins: Mapping[str, Outcome],
    pairs: Iterable[Pair] | None,
) -> CaseVerdict:
    labels = sorted(outcomes, key=lambda label: label != reference)  # stable: the rest as it was
    ordered = {label: outcomes[label] for label in labels}
    recordings = {label: o for label, o in ordered.items() if isinstance(o, Recording)}
    outline, known = body.outline, recordings.get(reference)
    rule = _rule_of(case, body, known, recordings, twins)
    if pairs is None:
        pairs = [Pair(actual, expected) for expected, actual in combinations(recordings, 2)]
    strange = nonfinite(outline, recordings)
    comparisons = {
        pair: warned(pair, _compare(case, outline, pair, recordings, rule), strange)
        for pair in pairs
    }
    first = {pair: divergences(outline, by) for pair, by in comparisons.items()}
    verdict = CaseVerdict(
        case,
        reference,
        ordered,
        comparisons,
        divergences=first,
        edges=outline.reads,
        twins=twins,
    )
    if known is None:
        lost = isinstance(case.tolerance, Auto) and recordings
        return replace(verdict, not_auto=NO_REFERENCE if lost else "")
    insight = body.insight(known)
    investigation = Investigation(outline, insight, reference, recordings, rule)
    findings = investigation.findings(comparisons)
    comparisons = {
        pair: reconsidered(by, findings.get(pair, {})) for pair, by in comparisons.items()
    }
    return replace(
        verdict,
        comparisons=comparisons,
        findings=findings,
        groups=grouped(recordings, comparisons, findings),
        sensitivity=investigation.sensitivity(),
        unearned=rule.unearned if isinstance(rule, NoiseJudge) else {},
    )


def _rule_of(
    case: Case,
    body: Body,
    reference: Recording | None,
    recordings: Mapping[str, Recording],
    twins: Mapping[str, Outcome],
) -> TensorJudge:
    """Return what tensors are measured with: a tolerance, or noise."""
    tolerance = case.tolerance
    if isinstance(tolerance, Auto) and reference is not None:
        fine = {label: twin for label, twin in twins.items() if isinstance(twin, Recording)}
        return NoiseJudge(body.noise(reference), recordings, fine)
    # Without the reference there is no noise to know: the table by dtype serves.
    return FixedJudge(without_noise(tolerance), recordings)


def _compare(
    case: Case, outline: Outline, pair: Pair, recordings: Mapping[str, Recording], rule: TensorJudge
) -> dict[str, Comparison]:
    """Compare what both recordings must have, and whatever else either has."""
    nodes = tuple(outline.reads)
    both = [(label, recordings[label]) for label in (pair.actual, pair.expected)]
    sides = tuple(Side(label, r.dtype, r.tensors) for label, r in both)
    values, gradients = [r.values for _, r in both], [r.gradients for _, r in both]
    differentiable = [name for name in (*case.wrt, *nodes) if _is_real(name, values)]
    names = [
        *_names(nodes, case.inputs, values),
        *(f"d {name}" for name in _names(reversed(differentiable), case.inputs, gradients)),
    ]
    given = (name for name in case.inputs if not _is_given(name, sides))
    held = {name: _compare_input(name, sides) for name in given}
    strays = {name: one for name, one in held.items() if not one.agrees}
    return strays | compare_required(names, sides, partial(rule.compare, pair))


def _names(
    needed: Iterable[str], inputs: Iterable[str], arrays: Sequence[Mapping[str, Array]]
) -> Iterator[str]:
    """Return what must be there, then what else is; steps inside expressions are not compared."""
    known = dict.fromkeys(needed)
    yield from known
    beside = {*known, *inputs}
    extra = dict.fromkeys(name for side in arrays for name in side if name not in beside)
    yield from (name for name in extra if STEP not in name)


def _is_real(name: str, values: Sequence[Mapping[str, Array]]) -> bool:
    """Whether a value has a gradient; one that nobody has must be missed there too."""
    kinds = {side[name].dtype.kind for side in values if name in side}
    return not kinds or not kinds <= {*INTEGRAL}


def _is_given(name: str, sides: tuple[Side, ...]) -> bool:
    """Whether both sides surely have the same input: one is the other, or its plain cast."""
    arrays = [side.arrays.get(name) for side in sides]
    if any(a is None or s.stray_dtype(name) for a, s in zip(arrays, sides, strict=True)):
        return False
    actual, expected = arrays
    if actual is None or expected is None or actual.shape != expected.shape:
        return False
    with np.errstate(all="ignore"):
        cast = expected.astype(actual.dtype) if actual.dtype.kind in "fV" else expected
    return same_bits(actual, cast)


def _compare_input(name: str, sides: tuple[Side, ...]) -> Comparison:
    """Make sure that both sides were given the same numbers, each in its own dtype."""
    same_dtype = len({side.dtype for side in sides}) == 1
    # Casts from float64 and from an already rounded number differ by one step at most.
    tolerance = Ulp(0 if same_dtype else 1)
    comparison = compare_required([name], sides, partial(compare_named, tolerance=tolerance))[name]
    if comparison.agrees:
        return comparison
    if comparison.total:  # the same shape and kind: look past overflow and underflow in a cast
        actual, expected = (side.arrays[name] for side in sides)
        rest = ~(_casts_to(actual, expected) | _casts_to(expected, actual))
        comparison = replace(
            comparison, verdict=compare(actual[rest], expected[rest], tolerance).verdict
        )
    detail = f"not the same input: {comparison.verdict.detail or 'its numbers differ'}"
    return replace(comparison, verdict=replace(comparison.verdict, detail=detail))


def _casts_to(fine: Array, coarse: Array) -> Array:
    """Find the elements of `fine` that are those of `coarse` once in its dtype."""
    with np.errstate(all="ignore"):
        cast = fine.astype(coarse.dtype)
        same: Array = (cast == coarse) | ((cast != cast) & (coarse != coarse))
    return same
