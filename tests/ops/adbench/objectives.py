"""Objectives as graphs, and their derivatives by the reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from gradcmp.case import Case, Expression, InputSpec
from gradcmp.graph import Graph, backward, build, forward
from gradcmp.graph.walk import constants_of
from gradcmp.ops import Array

HERE = Path(__file__).parent
FLOAT64 = np.dtype(np.float64)


def graph_of(body: Mapping[str, str], inputs: Mapping[str, Array]) -> Graph:
    specs = {name: InputSpec("normal", array.shape) for name, array in inputs.items()}
    nodes = {name: Expression(text) for name, text in body.items()}
    return build(Case("adbench", specs, nodes, next(reversed(body)), tuple(inputs), ()))


def differentiated(
    body: Mapping[str, str], given: Mapping[str, object], cotangent: Array | None = None
) -> tuple[Array, dict[str, Array]]:
    """Return the value of the last node, and the gradients of <cotangent, value>."""
    inputs = {name: np.asarray(value, FLOAT64) for name, value in given.items()}
    graph = graph_of(body, inputs)
    tape = forward(graph, inputs, constants_of(FLOAT64))
    value = tape.values[graph.output]
    return value, backward(graph, tape, np.ones(()) if cotangent is None else cotangent)


def jacobian(
    body: Mapping[str, str], given: Mapping[str, object], size: int
) -> Iterator[tuple[Array, dict[str, Array]]]:
    """Return the value of the last node, a vector, and the gradients of each of its elements."""
    return (differentiated(body, given, row) for row in np.eye(size))


def numbers(text: str) -> Array:
    return np.array([float(word) for word in text.split()])
