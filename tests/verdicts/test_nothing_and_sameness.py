"""Ops on arrays without elements, without axes, and of equal numbers: what mathematics says."""

from __future__ import annotations

import numpy as np
import pytest
from trial import Trial

from gradcmp.errors import GraphError
from gradcmp.ops.registry import OPS
from gradcmp.ops.spec import Distinct, Integers


def computed(graph, inputs):
    return Trial({"out": graph}, inputs, dtype="float64").computed("numpy", "float64")


EQUAL = {"x": [2.0, 2.0, 2.0]}


@pytest.mark.parametrize("graph", ["norm(x - 2)", "std(x)"])
def test_the_length_of_nothing_has_the_gradient_zero(graph):
    """At its only kink a length has every vector of length at most 1 for a gradient, 0 among them.

    A NaN is none.
    """
    assert computed(graph, EQUAL).gradients["x"].tolist() == [0, 0, 0]


def test_a_column_of_equal_numbers_leaves_the_others_alone():
    """d std / d x = (x - mean) / (n std) = (x - 2.5) / (2 * 0.5) in the second column."""
    found = computed("sum(std(x, axis=0))", {"x": [[1.0, 2.0], [1.0, 3.0]]}).gradients["x"]
    assert found.tolist() == [[0, -0.5], [0, 0.5]]


def test_the_variance_of_equal_numbers_has_the_gradient_zero():
    assert computed("var(x)", EQUAL).gradients["x"].tolist() == [0, 0, 0]


@pytest.mark.parametrize("shape", [(5, 0), (0, 5), (0,)])
@pytest.mark.parametrize("graph", ["softmax(x)", "log_softmax(x)"])
def test_a_distribution_over_nothing_is_empty(graph, shape):
    found = computed(graph, {"x": np.zeros(shape)})
    assert (found.values["out"].shape, found.gradients["x"].shape) == (shape, shape)


ELEMENTWISE = sorted(
    name
    for name, op in OPS.items()
    if [*op.domain] == ["x"]
    and any(e.expression == f"{name}(x)" for e in op.examples)
    and any(e.shapes.get("x") == () for e in op.examples)
)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (0, 3), (1, 1)], ids=str)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_op_on_each_element_takes_any_shape(name, shape):
    found = computed(f"{name}(x)", {"x": np.full(shape, 0.5)})
    assert (found.values["out"].shape, found.gradients["x"].shape) == (shape, shape)


def emptied(op):
    """Return every example of an op, with each of its lengths made 0 in turn."""
    return [
        (example.expression, shapes)
        for example in op.examples
        for length in sorted({n for shape in example.shapes.values() for n in shape})
        if (shapes := without(length, example.shapes)) != example.shapes
    ]


def without(length, shapes):
    return {name: tuple(0 if n == length else n for n in one) for name, one in shapes.items()}


EMPTIED = {name: emptied(op) for name, op in OPS.items() if op.differentiable}


def filled(op, name, shape):
    whole = isinstance(op.domain.get(name), (Distinct, Integers))
    return np.zeros(shape, np.int64) if whole else np.full(shape, 0.5)


@pytest.mark.parametrize("name", [name for name, tried in EMPTIED.items() if tried])
def test_an_op_computes_nothing_of_nothing_or_says_why_not(name):
    """Shapes are as they are without the zero; a refusal comes before anything is computed."""
    for graph, shapes in EMPTIED[name]:
        print(f"{graph} of {shapes}")  # where it fails, the last one is it
        require_nothing_of_nothing(OPS[name], graph, shapes)


def require_nothing_of_nothing(op, graph, shapes):
    inputs = {name: filled(op, name, shape) for name, shape in shapes.items()}
    trial = Trial({"out": graph}, inputs, dtype="float64")
    try:
        shape = trial.cotangent.shape
    except GraphError:
        return
    found = trial.computed("numpy", "float64")
    assert found.values["out"].shape == shape
    assert all(found.gradients[name].shape == shapes[name] for name in trial.case.wrt)
    assert all(trial.agrees(name) for name in ("out", *(f"d {name}" for name in trial.case.wrt)))


SUMS = {"sum(x)": 0.0, "sum(x, axis=1)": [0.0] * 5, "sum(x * x)": 0.0}


@pytest.mark.parametrize(("graph", "value"), SUMS.items())
def test_the_sum_of_nothing_is_zero(graph, value):
    found = computed(graph, {"x": np.zeros((5, 0))})
    assert found.values["out"].tolist() == value
    assert found.gradients["x"].shape == (5, 0)


@pytest.mark.parametrize("graph", ["sum(x)", "mean(x)", "max(x)", "min(x)", "logsumexp(x)"])
def test_a_reduction_of_one_number_is_that_number(graph):
    found = computed(graph, {"x": np.asarray(0.5)})
    assert (found.values["out"].item(), found.gradients["x"].item()) == (0.5, 1.0)


@pytest.mark.parametrize("graph", ["std(x)", "var(x)"])
def test_one_number_does_not_vary(graph):
    found = computed(graph, {"x": np.asarray(0.5)})
    assert (found.values["out"].item(), found.gradients["x"].item()) == (0.0, 0.0)


def test_the_product_over_an_inner_axis_of_nothing_is_zero():
    found = computed("x @ w", {"x": np.zeros((2, 0)), "w": np.zeros((0, 3))})
    assert not found.values["out"].any()
    assert (found.gradients["x"].shape, found.gradients["w"].shape) == ((2, 0), (0, 3))


def test_tensors_without_elements_are_compared():
    trial = Trial({"h": "exp(x)", "out": "sum(h)"}, {"x": np.zeros((5, 0))})
    assert trial.reason("h") == "empty"
    assert trial.agrees("out")
