"""Where there is no derivative, or an input is no number: who is blamed, and with what words."""

from __future__ import annotations

import numpy as np
import pytest
from trial import Trial

NAN, INF = np.nan, np.inf


def of(graph, inputs, **keys):
    return Trial({"out": graph} if isinstance(graph, str) else graph, inputs, **keys)


BCE = "-mean(t * log(sigmoid(z)) + (1 - t) * log(1 - sigmoid(z)))"
LOGITS = {"z": [0.3, -2.0, 20.0, 60.0], "t": [1.0, 0.0, 0.0, 0.0]}
DIVIDED = {"n": "norm(x, axis=1, keepdims=True)", "out": "x / n"}
ROWS = {"x": [[0.0, 0.0], [3.0, 4.0]]}


@pytest.mark.parametrize(
    ("graph", "inputs", "says", "name"),
    [
        (BCE, LOGITS, {}, "d z"),  # 1 - sigmoid(20) is 0 in float32 alone
        (DIVIDED, ROWS, {"out": [[0, 0], [0.6, 0.8]]}, "out"),
        (DIVIDED, ROWS, {"d x": np.full((2, 2), NAN)}, "d x"),
        ("sum(abs(x) ** 0.5)", {"x": [0.0, 1.0, 4.0]}, {"d x": [NAN, 0.5, 0.25]}, "d x"),
        ("sum(x ** y)", {"x": [0.0, 2.0], "y": [-1.0, 2.0]}, {"d x": [NAN, 4.0]}, "d x"),
        (
            "sum(log(x) * w)",
            {"x": [0.0, 2.0], "w": [1.0, 1.0]},
            {"d w": [-INF, NAN], "d x": [INF, 0.5]},
            "d w",
        ),
    ],
    ids=["log of 1 - sigmoid", "x over its length", "its gradient", "root of |x|", "a pole", "log"],
)
def test_nothing_is_out_of_range_but_by_its_own_size(graph, inputs, says, name):
    assert of(graph, inputs, both=says).reason(name) != "range"


def test_a_number_that_is_too_large_for_the_dtype_is_out_of_range():
    trial = of({"e": "exp(x)", "out": "sum(e)"}, {"x": [1.0, 100.0]})  # e^100 = 2.7e43
    assert trial.reason("e") == "range"


@pytest.mark.parametrize("graph", ["mean(x * x)", "std(x)", "norm(x) / 45.25"])
def test_a_mean_whose_sum_is_too_large_for_the_dtype_is_out_of_range(graph):
    """2048 squares of about 144 add up to 3e5, and float16 ends at 65504."""
    x = np.random.default_rng(0).standard_normal(2048) * 12
    trial = of(graph, {"x": x}, dtype="float16", alone={"out": INF})
    assert trial.reason("out") == "range"


def test_an_overflow_that_no_sum_explains_is_no_range():
    trial = of("mean(x)", {"x": np.ones(16)}, dtype="float16", alone={"out": INF})
    assert trial.reason("out") == "non-finite"


@pytest.mark.parametrize(
    "graph", ["sum(relu(x))", "sum(clip(x, -1, 1))", "sum(maximum(x, 0.0))", "sum(abs(x))"]
)
@pytest.mark.parametrize("at_nan", [0.0, 0.5, 1.0, NAN])
def test_what_the_gradient_is_at_a_nan_is_a_convention(graph, at_nan):
    trial = of(graph, {"x": [NAN, 0.5, -0.5]})
    _, *right = trial.computed("numpy", "float64").gradients["x"]
    trial = of(graph, {"x": [NAN, 0.5, -0.5]}, both={"d x": [at_nan, *right]})
    assert trial.reason("d x") not in ("bug", "suspect", "non-finite")
    assert trial.side("d x") is None


def test_which_element_a_maximum_with_a_nan_is_from_is_a_convention():
    trial = of("max(x)", {"x": [NAN, 0.5, -0.5]}, both={"d x": [1, 0, 0]})
    assert trial.reason("d x") not in ("bug", "suspect")


def test_whether_relu_keeps_a_nan_is_a_convention():
    trial = of(
        {"r": "relu(x)", "out": "sum(r * w)"},
        {"x": [NAN, 0.5], "w": [1.0, 2.0]},
        both={"r": [0, 0.5], "d x": [0, 2], "d w": [0, 0.5], "out": 1.0},
    )
    assert trial.side("r") is None


def test_what_is_wrong_beside_a_nan_in_an_input_fails():
    trial = of("sum(relu(x))", {"x": [NAN, 0.5, -0.5]}, both={"d x": [1, 1.1, 0]})
    assert not trial.agrees("d x")


@pytest.mark.parametrize(
    ("graph", "inputs", "name", "says"),
    [
        ("sum(0.0 * sqrt(x))", {"x": [0.0, 4.0]}, "d x", [0.0, 0.0]),
        ("sum(x ** y)", {"x": [0.0, 2.0], "y": [-1.0, 2.0]}, "d y", [-INF, 4 * np.log(2)]),
        ("sum(x * log(x))", {"x": [0.0, 1.0]}, "d x", [-INF, 1.0]),
        ("sum(0.0 * log(x))", {"x": [0.0, 1.0]}, "d x", [0.0, 0.0]),
    ],
    ids=["0 sqrt(x)", "0 ** -1", "x log(x)", "0 log(x)"],
)
def test_without_a_derivative_no_side_is_named(graph, inputs, name, says):
    """The first is the constant 0 where it is defined: only from the right is there a slope."""
    trial = of(graph, inputs, both={name: says})
    assert not trial.agrees(name)
    assert trial.side(name) is None
