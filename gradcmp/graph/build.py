"""Named expressions become one graph: names resolved, cycles refused, nodes in order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache

from gradcmp.case import Case, Expression
from gradcmp.errors import GraphError, did_you_mean, together
from gradcmp.graph.aliases import LIBRARIES
from gradcmp.graph.expression import parse
from gradcmp.graph.names import LEADS
from gradcmp.graph.records import Graph, Node


def build(case: Case) -> Graph:
    """Make the graph of a case.

    Raises
    ------
    GraphError
        For a cycle, an unknown or doubly used name, an input that nothing uses, an output that
        is not a node, or an expression outside the language.
    """
    refuse(
        GraphError(
            f"'{name}' is both an input and a node",
            where=expression.where,
            way_out="Rename one of them",
        )
        for name, expression in case.graph.items()
        if name in case.inputs
    )
    graph = assemble(tuple(case.inputs), tuple(case.graph.items()), case.output)
    used = {source for node in graph for source in node.sources}
    refuse(
        GraphError(
            f"input '{name}' is not used by any node",
            where=spec.where or case.where,
            way_out="Use it or remove it",
        )
        for name, spec in case.inputs.items()
        if name not in used
    )
    return graph


def refuse(errors: Iterable[GraphError]) -> None:
    """Raise all errors at once, if there are any."""
    if found := list(errors):
        raise together(found)


@lru_cache(maxsize=64)  # a warm worker is asked the same graph again and again
def assemble(
    inputs: tuple[str, ...], body: tuple[tuple[str, Expression], ...], output: str
) -> Graph:
    """Make a graph of input names, named expressions and the name of the output."""
    steps: dict[str, tuple[Node, ...]] = {}
    known = frozenset((*inputs, *(name for name, _ in body)))
    errors = []
    for name, expression in body:
        try:
            steps[name] = parse(name, expression, known)
        except GraphError as error:
            errors.append(error)
    refuse(errors)
    if output not in steps:
        raise GraphError(
            f"the output '{output}' is not a node of the graph", way_out=did_you_mean(output, steps)
        )
    refuse(_unresolved(inputs, steps))
    order = _sort(steps)
    return Graph(inputs, tuple(node for name in order for node in steps[name]), output)


def _unresolved(
    inputs: Iterable[str], steps: Mapping[str, tuple[Node, ...]]
) -> Iterator[GraphError]:
    known = {*inputs, *steps}
    for name, nodes in steps.items():
        inner = {node.name for node in nodes}
        for node in nodes:
            for source in node.sources:
                if source not in known and source not in inner:
                    yield GraphError(
                        f"node '{name}': there is no input or node '{source}'",
                        where=node.where,
                        way_out=_way_out(source, known - {name}),
                    )


def _way_out(source: str, known: Collection[str]) -> str | None:
    if source in LEADS or source in LIBRARIES:
        return LEADS[source].out if source in LEADS else f"Call what is its own: {source}.exp(x)"
    return did_you_mean(source, known)


def _sort(steps: Mapping[str, tuple[Node, ...]]) -> list[str]:
    """Order named nodes by depth-first search, keeping the file's order where it is free."""
    needs = {
        name: [source for node in nodes for source in node.sources if source in steps]
        for name, nodes in steps.items()
    }
    order: list[str] = []
    done: set[str] = set()
    for root in steps:
        path: dict[str, None] = {}  # an explicit stack: a chain of 10 000 nodes is legal
        stack = [(root, iter(needs[root]))] if root not in done else []
        path |= dict.fromkeys([root] if stack else ())
        while stack:
            name, rest = stack[-1]
            for source in rest:
                if source in path:
                    names = list(path)
                    raise _cycle([*names[names.index(source) :], source], steps)
                if source not in done:
                    stack.append((source, iter(needs[source])))
                    path[source] = None
                    break
            else:
                stack.pop()
                path.popitem()
                if name not in done:
                    done.add(name)
                    order.append(name)
    return order


def _cycle(names: list[str], steps: Mapping[str, tuple[Node, ...]]) -> GraphError:
    return GraphError(
        f"nodes depend on each other in a circle: {' needs '.join(names)}",
        where=steps[names[0]][-1].where,
        way_out="A node can only use inputs and nodes that do not use it",
    )
