"""Limits that are arrays: by hand, at ties, beside NaN, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcmp.case import Expression
from gradcmp.errors import GraphError
from gradcmp.graph import backward, forward, infer
from gradcmp.graph.build import assemble
from gradcmp.graph.walk import constants_of
from gradcmp.ops import Array, ArraySpec

FLOATS = constants_of(np.dtype(np.float64))


def run(text: str, **inputs: Any) -> tuple[Array, dict[str, Array]]:
    """Return the value, and the gradients of its sum times (1, 10, 100 …)."""
    graph = assemble(tuple(inputs), (("out", Expression(text)),), "out")
    tape = forward(graph, {name: np.asarray(x, float) for name, x in inputs.items()}, FLOATS)
    value = tape.values["out"]
    return value, backward(graph, tape, 10.0 ** np.arange(value.size).reshape(value.shape))


X, LOW, HIGH = [-3.0, 0.0, 3.0], [-1.0, 0.5, -2.0], [1.0, 2.0, 2.5]


def test_arrays_on_both_sides() -> None:
    value, found = run("clip(x, low, high)", x=X, low=LOW, high=HIGH)
    np.testing.assert_array_equal(value, [-1, 0.5, 2.5])
    np.testing.assert_array_equal(found["x"], [0, 0, 0])
    np.testing.assert_array_equal(found["low"], [1, 10, 0])
    np.testing.assert_array_equal(found["high"], [0, 0, 100])


@pytest.mark.parametrize("text", ["clip(x, -1.0, high)", "clip(x, min=-1, max=high)"])
def test_a_number_and_an_array(text: str) -> None:
    value, found = run(text, x=X, high=HIGH)
    np.testing.assert_array_equal(value, [-1, 0, 2.5])
    np.testing.assert_array_equal(found["x"], [0, 10, 0])
    np.testing.assert_array_equal(found["high"], [0, 0, 100])


@pytest.mark.parametrize(
    "text", ["clip(x, max=high)", "clip(x, None, high)", "clip(x, max=-(-high))"]
)
def test_an_upper_limit_alone(text: str) -> None:
    value, found = run(text, x=X, high=1.0)
    np.testing.assert_array_equal(value, [-3, 0, 1])
    np.testing.assert_array_equal(found["x"], [1, 10, 0])
    assert found["high"] == 100


def test_a_lower_limit_alone_is_summed_over_its_broadcast_axes() -> None:
    value, found = run("clip(x, low)", x=X, low=[0.5])
    np.testing.assert_array_equal(value, [0.5, 0.5, 3])
    np.testing.assert_array_equal(found["low"], [11])


def test_conventions() -> None:
    """At a bound x has all; the upper one holds where they cross; NaN anywhere is NaN."""
    nan = np.nan
    x, low, high = [1, -1, 2, nan, 0, 0], [-1, -1, 3, 0, nan, 0], [1, 1, 1, 1, 1, nan]
    value, found = run("clip(x, low, high)", x=x, low=low, high=high)
    np.testing.assert_array_equal(value, [1, -1, 1, nan, nan, nan])
    np.testing.assert_array_equal(found["x"], [1, 10, 0, 0, 0, 0])
    np.testing.assert_array_equal(found["low"], [0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(found["high"], [0, 0, 100, 0, 0, 0])


@pytest.mark.parametrize(
    ("text", "bound", "reason"),
    [
        ("clip(x, b)", ArraySpec((2, 3)), r"min of shape \(2, 3\) has more elements than x"),
        ("clip(x, max=b)", ArraySpec((4,)), "cannot be broadcast"),
        ("clip(x, b)", ArraySpec((3,), "int"), "real numbers are needed"),
        ("clip(x, b, 'high')", ArraySpec((3,)), "max is 'high', and must be a number"),
    ],
)
def test_refusal(text: str, bound: ArraySpec, reason: str) -> None:
    graph = assemble(("x", "b"), (("out", Expression(text)),), "out")
    with pytest.raises(GraphError, match=reason):
        infer(graph, {"x": ArraySpec((3,)), "b": bound})
