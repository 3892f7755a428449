"""A node is at a kink along the axis that it has, whichever is the op's default."""

from __future__ import annotations

import numpy as np
import pytest

from gradcmp.case import Expression
from gradcmp.graph.build import assemble
from gradcmp.ops import Array

INF = np.inf
MASKED = [[-INF, -INF], [1.0, 2.0]]  # a row, and no column
EMPTY = [[0.0, 1.0], [0.0, 2.0]]  # a column, and no row


def met(text: str, x: list[list[float]]) -> set[str]:
    """Return the names of the kinks that the op of a call is at."""
    inputs: dict[str, Array] = {"x": np.array(x), "y": np.array([[3.0, 4.0], [5.0, 6.0]])}
    (node,) = assemble(tuple(inputs), (("out", Expression(text)),), "out").nodes
    operands = [inputs[name] for name in node.sources]
    return {k.name for k in node.spec.kinks if k.met and k.met(*operands, **node.static)}


@pytest.mark.parametrize(
    ("text", "x", "expected"),
    [
        ("softmax(x)", MASKED, True),
        ("softmax(x, axis=0)", MASKED, False),
        ("log_softmax(x, axis=1)", MASKED, True),
        ("logsumexp(x)", MASKED, False),
        ("logsumexp(x, axis=1)", MASKED, True),
        ("logsumexp(x, axis=0, keepdims=True)", MASKED, False),
        ("logsumexp(x)", [[-INF, -INF], [-INF, -INF]], True),
        ("cosine_similarity(x, y, eps=0)", EMPTY, False),
        ("cosine_similarity(x, y, axis=0, eps=0)", EMPTY, True),
        ("norm(x)", EMPTY, False),
        ("norm(x, axis=0)", EMPTY, True),
        ("std(x, axis=0)", [[2.0, 1.0], [2.0, 3.0]], True),
        ("std(x)", [[2.0, 1.0], [2.0, 3.0]], False),
        ("max(x, axis=0)", [[2.0, 1.0], [2.0, 3.0]], True),
        ("max(x)", [[2.0, 1.0], [2.0, 3.0]], False),
        ("min(x, axis=0)", [[1.0, 3.0], [1.0, 2.0]], True),
        ("min(x, axis=1)", [[1.0, 3.0], [1.0, 2.0]], False),
    ],
)
def test_the_axis_of_the_call_decides(text: str, x: list[list[float]], expected: bool) -> None:
    assert bool(met(text, x)) == expected
