"""The reference is right to float64's last digits far out, too, where easy formulas cancel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from trial import Trial

CLOSE = 1e-13  # some hundred units roundoff: exp alone loses |x| of them at x = 40


def logistic(x):
    e = math.exp(-abs(x))
    return (1 if x >= 0 else e) / (1 + e)


def normal(x):
    """Return the distribution function and the density of the normal distribution."""
    return math.erfc(-x / math.sqrt(2)) / 2, math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def slope_of_gelu(x):
    below, density = normal(x)
    return below + x * density


# Written without a difference of nearly equal numbers.
SLOPES = {
    "sigmoid": lambda x: logistic(x) * logistic(-x),
    "tanh": lambda x: 4 * logistic(2 * x) * logistic(-2 * x),
    "expm1": math.exp,
    "silu": lambda x: logistic(x) * (1 + x * logistic(-x)),
    "gelu": slope_of_gelu,
    "erf": lambda x: 2 / math.sqrt(math.pi) * math.exp(-x * x),
    "exp": math.exp,
    "log1p": lambda x: 1 / (1 + x),
}
VALUES = {
    "sigmoid": logistic,
    "gelu": lambda x: x * normal(x)[0],
    "silu": lambda x: x * logistic(x),
    "tanh": math.tanh,
    "expm1": math.expm1,
}
HERE = {
    "sigmoid": [-40.0, -5.0, 0.5, 5.0],
    "tanh": [-0.5, 0.25, 1.0],
    "expm1": [-0.5, 1e-9, 2.0],
    "silu": [-40.0, -5.0, 0.5, 40.0],
    "gelu": [-1.0, 0.5, 3.0, 10.0],
    "erf": [-5.0, 0.5, 10.0],
    "exp": [-40.0, 5.0],
    "log1p": [-0.5, 1e-9, 40.0],
}
FAR = {
    "sigmoid": [20.0, 40.0, 100.0],
    "tanh": [-20.0, -10.0, 10.0, 20.0],
    "expm1": [-40.0, -37.0, -20.0],
    "gelu": [-10.0, -8.0, -5.0],
}


def points(table, marks=()):
    return [
        pytest.param(op, x, id=f"{op} at {x:g}", marks=marks) for op in table for x in table[op]
    ]


def gradient(graph, x, cotangent=1.0, name="x"):
    trial = Trial({"out": graph}, {"x": np.asarray(x), "c": np.asarray(cotangent)}, dtype="float64")
    return trial.computed("numpy", "float64").gradients[name]


def near(found, right):
    return np.allclose(found, right, rtol=CLOSE, atol=0)


@pytest.mark.parametrize(("op", "x"), [*points(HERE), *points(FAR)])
def test_the_slope(op, x):
    assert near(gradient(f"sum({op}(x) * c)", [x], [1.0]), [SLOPES[op](x)])


@pytest.mark.parametrize(
    ("op", "x"),
    [
        *points({op: HERE[op] for op in VALUES}),
        *points({"sigmoid": FAR["sigmoid"], "tanh": FAR["tanh"], "expm1": FAR["expm1"]}),
        *points({"gelu": FAR["gelu"]}),
    ],
)
def test_the_value(op, x):
    trial = Trial({"out": f"{op}(x)"}, {"x": [x]}, dtype="float64")
    assert near(trial.computed("numpy", "float64").values["out"], [VALUES[op](x)])


@pytest.mark.parametrize("x", [1.0, 5.0, 20.0, 40.0])
def test_softmax_of_two_is_a_logistic(x):
    """d p_0 / d x = p_0 p_1 [1, -1] with p_0 = logistic(x): nothing is subtracted."""
    right = logistic(x) * logistic(-x) * np.array([1.0, -1.0])
    assert near(gradient("sum(softmax(x) * c)", [x, 0.0], [1.0, 0.0]), right)


@pytest.mark.parametrize("x", [1.0, 5.0, 20.0, 40.0])
def test_log_softmax_of_two_is_a_log_logistic(x):
    right = logistic(-x) * np.array([1.0, -1.0])
    assert near(gradient("sum(log_softmax(x) * c)", [x, 0.0], [1.0, 0.0]), right)


@pytest.mark.parametrize("x", [1.0, 5.0, 20.0, 40.0])
def test_the_value_of_log_softmax_of_two(x):
    trial = Trial({"out": "log_softmax(x)"}, {"x": [x, 0.0]}, dtype="float64")
    right = [-math.log1p(math.exp(-x)), -x - math.log1p(math.exp(-x))]
    assert near(trial.computed("numpy", "float64").values["out"], right)


@pytest.mark.parametrize("x", [1.0, 5.0, 20.0, 40.0])
def test_cross_entropy_of_two(x):
    trial = Trial(
        {"out": "cross_entropy(x, t)"},
        {"x": [[x, 0.0]], "t": np.array([0])},
        dtype="float64",
    )
    right = logistic(-x) * np.array([[-1.0, 1.0]])
    assert near(trial.computed("numpy", "float64").gradients["x"], right)


@pytest.mark.parametrize("x", [1.0, 40.0, -40.0])
def test_logsumexp_of_two(x):
    right = [logistic(x), logistic(-x)]
    assert near(gradient("logsumexp(x) * sum(c)", [x, 0.0], [1.0]), right)


@pytest.mark.parametrize("size", [1.0, 1e100, 1e200, 1e-200])
def test_the_length_neither_overflows_nor_underflows(size):
    """|[3, 4] s| = 5 s, with the gradient [3, 4] / 5 whatever s is."""
    trial = Trial({"out": "norm(x)"}, {"x": [3 * size, 4 * size]}, dtype="float64")
    computed = trial.computed("numpy", "float64")
    assert near(computed.values["out"], 5 * size)
    assert near(computed.gradients["x"], [0.6, 0.8])


@pytest.mark.parametrize("size", [1.0, 1e100, 1e200, 1e-200])
def test_the_standard_deviation_neither_overflows_nor_underflows(size):
    """std([-s, s]) = s, with the gradient [-1, 1] / 2 whatever s is."""
    trial = Trial({"out": "std(x)"}, {"x": [-size, size]}, dtype="float64")
    computed = trial.computed("numpy", "float64")
    assert near(computed.values["out"], size)
    assert near(computed.gradients["x"], [-0.5, 0.5])


@pytest.mark.parametrize(
    ("op", "x"), [("sigmoid", 40.0), ("tanh", 20.0), ("expm1", -40.0)], ids=str
)
def test_a_side_that_lost_all_digits_there_does_not_agree_plainly(op, x):
    trial = Trial({"out": f"sum({op}(x))"}, {"x": [0.25, x]}, both={"d x": [SLOPES[op](0.25), 0]})
    assert trial.warns("d x")
