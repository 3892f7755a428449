"""The graph of a case as a drawing: Mermaid, which Jupyter and code hosts draw from its text."""

from __future__ import annotations

from collections.abc import Iterator

from gradcmp.explain.program import Program
from gradcmp.report.words.places import shape

NODES = 60  # a drawing of more is no help


def mermaid(program: Program) -> str:
    """Return the graph as a fenced block: inputs at the top, the output at the bottom.

    Names are identifiers, so that nothing in them means anything to Mermaid.
    """
    if len(program.graph.nodes) > NODES:
        return f"(The graph has {len(program.graph.nodes)} nodes: too many for a drawing.)"
    return "\n".join(["```mermaid", "flowchart TD", *_lines(program), "```"])


def _lines(program: Program) -> Iterator[str]:
    graph = program.graph
    places = {name: f"n{i}" for i, name in enumerate((*graph.inputs, *(n.name for n in graph)))}
    for name in graph.inputs:
        yield f'{places[name]}(["{_label(program, name)}"])'
    for node in graph:
        yield f'{places[node.name]}["{_label(program, node.name)}<br>{node.op}"]'
        for source in dict.fromkeys(node.sources):
            yield f"{places[source]} --> {places[node.name]}"


def _label(program: Program, name: str) -> str:
    size = program.specs[name].shape
    return f"{program.name(name)} {shape(size)}" if size else program.name(name)
