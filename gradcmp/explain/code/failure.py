"""The one comparison that a script shows: of two functions, one tensor, at one element."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gradcmp.case import CodeSpec, DType
from gradcmp.derivatives import is_derived
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Account, Array, Recording


@dataclass(frozen=True)
class Run:
    """One of the two runs.

    Attributes
    ----------
    label : str
        Of the function in the case.
    """

    label: str
    spec: CodeSpec
    dtype: DType


@dataclass(frozen=True)
class Failure:
    """What does not agree, and all that it takes to see it again.

    Attributes
    ----------
    name : str
        The tensor, as on screen.
    inputs, cotangents : mapping of str to array
        In float64, as the functions were given them.
    """

    verdict: CaseVerdict
    pair: Pair
    name: str
    comparison: Comparison
    actual: Run
    expected: Run
    inputs: Mapping[str, Array]
    cotangents: Mapping[str, Array]
    wrt: tuple[str, ...]


def failure_in(verdict: CaseVerdict) -> Failure | None:
    """Return the comparison to show: of outputs and gradients, the first that is looked into.

    None where nothing disagrees but values inside of functions, which only a run of gradcmp sees,
    and where the case is not of functions.
    """
    if not verdict.case.code:
        return None
    found = [
        (pair, name, one)
        for pair, name, one in verdict.unexpected
        if name in _visible(verdict)
        and all(_is_written(one, verdict) for one in (pair.actual, pair.expected))
    ]
    if not found:
        return None
    first = verdict.reference
    pair, name, comparison = min(
        found, key=lambda one: (one[0].expected != first, not one[2].worst)
    )
    base = verdict.recordings.get(first, verdict.recordings[pair.expected])
    account = base.account or Account(())
    given = {*verdict.case.inputs, *account.parameters}
    return Failure(
        verdict,
        pair,
        name,
        comparison,
        _run(pair.actual, verdict),
        _run(pair.expected, verdict),
        {one: base.values[one] for one in base.values if one in given},
        {one: base.gradients[one] for one in account.outputs if one in base.gradients},
        tuple(one for one in verdict.case.wrt if one in given),
    )


def _is_written(label: str, verdict: CaseVerdict) -> bool:
    """Whether a side is a function of the case that a script can call: none in an autocast."""
    spec = verdict.case.code.get(_label(label, verdict))
    return spec is not None and not spec.autocast


def _visible(verdict: CaseVerdict) -> set[str]:
    """Return the tensors that whoever calls a function and differentiates once sees."""
    found: set[str] = set()
    for one in verdict.recordings.values():
        if one.account:
            found |= {*one.account.outputs, *(f"d {name}" for name in one.account.wrt)}
    return {name for name in found if not is_derived(name)}


def _label(label: str, verdict: CaseVerdict) -> str:
    """Return the function that a recording is of: the reference is a run of one of them."""
    return label.removesuffix(",dtype=float64") if label == verdict.reference else label


def _run(label: str, verdict: CaseVerdict) -> Run:
    recording: Recording = verdict.recordings[label]
    own = _label(label, verdict)
    return Run(own, verdict.case.code[own], recording.dtype)  # type: ignore[arg-type]
