"""Recordings of one case in, its verdict out: every tensor of every pair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from gradcmp.case import Case, Tolerance, Ulp
from gradcmp.graph import build
from gradcmp.graph.records import STEP
from gradcmp.judge.compare import compare
from gradcmp.judge.records import CaseVerdict, Comparison, Pair, Reason, Verdict
from gradcmp.judge.tolerance import EXACT
from gradcmp.recording import Array, Outcome, Recording


def judge(case: Case, reference: str, outcomes: Mapping[str, Outcome]) -> CaseVerdict:
    """Hold every pair of recordings together, those with the reference first.

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

    Raises
    ------
    GraphError
        When the case has no valid graph.
    """
    labels = sorted(outcomes, key=lambda label: label != reference)  # stable: the rest as it was
    ordered = {label: outcomes[label] for label in labels}
    recordings = {label: o for label, o in ordered.items() if isinstance(o, Recording)}
    nodes = tuple(node.name for node in build(case).named)
    comparisons = {
        Pair(actual, expected): _compare(
            case, nodes, (actual, expected), recordings[actual], recordings[expected]
        )
        for expected, actual in combinations(recordings, 2)
    }
    return CaseVerdict(case, reference, ordered, comparisons)


@dataclass(frozen=True)
class _Side:
    """One recording's arrays of one kind: values or gradients."""

    label: str
    dtype: str
    arrays: Mapping[str, Array]

    def stray_dtype(self, name: str) -> str | None:
        """Say that a real tensor is not in the dtype that the recording declares."""
        found = self.arrays[name].dtype
        if found.kind in INTEGRAL or found.name == self.dtype:
            return None
        return f"{self.label} declares {self.dtype}, and this is {found.name}"


INTEGRAL = "iub"  # NumPy's kinds that have no gradient


def _compare(
    case: Case,
    nodes: tuple[str, ...],
    labels: tuple[str, str],
    actual: Recording,
    expected: Recording,
) -> dict[str, Comparison]:
    """Compare what both recordings must have, and whatever else either has."""
    pair = tuple(zip(labels, (actual, expected), strict=True))
    values = tuple(_Side(label, r.dtype, r.values) for label, r in pair)
    gradients = tuple(_Side(label, r.dtype, r.gradients) for label, r in pair)
    found = {}
    for name in case.inputs:
        comparison = _hold_input(name, values)
        if not comparison.agrees:
            found[name] = comparison
    for name in _names(nodes, case.inputs, values):
        found[name] = _hold(name, values, case.tolerance)
    differentiable = [name for name in (*case.wrt, *nodes) if _is_real(name, values)]
    for name in _names(reversed(differentiable), case.inputs, gradients):
        found[f"d {name}"] = _hold(name, gradients, case.tolerance)
    return found


def _names(needed: Iterable[str], inputs: Iterable[str], sides: tuple[_Side, ...]) -> Iterator[str]:
    """Give what must be there, then what else is; steps inside expressions are not compared."""
    known = dict.fromkeys(needed)
    yield from known
    beside = {*known, *inputs}
    extra = dict.fromkeys(name for side in sides for name in side.arrays if name not in beside)
    yield from (name for name in extra if STEP not in name)


def _is_real(name: str, values: tuple[_Side, ...]) -> bool:
    """Whether a value has a gradient; one that nobody has must be missed there too."""
    kinds = {side.arrays[name].dtype.kind for side in values if name in side.arrays}
    return not kinds or not kinds <= {*INTEGRAL}


def _hold(name: str, sides: tuple[_Side, ...], tolerance: Tolerance) -> Comparison:
    """Compare one tensor that both sides must have in the dtype that they declare."""
    having = [side for side in sides if name in side.arrays]
    if len(having) < len(sides):
        return _disagree("missing", f"only {having[0].label} has it" if having else "none has it")
    stray = [text for side in sides if (text := side.stray_dtype(name))]
    if stray:
        return _disagree("dtype", "; ".join(stray))
    actual, expected = (side.arrays[name] for side in sides)
    return compare(actual, expected, tolerance)


def _hold_input(name: str, sides: tuple[_Side, ...]) -> Comparison:
    """Make sure that both sides were given the same numbers, each in its own dtype."""
    same_dtype = len({side.dtype for side in sides}) == 1
    # Casts from float64 and from an already rounded number differ by one step at most.
    tolerance = Ulp(0 if same_dtype else 1)
    comparison = _hold(name, sides, tolerance)
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


def _disagree(reason: Reason, detail: str) -> Comparison:
    return Comparison(Verdict(False, reason, detail), EXACT.text)
