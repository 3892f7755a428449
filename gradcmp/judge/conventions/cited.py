"""Which measured convention explains what is seen: for each side, a sentence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcmp.case import REFERENCE, BackendSpec
from gradcmp.graph import Graph, Node, forward
from gradcmp.graph.records import STEP
from gradcmp.graph.walk import constants_of, held_by
from gradcmp.judge.verdict import CaseVerdict
from gradcmp.ops import Kink
from gradcmp.ops.complexes.kinks import ComplexKink
from gradcmp.ops.conventions import Conventions, stored
from gradcmp.recording import Recording


def cited(
    graph: Graph, verdict: CaseVerdict, conventions: Conventions | None = None
) -> dict[str, tuple[str, ...]]:
    """Return, by label, at which points of the graph a side has another convention.

    Only where a gradient of what leads to such a point warns or disagrees, or on a cut the value,
    and what the backend was measured to answer there is not what the reference does.

    Parameters
    ----------
    conventions : Conventions, optional
        What was measured; None is what comes with gradcmp.
    """
    known = verdict.recordings.get(verdict.reference)
    seen = _seen(verdict)
    if known is None or not seen:
        return {}
    table = conventions or stored()
    specs = {str(spec): spec for spec in verdict.case.backends}
    found: dict[str, dict[str, None]] = {}
    for node, kink, explained in _points(graph, known):
        for label in (one for one in seen if one in specs and seen[one] & explained):
            if said := differs(node, kink, specs[label], table):
                found.setdefault(label, {})[said] = None
    return {label: tuple(said) for label, said in found.items()}


def _seen(verdict: CaseVerdict) -> dict[str, set[str]]:
    """Return, by label, what warns of a kink or disagrees."""
    found: dict[str, set[str]] = {}
    for pair, by in verdict.comparisons.items():
        for name, one in by.items():
            if not one.agrees or one.verdict.reason == "kink":
                for label in {pair.actual, pair.expected} - {verdict.reference}:
                    found.setdefault(label, set()).add(name)
    return found


def _points(graph: Graph, known: Recording) -> Iterator[tuple[Node, Kink, set[str]]]:
    """Return the points that the reference is at, and the tensors that each may explain."""
    if not any(kink.met for node in graph for kink in node.spec.kinks):
        return
    inputs = {name: known.values[name] for name in graph.inputs}
    constant = constants_of(np.dtype(np.float64))
    with np.errstate(all="ignore"):
        values = forward(graph, inputs, constant).values
    leading: dict[str, set[str]] = {}
    for node in graph:
        leading[node.name] = {name for one in node.sources for name in (one, *leading.get(one, ()))}
        operands = held_by(node, values, constant)
        for kink in node.spec.kinks:
            if kink.met and kink.met(*operands, **node.static):
                jumps = {node.name.partition(STEP)[0]} if isinstance(kink, ComplexKink) else set()
                yield node, kink, {*(f"d {name}" for name in leading[node.name]), *jumps}


def differs(node: Node, kink: Kink, spec: BackendSpec, table: Conventions) -> str:
    """Return what is to be said of a side; nothing where it answers as the reference does."""
    theirs = table.answer(node.spec, kink, spec.name, spec.mode)
    ours = table.answer(node.spec, kink, REFERENCE, None)
    if not theirs or not ours or theirs == ours:
        return ""
    name = node.name.partition(STEP)[0]
    version = f" {table.versions[spec.name]}" if spec.name in table.versions else ""
    return (
        f"has another convention for {node.op} at {kink.name}, in {name}: {theirs} in "
        f"{spec.name}{version}, {ours} in NumPy by hand. {_sentence(kink.why)}: "
        f"gradcmp conventions {node.op}"
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
