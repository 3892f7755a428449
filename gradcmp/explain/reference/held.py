"""Lines that make the arrays which a pullback needs and no input determines."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from gradcmp.explain.reference.arrays import written
from gradcmp.explain.reference.names import Names
from gradcmp.explain.reference.traced import Traced
from gradcmp.explain.reference.trees import Held, bare, literal, parts_of, pretty
from gradcmp.graph import Graph, Node
from gradcmp.ops import Array

STORED = "stored"  # what the code calls the arrays that lie beside it


def hold(
    graph: Graph,
    names: Names,
    values: Mapping[str, Traced],
    terms: Mapping[str, Iterable[Traced | None]],
) -> dict[str, Array]:
    """Decide for each held array in the lines of a graph how the code comes by it.

    By what makes it from an operand of its node, else by a form or written out, else stored.

    Returns
    -------
    dict of str to array
        What must be stored, by its name in the code.
    """
    stored: dict[str, Array] = {}
    known: dict[int, Held] = {}  # one name for one array, wherever it stands
    seen: set[int] = set()  # a node's tree holds those of all nodes before it
    for node in graph:
        for one in (values[node.name], *terms.get(node.name, ())):
            for part in parts_of(one.tree, seen) if one is not None else ():
                if not isinstance(part, Held):
                    continue
                first = known.setdefault(id(part.array), part)
                if part is first:
                    part.id = names.fresh(f"{names[node.name]}_places")
                    part.lines = _lines(part, node, values, names, stored)
                part.id, part.lines = first.id, first.lines
    return stored


def _lines(
    held: Held,
    node: Node,
    values: Mapping[str, Traced],
    names: Names,
    stored: dict[str, Array],
) -> tuple[str, ...]:
    if node.op in PLACES:
        lines, array = PLACES[node.op](held.id, node, values, names)
        if np.array_equal(array, held.array):
            return lines
    tree = written(held.array)
    if tree is not None:
        return (f"{held.id} = {pretty(tree, len(held.id) + 3)}",)
    stored[held.id] = held.array
    return (f'{held.id} = {STORED}["{held.id}"]',)


def _row(shape: tuple[int, ...]) -> tuple[str, Array]:
    size = math.prod(shape)
    return f"np.arange({size}).reshape({shape})", np.arange(size).reshape(shape)


def _taken(
    target: str, node: Node, values: Mapping[str, Traced], names: Names
) -> tuple[tuple[str, ...], Array]:
    x, indices = (values[source] for source in node.sources)
    axis = node.static.get("axis", 0)
    text, row = _row(x.shape)
    line = f"{target} = np.take({text}, {names[node.sources[1]]}, axis={axis}).reshape(-1)"
    return (line,), np.take(row, indices.value, axis=axis).reshape(-1)


def _picked(
    target: str, node: Node, values: Mapping[str, Traced], names: Names
) -> tuple[tuple[str, ...], Array]:
    """Number the elements that a key picks; the others get the number of a zero at the end."""
    shape, key = values[node.sources[0]].shape, node.static["key"]
    picked = values[node.name].shape
    text, row = _row(picked)
    array = np.full(shape, row.size)
    array[key] = row
    shown = ast.unparse(ast.Subscript(ast.Name(target), literal(bare(key))))
    return (f"{target} = np.full({shape}, {row.size})", f"{shown} = {text}"), array


# The way in which these ops number places, for reading; used where it gives the very array.
PLACES: Mapping[str, Callable[..., tuple[tuple[str, ...], Array]]] = {
    "getitem": _picked,
    "take": _taken,
}
