"""Backprop through a case by hand, line by line: what the reference does, in plain NumPy."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gradcmp.explain.reference.held import hold
from gradcmp.explain.reference.names import Names
from gradcmp.explain.reference.traced import Traced
from gradcmp.explain.reference.trees import Listing, literal
from gradcmp.graph import Graph, Node, Tape, backward, forward
from gradcmp.graph.walk import constants_of
from gradcmp.ops import Array, Pullback
from gradcmp.ops.spec import Kind


@dataclass(frozen=True)
class Textbook:
    """Every value and gradient of a graph with the tree that computes it.

    Attributes
    ----------
    values : mapping of str to Traced
        Inputs, then nodes in the order of the graph.
    gradients : mapping of str to Traced
        Nodes in reverse, then inputs in reverse.
    terms : mapping of str to tuple
        For each node that was differentiated, what its pullback gave to each operand.
    stored : mapping of str to array
        What the code needs and is too large to be written out, by its name in the code.
    """

    graph: Graph
    names: Names
    values: Mapping[str, Traced]
    gradients: Mapping[str, Traced]
    terms: Mapping[str, tuple[Traced | None, ...]]
    stored: Mapping[str, Array]

    @cached_property
    def forward(self) -> Mapping[str, list[str]]:
        """The lines that compute each node."""
        return {node.name: self._listing.lines(self.names[node.name]) for node in self.graph}

    @cached_property
    def backward(self) -> Mapping[str, list[str]]:
        """The lines that compute each gradient, to stand after all of `forward`."""
        _ = self.forward  # lines are given names in the order in which they stand
        return {name: self._listing.lines(self.names.gradient(name)) for name in self.gradients}

    def show(self, tree: ast.expr) -> str:
        """Write a tree in the names of `forward` and `backward`."""
        _ = self.backward
        return self._listing.show(tree)

    @cached_property
    def _listing(self) -> Listing:
        targets = {self.names[node.name]: self.values[node.name].tree for node in self.graph}
        targets |= {self.names.gradient(name): g.tree for name, g in self.gradients.items()}
        return Listing(targets, self.names.part)

    @cached_property
    def uses(self) -> Mapping[str, list[tuple[Node, Traced]]]:
        """For what has a gradient, each use through which it comes, and what comes."""
        found: dict[str, list[tuple[Node, Traced]]] = {}
        for node in self.graph:
            for operand, term in zip(node.operands, self.terms.get(node.name, ()), strict=False):
                if isinstance(operand, str) and term is not None:
                    found.setdefault(operand, []).append((node, term))
        return found

    def reaches(self, name: str) -> bool:
        """Return whether the output depends on an input or node in a way that has a derivative."""
        return name == self.graph.output or name in self.uses


def textbook(
    graph: Graph, inputs: Mapping[str, Array], cotangent: Array, taken: Iterable[str] = ()
) -> Textbook:
    """Run the reference on arrays that remember how they were made.

    Parameters
    ----------
    inputs : mapping of str to array
        float64, int64 or bool.
    cotangent : array
        The upstream gradient of the output.
    taken : iterable of str
        What nothing may be called.
    """
    names = Names.of(graph, taken)
    leaves = {name: Traced(array, ast.Name(names[name])) for name, array in inputs.items()}
    terms: dict[str, tuple[Traced | None, ...]] = {}

    def noted(node: str, pullback: Pullback) -> Pullback:
        def differentiate(dy: Any) -> Any:
            # By its name from here on: the line that computes it stands further up.
            terms[node] = pullback(Traced(dy.value, ast.Name(names.gradient(node))))  # type: ignore
            return terms[node]

        return differentiate

    with np.errstate(all="ignore"):  # as in the reference: infinities are numbers like others
        tape = forward(graph, leaves, _number)  # type: ignore[arg-type]
        pullbacks = {node: noted(node, pullback) for node, pullback in tape.pullbacks.items()}
        upstream = Traced(cotangent, _upstream(cotangent))
        found = backward(graph, Tape(tape.values, pullbacks), upstream)  # type: ignore[arg-type]
    order = [name for name in _order(graph) if name in found]
    gradients: Any = {name: found[name] for name in order}
    values: Any = tape.values
    return Textbook(graph, names, values, gradients, terms, hold(graph, names, values, terms))


def _upstream(cotangent: Array) -> ast.expr:
    return literal(1.0) if cotangent.shape == () else ast.Name(COTANGENT)


COTANGENT = "cotangent"  # what the code calls the upstream gradient of an output with axes


def _number(value: float | int | bool, kind: Kind) -> Traced:
    return Traced(FLOAT64(value, kind), literal(value))


FLOAT64: Callable[[float | int | bool, Kind], Array] = constants_of(np.dtype(np.float64))


def _order(graph: Graph) -> list[str]:
    """Return nodes in reverse, then inputs in reverse: as a textbook goes back."""
    return [*(node.name for node in reversed(graph.nodes)), *reversed(tuple(graph.inputs))]
