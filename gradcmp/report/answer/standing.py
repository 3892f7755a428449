"""Who stands where at the worst element: groups of backends, their values, how far apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gradcmp.judge.comparison import STAYS, Comparison
from gradcmp.judge.verdict import CaseVerdict
from gradcmp.report.words.faults import Fault
from gradcmp.report.words.figures import DIGITS, USUAL, beside, multiple, short, ulp
from gradcmp.report.words.places import holds

FEW = 6  # labels of one group that are named


@dataclass(frozen=True)
class Standing:
    """Backends that computed the same, and what they have at an element.

    Attributes
    ----------
    value : str
        To as many digits as it takes for a reader's own subtraction to be right.
    mark : (int, int)
        From where to where its digits differ from those of the first group.
    wrong : bool
        Whether they are known to be wrong.
    """

    labels: tuple[str, ...]
    value: str
    mark: tuple[int, int]
    wrong: bool


def standings(verdict: CaseVerdict, fault: Fault) -> list[Standing]:
    """Return the groups at the worst element of a fault, those that are wrong first."""
    pair, name, comparison = fault.worst
    if comparison.worst is None:
        return []
    at = comparison.worst.index
    found = verdict.groups.get(name)
    sides = [(label,) for label in (pair.actual, pair.expected)]
    groups = [group.labels for group in found.groups] if found else sides
    if len({group for group in groups if {*group} & {pair.actual, pair.expected}}) < len(sides):
        groups = sides  # nobody else has been grouped by this
    groups = sorted(groups, key=lambda group: group[0] not in fault.wrong)  # stable
    known = {pair.actual: comparison.worst.actual, pair.expected: comparison.worst.expected}
    shown = [next((one for one in known if one in group), group[0]) for group in groups]
    tensors = {one: verdict.recordings[one].tensors[name] for one in shown if one not in known}
    if not all(holds(array.shape, at) for array in tensors.values()):
        return []
    values = {**known, **{label: float(array[at]) for label, array in tensors.items()}}
    dtypes = [verdict.recordings[label].dtype for label in shown if label in verdict.recordings]
    coarsest = min(dtypes, key=lambda dtype: DIGITS.get(dtype, USUAL), default="")
    numbers = beside([values[label] for label in shown], coarsest)
    return [
        Standing(tuple(labels), one.text, (one.start, one.end), labels[0] in fault.wrong)
        for labels, one in zip(groups, numbers, strict=True)
    ]


def names(labels: Sequence[str]) -> str:
    """Name the backends of a group."""
    more = len(labels) - FEW
    return ", ".join(labels[:FEW]) + (f" and {more} more" if more > 0 else "")


def cause(verdict: CaseVerdict, fault: Fault) -> str:
    """Describe what explains a difference, or what is known of it, and in how many elements."""
    pair, name, comparison = fault.worst
    finding = verdict.findings.get(pair, {}).get(name)
    told = next((cause.text for cause in finding.causes), "") if finding else ""
    if comparison.worst is None:
        parts = ["" if fault.wrong else comparison.verdict.detail, detail(comparison), told]
        parts = [*dict.fromkeys(parts)]
    else:
        many = elements(comparison)
        parts = [f"{told}, {many}" if told and many else told or many]
        more = detail(comparison)
        parts += [finding.where if finding else "", "" if told and more == STAYS else more]
    return "; ".join(part for part in parts if part)


def detail(comparison: Comparison) -> str:
    """Return the reason in full, where it says more than the title."""
    if comparison.agrees:
        return comparison.verdict.detail
    reason = comparison.verdict.reason
    if reason == "non-finite":
        return "a NaN or infinity that is not everywhere"
    return "" if reason == "missing" else comparison.verdict.detail


def elements(comparison: Comparison) -> str:
    """Describe in how many elements two arrays disagree; empty for a single number."""
    if comparison.agrees or comparison.total < 2:
        return ""
    return f"in {comparison.disagreeing} of {comparison.total} elements"


def far(comparison: Comparison) -> str:
    """Describe how far apart two numbers are, of what is allowed; empty beside a NaN."""
    worst, noise = comparison.worst, comparison.noise
    if worst is None or not math.isfinite(worst.absolute):
        return ""
    if not worst.absolute:
        return "no difference"
    difference = f"difference {short(worst.absolute)}"
    steps = f"{ulp(worst.ulp)} ULP"
    if noise is None:
        if not worst.allowed:
            return f"{difference}, and none is allowed; {steps}"
        return f"{difference} = {short(worst.excess)} × what is allowed; {steps}"
    sign = "<" if noise.bound else "="
    if noise.is_common:
        common = f"{multiple(noise.coherent)} × noise (limit {noise.coherent_limit:g})"
        return f"{difference}, as a common factor {common}; {steps}"
    return (
        f"{difference} {sign} {multiple(noise.multiple)} × noise (limit {noise.limit:g}); {steps}"
    )
