"""Where in the config stands what is wrong: the line of the node at which a case goes apart."""

from __future__ import annotations

from gradcmp.case import Case
from gradcmp.errors import Location
from gradcmp.judge.verdict import CaseVerdict, Pair

GRADIENT = "d "


def line_of(verdict: CaseVerdict, pair: Pair, name: str) -> Location | None:
    """Return where the first divergence of a tensor was written; else where its case was.

    A gradient comes from the pullbacks of the nodes that read its tensor: of a single one, that
    node is meant.
    """
    divergence = verdict.divergences.get(pair, {}).get(name)
    origin = (divergence.origin if divergence else None) or name
    node = origin.removeprefix(GRADIENT)
    if origin.startswith(GRADIENT):
        readers = [reader for reader, read in verdict.edges.items() if node in read]
        node = readers[0] if len(readers) == 1 else node
    return _written(verdict.case, node) or verdict.case.where


def first_line(verdict: CaseVerdict) -> Location | None:
    """Return the line of the first thing that fails or warns; else that of the case."""
    for pair, name, _ in (*verdict.unexpected, *verdict.warnings):
        return line_of(verdict, pair, name)
    return verdict.case.where


def _written(case: Case, name: str) -> Location | None:
    """Return where an input or a node was written, or the expression that a step is part of.

    Nothing of the built-in case is in a file of the user's.
    """
    written = case.graph.get(name.partition("/")[0]) or case.inputs.get(name)
    return written.where if written and case.where else None
