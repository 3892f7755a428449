"""Nodes whose op is another one where it meets complex numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gradcmp.graph import Graph
from gradcmp.graph.records import Node
from gradcmp.ops import ArraySpec, Op
from gradcmp.ops.complexes.meaning import REFERENCES

Specs = Mapping[str, ArraySpec]


@dataclass(frozen=True)
class _Meant(Node):
    """A node whose op is another one than that of its name."""

    meant: Op | None = None

    @property
    def spec(self) -> Op:
        assert self.meant is not None
        return self.meant


def meaning(node: Node, op: Op) -> Node:
    """Return a node that computes by another op."""
    if op is node.spec:
        return node
    return _Meant(node.name, node.op, node.operands, node.static, node.where, op)


def is_complex(spec: ArraySpec | None) -> bool:
    """Whether an array is of complex numbers."""
    return spec is not None and spec.kind == "complex"


def complexes(node: Node, specs: Specs) -> tuple[bool, ...]:
    """Return which operands are of complex numbers."""
    return tuple(isinstance(one, str) and is_complex(specs[one]) for one in node.operands)


def over_complex(graph: Graph, specs: Specs) -> Graph:
    """Return a graph whose references compute on arrays of complex numbers."""
    nodes = (
        meaning(node, replace(node.spec, reference=REFERENCES[node.op]))
        if node.op in REFERENCES and any(complexes(node, specs))
        else node
        for node in graph
    )
    return replace(graph, nodes=tuple(nodes))
