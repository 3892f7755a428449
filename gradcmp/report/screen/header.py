"""What was asked: the case, its inputs, its graph, what is differentiated, the rule in full."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from gradcmp.case import Case, InputSpec
from gradcmp.judge.verdict import CaseVerdict
from gradcmp.report.words.faults import findings
from gradcmp.report.words.ink import QUIET, Ink
from gradcmp.report.words.places import shape

NODES = 12  # lines of a graph that are shown
PARAMETERS = {  # of inputs, by name: arrays that are written out are too long
    "mean": "mean {}",
    "std": "std {}",
    "low": "from {}",
    "high": "to {}",
    "start": "from {}",
    "step": "step {}",
    "value": "of {}",
    "file": "{}",
    "key": "key {}",
}
BELOW = {"high": "below {}"}  # of integers, which do not reach it


def question(ink: Ink, verdict: CaseVerdict, verbose: bool) -> Iterator[Text]:
    """Describe what was compared: inputs, graph, what is differentiated; the rules where asked."""
    case = verdict.case
    if case.description:
        yield from ink.wrap(ink(" ".join(case.description.split()), QUIET), indent=2)
    lines = [*function(case, len(case.graph) if verbose else NODES)]
    made = f"seed {case.seed}, {case.dtype}"
    if case.graph:
        lines[-1] += f"; {made}"
    elif lines:
        lines.append(made)
    for line in lines:
        yield from ink.wrap(ink(line), indent=2, hang=4)
    if verbose:
        for rule in rules(verdict):
            yield from ink.wrap(ink(rule), indent=2, hang=4)


def function(case: Case, limit: int) -> Iterator[str]:
    """Write the case as formulas, at most `limit` nodes of it; arrays from files have none."""
    if given := [made(name, spec) for name, spec in case.inputs.items()]:
        yield f"with {', '.join(given)}"
    nodes = [f"{name} = {expression.text}" for name, expression in case.graph.items()]
    yield from nodes[:limit]
    if len(nodes) > limit:
        yield f"… and {len(nodes) - limit} more"
    for label, code in case.code.items():
        yield f"{label} is {code.source} ({code.backend})"
    if case.graph:
        yield f"differentiate {case.output} with respect to {', '.join(case.wrt)}"


def made(name: str, spec: InputSpec) -> str:
    """Write how an input is made: ``Z arange 4×3 from 1``; of parameters those that were given."""
    size = "" if spec.shape is None else f" {shape(spec.shape)}"
    words = PARAMETERS | BELOW if spec.kind == "integers" else PARAMETERS
    more = [
        f" {words[key].format(f'{value:g}' if isinstance(value, float) else value)}"
        for key, value in spec.parameters.items()
        if key in words
    ]
    return f"{name} {spec.kind}{size}{''.join(more)}"


def rules(verdict: CaseVerdict) -> Iterator[str]:
    """Write every rule that was used, in full, with what it was used for when there are more."""
    used: dict[str, int] = {}
    for _, _, comparison in findings(verdict):
        used[comparison.rule] = used.get(comparison.rule, 0) + 1
    for rule, times in used.items():
        yield f"rule {rule}" + (f"  ({times} of {sum(used.values())})" if len(used) > 1 else "")
