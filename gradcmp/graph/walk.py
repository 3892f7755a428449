"""The reference: forward through the graph, then the chain rule node by node, backwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from gradcmp.graph.infer import kind_of
from gradcmp.graph.records import Constant, Graph, Node, Operand
from gradcmp.ops import Array, ArraySpec, Pullback
from gradcmp.ops.spec import CONTINUOUS, Kind

KINDS: dict[str, Kind] = {
    **dict.fromkeys("fV", "float"),  # V: bfloat16, which NumPy itself does not know
    "c": "complex",
    **dict.fromkeys("iu", "int"),
    "b": "bool",
}
MakeConstant = Callable[["float | int | bool", Kind], Array]


@dataclass(frozen=True)
class Tape:
    """The record of a forward pass: every value, and every node's pullback."""

    values: Mapping[str, Array]
    pullbacks: Mapping[str, Pullback]


def spec_of(array: Array) -> ArraySpec:
    """Return the shape and kind of an array; bfloat16 (NumPy kind 'V') counts as real."""
    return ArraySpec(array.shape, KINDS[array.dtype.kind])


def constants_of(dtype: np.dtype[np.generic]) -> MakeConstant:
    """Return the function that turns a number of an expression into a 0-d array of `dtype`.

    Where that is of complex numbers, a number beside real ones has the dtype of their parts.
    """
    kinds = {
        "float": np.empty(0, dtype).real.dtype if dtype.kind == "c" else dtype,
        "complex": dtype,
        "int": np.dtype(np.int64),
        "bool": np.dtype(np.bool_),
    }
    return lambda value, kind: np.asarray(value, kinds[kind])


def forward(
    graph: Graph,
    inputs: Mapping[str, Array],
    constant: MakeConstant,
    enter: Callable[[Array], Array] | None = None,
) -> Tape:
    """Compute every node from the inputs, keeping the pullbacks.

    Parameters
    ----------
    inputs : mapping of str to array
        Of any class that follows NumPy's protocols: ndarray, or one that carries noise.
    constant : callable
        Makes the numbers in expressions into arrays; `constants_of` for plain dtypes.
    enter : callable, optional
        Turns each operand into what the node sees of it.
    """
    values = dict(inputs)
    pullbacks: dict[str, Pullback] = {}
    for node in graph:
        held = held_by(node, values, constant, enter)
        value, pullbacks[node.name] = node.spec.reference(*held, **node.static)
        values[node.name] = _as_array(value)
    return Tape(values, pullbacks)


def held_by(
    node: Node,
    values: Mapping[str, Array],
    constant: MakeConstant,
    enter: Callable[[Array], Array] | None = None,
) -> list[Array | None]:
    """Return what a node computes with, as `forward` does; None for an operand that is left out."""

    def array(operand: Operand) -> Array | None:
        if isinstance(operand, Constant):
            specs = {name: spec_of(values[name]) for name in node.sources}
            return constant(operand.value, kind_of(node, operand, specs))
        if operand is None:
            return None
        return enter(values[operand]) if enter else values[operand]

    return [array(operand) for operand in node.operands]


def backward(graph: Graph, tape: Tape, cotangent: Array) -> dict[str, Array]:
    """Return the gradient of every real input and node, walking the graph in reverse.

    The gradient of ``<cotangent, output>``: each node's pullback turns the cotangent of its
    value into cotangents of its operands, and an array that is used several times gets the sum.
    A node that the output does not depend on gets zeros.
    """
    gradients: dict[str, Array] = {graph.output: _as_array(cotangent)}
    for node in reversed(graph.nodes):
        if node.name not in gradients:
            continue
        cotangents = tape.pullbacks[node.name](gradients[node.name])
        for operand, dx in zip(node.operands, cotangents, strict=True):
            if isinstance(operand, str) and dx is not None:
                earlier = gradients.get(operand)
                gradients[operand] = _as_array(dx if earlier is None else earlier + dx)
    return {
        name: gradients[name] if name in gradients else np.zeros_like(value)
        for name, value in tape.values.items()
        if KINDS[value.dtype.kind] in CONTINUOUS
    }


def _as_array(value: Array) -> Array:
    """Turn a NumPy scalar into an array; return anything that follows the protocols as it is."""
    if isinstance(value, np.ndarray) or hasattr(value, "__array_function__"):
        return value
    return np.asarray(value)
