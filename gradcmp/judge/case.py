"""Recordings of one case in, its verdict out: what is known of a graph, and cited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from gradcmp.case import Case
from gradcmp.graph import Graph, build
from gradcmp.graph.walk import spec_of
from gradcmp.judge.asked import judge_body, recordings_of
from gradcmp.judge.conventions.chosen import Chosen, by_choice, chosen, usual
from gradcmp.judge.conventions.cited import cited
from gradcmp.judge.diagnose.body import GraphBody
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.ops.conventions import stored
from gradcmp.parts.graph import graph_of
from gradcmp.recording import Outcome


def judge(
    case: Case,
    reference: str,
    outcomes: Mapping[str, Outcome],
    twins: Mapping[str, Outcome] | None = None,
    pairs: Iterable[Pair] | None = None,
    graph: Graph | None = None,
    witnesses: Iterable[Pair] = (),
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
    witnesses : iterable of Pair, optional
        Pairs with the reference that tell who is wrong in `pairs`, and are no results themselves.

    Raises
    ------
    GraphError
        When the case has no valid graph.
    """
    body = GraphBody(graph or _graph(case, outcomes), derivative=case.derivative, wrt=case.wrt)
    twins = twins or {}
    own = _lawful(case, body, reference, outcomes, twins)
    given = usual(outcomes, own), usual(twins, own)
    found = judge_body(case, body, reference, *given, pairs, witnesses)
    if own:
        found = replace(
            found,
            outcomes={label: outcomes[label] for label in found.outcomes},
            twins=twins,
            comparisons={p: by_choice(p, by, own) for p, by in found.comparisons.items()},
        )
    return replace(found, notes=cited(body.outline, found))


def _lawful(
    case: Case,
    body: GraphBody,
    reference: str,
    outcomes: Mapping[str, Outcome],
    twins: Mapping[str, Outcome],
) -> dict[str, Chosen]:
    """Return, by label, the convention of a side that is right by it in all that it computed.

    A side that is wrong in anything beside has none: it is judged as if there were no other.
    """
    held, table = recordings_of(outcomes), stored()
    known = held.get(reference)
    found: dict[str, Chosen] = {}
    for spec in case.backends if known else ():
        label = str(spec)
        own = held.get(label) if label != reference else None
        if not known or not own or not (choice := chosen(body.outline, known, own, spec, table)):
            continue
        fine = recordings_of(twins).get(label)
        other = chosen(body.outline, known, fine, spec, table) if fine else None
        judged = judge_body(
            case,
            replace(body, outline=choice.graph),
            reference,
            {reference: choice.known, label: choice.settled(own)},
            {label: choice.settled(fine)} if fine and other and choice.is_as(other) else {},
            [Pair(label, reference)],
        )
        if judged.tensors and not judged.disagreements:
            found[label] = choice
    return found


def _graph(case: Case, outcomes: Mapping[str, Outcome]) -> Graph:
    """Return the graph of a case; which inputs are complex numbers a recording tells."""
    for known in recordings_of(outcomes).values():
        if all(name in known.values for name in case.inputs):
            return graph_of(case, {name: spec_of(known.values[name]) for name in case.inputs})
    return build(case)
