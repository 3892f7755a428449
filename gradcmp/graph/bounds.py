"""Indices that name nothing are refused before anything runs.

Of such an index one framework wraps around, one fills with NaN, one crashes: there is no answer
that all should give.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradcmp.errors import GraphError
from gradcmp.graph.infer import operands_of
from gradcmp.graph.records import STEP, Constant, Graph, Node
from gradcmp.graph.walk import constants_of, held_by
from gradcmp.ops import Array, ArraySpec

Specs = Mapping[str, ArraySpec]


def require_bounds(graph: Graph, specs: Specs, inputs: Mapping[str, Array]) -> None:
    """Refuse indices outside of what they point into, be they given or computed.

    Parameters
    ----------
    specs : mapping of str to ArraySpec
        Of every input and node.
    inputs : mapping of str to array
        In float64, int64 or bool.

    Raises
    ------
    GraphError
        Naming file, line, node, the index, where it stands and what it may be.
    """
    if not any(node.spec.bounds for node in graph):
        return
    values, needed = dict(inputs), _computed_for_indices(graph, specs)
    for node in graph:
        _require(node, specs, values)
        if node.name in needed:
            values[node.name] = _value(node, values)


def _computed_for_indices(graph: Graph, specs: Specs) -> set[str]:
    """Return the names of all that indices are made of."""
    needed: set[str] = set()
    for node in reversed(graph.nodes):
        if node.name in needed:
            needed |= set(node.sources)
        elif node.spec.bounds:
            needed |= {name for name in node.sources if specs[name].kind == "int"}
    return needed


def _require(node: Node, specs: Specs, values: Mapping[str, Array]) -> None:
    if node.spec.bounds is None:
        return
    every = node.spec.bounds(*operands_of(node, specs), **node.static)
    for operand, allowed in zip(node.operands, every, strict=True):
        if allowed is None or operand is None:
            continue
        if isinstance(operand, Constant):
            _require_inside(node, "an index", np.asarray(operand.value), allowed)
        else:
            of = f"'{operand}'" if STEP not in operand else "an index"
            _require_inside(node, of, values[operand], allowed)


def _require_inside(node: Node, of: str, indices: Array, allowed: range) -> None:
    outside = (indices < allowed.start) | (indices >= allowed.stop)
    if not outside.any():
        return
    place = tuple(np.argwhere(outside)[0].tolist())
    at = f" at {list(place)}" if place else ""
    raise GraphError(
        f"node '{node.name.partition(STEP)[0]}': {node.op}: {of} is {indices[place]}{at}, "
        f"and must be from {allowed.start} to {allowed.stop - 1}",
        where=node.where,
        way_out="Count from 0: what lies outside means something else in each framework",
    )


def _value(node: Node, values: Mapping[str, Array]) -> Array:
    operands = held_by(node, values, constants_of(np.dtype(np.float64)))
    with np.errstate(all="ignore"):
        return np.asarray(node.spec.reference(*operands, **node.static)[0])
