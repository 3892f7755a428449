"""What was asked: the case, its inputs, its graph, what is differentiated, the rule in full."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from gradcmp.case import Case
from gradcmp.judge.verdict import CaseVerdict
from gradcmp.report.words.ink import QUIET, STRONG, Ink
from gradcmp.report.words.places import shape
from gradcmp.report.words.sentence import findings

NODES = 12  # lines of a graph that are shown


def header(ink: Ink, verdict: CaseVerdict, verbose: bool) -> Iterator[Text]:
    """Describe what was compared: case, inputs, graph, what is differentiated, the rule."""
    case = verdict.case
    made = ink(f", seed {case.seed}, {case.dtype}" if case.graph else "")
    yield from ink.wrap(Text.assemble(ink("case "), ink(case.name, STRONG), made), hang=2)
    if case.description:
        yield from ink.wrap(ink(" ".join(case.description.split()), QUIET), indent=2)
    for line in function(case, len(case.graph) if verbose else NODES):
        yield from ink.wrap(ink(line), indent=2, hang=4)
    for rule in rules(verdict):
        yield from ink.wrap(ink(rule), indent=2, hang=4)
    for said in (*filter(None, [verdict.not_auto]), *verdict.untold):
        yield from ink.wrap(ink(said), indent=2, hang=4)


def function(case: Case, limit: int) -> Iterator[str]:
    """Write the case as formulas, at most `limit` nodes of it; arrays from files have none."""
    if not case.graph:
        return
    given = [
        f"{name} {spec.kind}" + ("" if spec.shape is None else f" {shape(spec.shape)}")
        for name, spec in case.inputs.items()
    ]
    if given:
        yield f"with {', '.join(given)}"
    nodes = [f"{name} = {expression.text}" for name, expression in case.graph.items()]
    yield from nodes[:limit]
    if len(nodes) > limit:
        yield f"… and {len(nodes) - limit} more"
    yield f"differentiate {case.output} with respect to {', '.join(case.wrt)}"


def rules(verdict: CaseVerdict) -> Iterator[str]:
    """Write every rule that was used, in full, with what it was used for when there are more."""
    used: dict[str, int] = {}
    for _, _, comparison in findings(verdict):
        used[comparison.rule] = used.get(comparison.rule, 0) + 1
    for rule, times in used.items():
        yield f"rule {rule}" + (f"  ({times} of {sum(used.values())})" if len(used) > 1 else "")
