"""The first line about a case: who is wrong, in what, and whether it is rounding or a bug."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradcmp.derivatives import is_derived
from gradcmp.errors import ExitCode
from gradcmp.judge.verdict import CaseVerdict
from gradcmp.report.words.faults import Fault, faults
from gradcmp.report.words.figures import count, listed
from gradcmp.report.words.laid import wrong_layouts

SHORT = 30  # characters of their names
FEW = 3  # backends that are named instead of counted
REASONS: Mapping[str, str] = {  # of what disagrees: what is meant by the word
    "bug": "bug, not rounding",
    "suspect": "suspect",
    "tolerance": "beyond the tolerance",
    "non-finite": "NaN or infinity",
}
FORMS: Mapping[str, str] = {  # of what is another kind of thing: what is said with a name
    "range": "overflows",
    "shape": "has another shape",
    "dtype": "has another dtype",
    "empty": "has no elements",
}
WARNINGS: Mapping[str, tuple[str, str]] = {  # with a name, and where nobody is named
    "precision": (
        "{who} loses digits in the {what} (precision)",
        "digits are lost in the {what} (precision)",
    ),
    "note": (
        "{who} differs in the {what}, below the noise (note)",
        "a real difference hides below the noise in the {what} (note)",
    ),
    "kink": (
        "{who} has another subgradient in the {what} (kink)",
        "another subgradient in the {what}, at a non-differentiable point (kink)",
    ),
    "non-finite": (
        "{who} has a NaN or infinity in the {what} (non-finite)",
        "both sides have the same NaN or infinity in the {what} (non-finite)",
    ),
}


def title(verdict: CaseVerdict, counted: bool = False) -> str:
    """Describe the verdict of a case in a line.

    Parameters
    ----------
    counted : bool
        Whether backends that agree are counted, however few they are.
    """
    found = faults(verdict)
    failing = [one for one in found if one.worst[:2] not in verdict.known]
    wrong = [one for one in failing if not one.comparison.agrees]
    if verdict.exit_code is ExitCode.DISAGREE:
        if wrong:
            return of_fault(verdict, wrong[0])
        return _without_disagreement(verdict, failing)
    if verdict.exit_code is ExitCode.COULD_NOT_COMPARE:
        return _not_compared(verdict)
    whole = everybody(verdict, counted)
    if known := [one for one in found if one not in failing]:
        return f"{whole}, but for what is expected: {of_fault(verdict, known[0])}"
    if failing:
        return f"{whole}, with {_warning(len(failing))}: {of_fault(verdict, failing[0])}"
    if verdict.weak:
        return f"{whole}, by {count(len(verdict.weak), 'weak check')}"
    return whole


def _warning(number: int) -> str:
    return "a warning" if number == 1 else f"{number} warnings"


def _without_disagreement(verdict: CaseVerdict, failing: Sequence[Fault]) -> str:
    """Describe why a case fails in which nothing disagrees."""
    if verdict.outdated:
        return verdict.outdated[0]
    if nodes := [name for name, one in verdict.isolated.items() if one.disagreements]:
        alone = "is wrong by itself" if len(nodes) == 1 else "are wrong by themselves"
        return f"{listed(nodes)} {alone}"
    if laid := wrong_layouts(verdict):
        return laid[0]
    if failing:
        return f"under strict: {of_fault(verdict, failing[0])}"
    if verdict.weak:
        return f"under strict: {count(len(verdict.weak), 'check')} would let a wrong gradient pass"
    return f"under strict: {listed([*verdict.unsteady])} is not deterministic"


def _not_compared(verdict: CaseVerdict) -> str:
    """Describe what kept a case from being compared, and whether the rest agrees."""
    lost = [f"{failure.backend} {failure.kind}" for failure in verdict.failures]
    compared = any(one.total for by in verdict.comparisons.values() for one in by.values())
    if compared:
        return f"could not compare: {listed(lost)}; the rest agrees"
    if any(verdict.comparisons.values()):
        return "could not compare: every tensor is empty, so nothing was compared"
    causes = {failure.message for failure in verdict.failures}
    if len(causes) == 1:  # of all: the process that ran it is gone, or gradcmp itself failed
        lost = [" ".join(causes.pop().split())]
    because = f": {listed(lost)}" if lost else ""
    return f"could not compare: nothing was compared with anything{because}"


def everybody(verdict: CaseVerdict, counted: bool) -> str:
    """Describe that all agree, and in how much: ``numpy and torch agree in 12 tensors``."""
    labels = [label for label in verdict.recordings if not _is_twin(verdict, label)]
    who = listed(labels)
    if counted or len(labels) > FEW or len(who) > SHORT:
        who = count(len(labels), _noun(verdict))
    tensors = count(len(verdict.tensors), "tensor")
    known = f" in {tensors}" if verdict.tensors else ""
    return f"{who} {'agrees' if len(labels) == 1 else 'agree'}{known}"


def _noun(verdict: CaseVerdict) -> str:
    """Return what is compared; arrays of a file alone are of neither backends nor functions."""
    if not all(recording.dtype for recording in verdict.recordings.values()):
        return "recording"
    return "backend" if verdict.case.graph else "function"


def _is_twin(verdict: CaseVerdict, label: str) -> bool:
    """Whether a label is that of the float64 run of a function that is there itself."""
    return label == verdict.reference and label.partition(",")[0] in {*verdict.recordings} - {label}


def what(names: Sequence[str]) -> str:
    """Write what tensors are: ``gradient of W1``, ``gradients of W1 and b1``."""
    gradients = [name.removeprefix("d ") for name in names if name.startswith("d ")]
    values = [name for name in names if not name.startswith("d ") and not is_derived(name)]
    beyond = [name for name in names if is_derived(name)]
    kinds = (("value of", values), ("gradient of", gradients), ("derivative", beyond))
    return " and ".join(_several(kind, among) for kind, among in kinds if among)


def _several(kind: str, names: Sequence[str]) -> str:
    noun, *of = kind.split(" ")
    return " ".join([f"{noun}{'s' if len(names) > 1 else ''}", *of, listed(few(names))])


def few(names: Sequence[str]) -> Sequence[str]:
    """Return a few names, and how many more there are."""
    return names if len(names) <= FEW + 1 else [*names[:FEW], f"{len(names) - FEW} more"]


def of_fault(verdict: CaseVerdict, fault: Fault) -> str:
    """Describe one fault: ``torch's gradient of W1 is wrong (bug, not rounding)``."""
    thing, who, pair = what(fault.names), fault.wrong, fault.pair
    reason = fault.comparison.verdict.reason
    if fault.comparison.agrees:
        some, none = WARNINGS.get(reason, WARNINGS["note"])
        return (some if len(who) == 1 else none).format(who="".join(who), what=thing)
    if reason == "missing":
        if not who:
            return f"the {thing} is missing in one of {pair.actual} and {pair.expected}"
        return f"{listed(who)} {'have' if len(who) > 1 else 'has'} no {thing}"
    if not who and reason in FORMS and pair.expected == verdict.reference:
        who = (pair.actual,)  # a fact, and no judgement
    said = FORMS.get(reason, "is wrong")
    meant = "" if reason in FORMS else f" ({REASONS.get(reason, reason)})"
    if not who:
        both = f"{pair.actual} and {pair.expected}"
        if reason in FORMS:
            return f"the {thing} {said} in one of {both}"
        return f"{both} disagree in the {thing}{meant}"
    one = f"{who[0]}'s {thing} {said}" if len(who) == 1 else f"the {thing} {said} in {listed(who)}"
    beside = f"; {verdict.reference} is the reference" if verdict.reference in who else ""
    return f"{one}{meant}{beside}"


def brief(verdict: CaseVerdict, fault: Fault) -> str:
    """Describe a further fault in a line, with its downstream tensors."""
    after = f", and {count(len(fault.follow), 'tensor')} downstream" if fault.follow else ""
    return f"{of_fault(verdict, fault)}{after}"
