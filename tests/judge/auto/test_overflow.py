"""What overflows in a dtype is found where it happens, and where it leads to; nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from autocases import PAIR, case, draw, one_element, record, spoiled, verdict

from gradcmp.graph import build
from gradcmp.judge.auto.overflow import overflows


def found(dtype, inputs, **graph):
    there = case(**graph)
    given = {**draw(there), **inputs}
    return overflows(build(there), record("numpy", there, given, "float64"), dtype)


X = np.ones((4, 3))
LARGE = np.where(np.arange(12).reshape(4, 3) == 5, 100.0, 1.0)


def test_only_the_element_that_overflows_is_reached():
    overflow = found("float32", {"x": LARGE}, e="exp(x)", out="e * y")
    assert np.argwhere(overflow.reached("e")).tolist() == [[1, 2]]
    assert np.argwhere(overflow.reached("out")).tolist() == [[1, 2]]
    assert overflow.why("e").startswith("'e' exceeds 3.4")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_gradient_overflows_by_itself(dtype):
    """d x = 1e30 * 1e30 * dy, where the value is zero."""
    graph = {"a": "x * 1e30", "b": "a * 1e30", "out": "b * y"}
    overflow = found(dtype, {"x": 0 * X}, **graph)
    assert not overflow.reached("out").any()
    assert overflow.reached("d x").all()
    assert "'d x' exceeds" in overflow.why("d x")


@pytest.mark.parametrize("graph", ["mean(x * x)", "std(x)", "norm(x) / 4", "var(x)"])
def test_a_sum_inside_an_op_overflows(graph):
    """The squares of 120 to 230 add up to more than 65504; the mean of twelve is less."""
    x = np.linspace(-230.0, 230.0, 12).reshape(4, 3)
    overflow = found("float16", {"x": x}, out=graph)
    assert overflow.reached("out").all()
    assert not found("float32", {"x": x}, out=graph).reached("out").any()


@pytest.mark.parametrize(
    ("x", "graph"),
    [
        (20.0, "log(1 - sigmoid(x))"),  # 1 - sigmoid is 0 in float32: a pole and no overflow
        (0.0, "log(x) * y"),  # infinite in float64, too
        (0.0, "x / norm(x)"),
        (1e-30, "sqrt(x * x) / y"),  # an underflow
    ],
)
def test_a_pole_is_no_overflow(x, graph):
    overflow = found("float32", {"x": np.full((4, 3), x)}, out=graph)
    assert not any(overflow.reached(name).any() for name in overflow.clean)


def test_float64_does_not_overflow_beside_itself():
    overflow = found("float64", {"x": X * 800}, out="exp(x)")
    assert not overflow.reached("out").any()


def test_an_infinity_where_nothing_overflows_is_not_out_of_range():
    """Element (1, 2) overflows, and (0, 0) does not."""
    there = case(e="exp(x)", out="e * y")
    inputs = {**draw(there), "x": LARGE}

    def wrong(array):
        return np.where(np.arange(12).reshape(4, 3) == 0, np.inf, array).astype(array.dtype)

    judged = verdict(there, inputs, spoil=spoiled("y", wrong))
    assert judged.comparisons[PAIR]["d y"].verdict.reason == "non-finite"
    assert verdict(there, inputs).comparisons[PAIR]["d y"].verdict.reason == "range"


def test_a_bug_beside_an_overflow_is_said():
    there = case(e="exp(x)", out="e * y")
    judged = verdict(
        there, {**draw(there), "x": LARGE}, spoil=spoiled("x", lambda d: -d)
    ).comparisons[PAIR]["d x"]
    assert judged.verdict.reason == "range"
    assert "11 finite elements disagree besides: bug" in judged.verdict.detail
    assert judged.disagreeing == 12


def test_beside_a_nan_elements_are_judged_one_by_one():
    there = case(out="x * y")

    def wrong(array):
        array = one_element(1.01)(array)
        array[0, 0] = np.nan
        return array

    judged = verdict(there, draw(there), spoil=spoiled("x", wrong)).comparisons[PAIR]["d x"]
    assert (judged.disagreeing, judged.worst.index) == (2, (0, 0))
