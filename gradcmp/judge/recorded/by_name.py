"""Two sets of tensors held together by name: what both have, what is missing, what is unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from gradcmp.graph.records import STEP
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.diagnose.divergence import GRADIENT
from gradcmp.judge.recorded.proposals import propose
from gradcmp.judge.sides import Side, compare_required
from gradcmp.judge.tensor_judge import TensorJudge
from gradcmp.judge.verdict import Pair
from gradcmp.recording import Origin, Recording


@dataclass(frozen=True)
class Named:
    """What two sets of tensors are to each other.

    Attributes
    ----------
    comparisons : mapping of str to Comparison
        In the order of the expected side.
    not_given : tuple of str
        What a recording has and arrays of one's own leave out: they say nothing of it.
    """

    comparisons: Mapping[str, Comparison]
    not_given: tuple[str, ...]


def compare_by_name(
    pair: Pair, recordings: Mapping[str, Recording], rule: TensorJudge, only: Sequence[str]
) -> Named:
    """Compare whatever either side has.

    Parameters
    ----------
    recordings : mapping of str to Recording
        Both sides by label, with the same names for the same tensors.
    only : sequence of str
        The tensors to compare, which both must have; empty: all.
    """
    actual, expected = recordings[pair.actual], recordings[pair.expected]
    sides = (
        Side(pair.actual, actual.dtype, actual.tensors),
        Side(pair.expected, expected.dtype, expected.tensors),
    )
    results = _results(actual) | _results(expected)
    names = [
        name
        for name in {**sides[1].arrays, **sides[0].arrays}
        if name in results and (not only or name in only)
    ]
    unknown = () if only else tuple(name for name in names if _is_unknown(name, actual, expected))
    chosen = [name for name in names if name not in unknown]
    compared = compare_required(chosen, sides, partial(rule.compare, pair))
    mapped = propose(sides[0].arrays, {n: a for n, a in sides[1].arrays.items() if n in results})
    told = tuple(name for name in unknown if _is_asked_for(name, expected, actual))
    return Named({n: _with_way_out(one, mapped.get(n)) for n, one in compared.items()}, told)


def _is_unknown(name: str, actual: Recording, expected: Recording) -> bool:
    """Whether arrays of one's own leave out what nobody asked them for.

    A recording has every value and gradient of its graph. Who gives gradients and leaves out one
    that the case differentiates with respect to has lost it; all else may be left out.
    """
    if actual.origin and not expected.origin:
        return name not in expected.tensors and not _is_owed(name, expected, actual.origin)
    if expected.origin and not actual.origin:
        return name not in actual.tensors and not _is_owed(name, actual, expected.origin)
    return False


def _is_asked_for(name: str, *sides: Recording) -> bool:
    """Whether it is more than a gradient of an input that the case does not differentiate by."""
    aside = {
        GRADIENT + one
        for side in sides
        if side.origin
        for one in side.origin.case.inputs.keys() - {*side.origin.case.wrt}
    }
    return name not in aside


def _is_owed(name: str, loose: Recording, origin: Origin) -> bool:
    owed = {GRADIENT + one for one in origin.case.wrt}
    return name in owed and any(one.startswith(GRADIENT) for one in loose.tensors)


def _results(recording: Recording) -> set[str]:
    """Name the tensors of a recording that are neither inputs nor steps inside expressions."""
    if recording.origin is None:
        return set(recording.tensors)
    inputs = recording.origin.case.inputs
    return {name for name in recording.tensors if name not in inputs and STEP not in name}


def _with_way_out(comparison: Comparison, way_out: str | None) -> Comparison:
    """Return a comparison that says, where a tensor is missing, what may be meant."""
    verdict = comparison.verdict
    if way_out is None or verdict.reason != "missing":
        return comparison
    return replace(comparison, verdict=replace(verdict, detail=f"{verdict.detail}. {way_out}"))
