"""Pieces, triangles, copies: NumPy's values, and what flows through none of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradcmp.backends import Backend, Job
from gradcmp.backends.numpy import NumpyBackend
from gradcmp.case import Expression
from gradcmp.graph.build import assemble
from gradcmp.ops import OPS, Array

X = np.arange(24.0).reshape(2, 3, 4)
NUMPY: list[tuple[str, tuple[Any, ...], dict[str, Any], Callable[[Array], Array]]] = [
    ("tril", (), {}, np.tril),
    ("tril", (-1,), {}, lambda x: np.tril(x, -1)),
    ("tril", (2,), {}, lambda x: np.tril(x, 2)),
    ("triu", (1,), {}, lambda x: np.triu(x, 1)),
    ("triu", (-2,), {}, lambda x: np.triu(x, -2)),
    ("flip", (), {}, np.flip),
    ("flip", ((0, -1),), {}, lambda x: np.flip(x, (0, -1))),
    ("roll", (5,), {}, lambda x: np.roll(x, 5)),
    ("roll", ((1, -2),), {"axis": (0, 2)}, lambda x: np.roll(x, (1, -2), (0, 2))),
    ("tile", ((2,),), {}, lambda x: np.tile(x, (2,))),
    ("tile", ((2, 1, 3, 2),), {}, lambda x: np.tile(x, (2, 1, 3, 2))),
    ("repeat", (3,), {}, lambda x: np.repeat(x, 3)),
    ("repeat", (2,), {"axis": -2}, lambda x: np.repeat(x, 2, axis=-2)),
    ("split", (2, 1), {"axis": 2}, lambda x: np.split(x, 2, axis=2)[1]),
    ("split", ((1, 0, 2), 2), {"axis": 1}, lambda x: x[:, 1:]),
]


@pytest.mark.parametrize(("op", "positional", "static", "numpy"), NUMPY)
def test_value_is_numpys_and_the_pullback_its_transpose(
    op: str, positional: tuple[Any, ...], static: dict[str, Any], numpy: Callable[[Array], Array]
) -> None:
    """A linear map and its transpose: <dy, A x> = <A' dy, x> to the last digit of whole numbers."""
    value, pullback = OPS[op].reference(X, *positional, **static)
    np.testing.assert_array_equal(value, numpy(X))
    dy = np.random.default_rng(0).integers(-9, 9, value.shape).astype(float)
    (dx,) = pullback(dy)
    assert np.sum(dy * value) == np.sum(dx * X)


def test_parts_put_together_are_the_whole() -> None:
    parts = [OPS["split"].reference(X, (1, 1, 2), i, axis=-1) for i in range(3)]
    np.testing.assert_array_equal(np.concatenate([value for value, _ in parts], -1), X)
    np.testing.assert_array_equal(sum(back(value)[0] for value, back in parts), X)


def test_one_hot_is_a_row_of_the_identity() -> None:
    found, _ = OPS["one_hot"].reference(np.array([2, 0]), 3)
    np.testing.assert_array_equal(found, np.eye(3)[[2, 0]] == 1)


def test_nothing_flows_through_stop_gradient(framework: Backend) -> None:
    """Of x * stop(x) only one factor has a gradient, and y, which only goes through, zeros."""
    x, y = np.array([2.0, 3.0]), np.array([5.0, 7.0])
    body = (("s", Expression("stop_gradient(x)")), ("out", Expression("x * s + stop_gradient(y)")))
    graph = assemble(("x", "y"), body, "out")
    dy = np.array([1.0, 10.0])
    for backend in (framework, NumpyBackend("cpu")):
        job = Job(backend.name, graph, {"x": x, "y": y}, dy, backend.modes[0], "float64")
        found = backend.record(job)
        np.testing.assert_array_equal(found.values["out"], [9, 16])
        np.testing.assert_array_equal(found.gradients["x"], [2, 30])
        np.testing.assert_array_equal(found.gradients["s"], [2, 30])
        np.testing.assert_array_equal(found.gradients["y"], [0, 0])
