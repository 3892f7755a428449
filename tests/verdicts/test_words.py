"""What is said beside a verdict: causes that are causes, counts that count, digits that agree."""

from __future__ import annotations

import math

import numpy as np
import pytest
from trial import Trial

NAN = np.nan
W = np.array([[0.5, 0.9], [0.11, 0.4]])
PRODUCT = {"out": "sum(x * w)"}
SQUARE = {"x": [[0.3, 1.2], [2.0, 0.7]], "w": W}


def causes(trial, name):
    return [cause.text for cause in trial.finding(name).causes]


def test_a_factor_of_two_is_named():
    trial = Trial(PRODUCT, SQUARE, both={"d x": 2 * W})
    assert any("2 × too large" in text for text in causes(trial, "d x"))


def test_twice_is_not_explained_by_an_axis_of_length_two():
    trial = Trial(PRODUCT, SQUARE, both={"d x": 2 * W})
    assert not any("axis" in text for text in causes(trial, "d x"))


def test_a_length_that_is_no_coincidence_is_named():
    """A mean over five that is a sum: the gradient is five times what it should be."""
    x = np.arange(1.0, 6.0)
    trial = Trial({"out": "mean(x * x)"}, {"x": x}, both={"d x": 2 * x})
    assert any("5 is the length of axis 0" in text for text in causes(trial, "d x"))


def test_no_gradient_is_the_cause_of_a_value():
    """A value comes before all gradients."""
    x, w = np.array([1.0, 2.0, 3.0]), np.array([3.0, 1.0, 2.0])
    trial = Trial({"h": "x * w", "out": "sum(h)"}, {"x": x, "w": w}, both={"h": x * w + w})
    assert not trial.agrees("h")
    assert not any("'d " in text for text in causes(trial, "h"))


@pytest.mark.parametrize(
    ("graph", "x", "d"),
    [
        ("sum(clip(x, 0, 1))", [1.0, 1.0], [0, 0]),
        ("sum(maximum(x, 1.0))", [1.0, 1.0], [1, 1]),
        ("sum(relu(x))", [0.0, 0.0], [1, 1]),
    ],
    ids=["clip", "maximum", "relu"],
)
def test_a_kink_has_no_other_cause(graph, x, d):
    trial = Trial({"out": graph}, {"x": x}, both={"d x": d})
    if trial.reason("d x") != "kink":
        pytest.fail("it is no kink", pytrace=False)
    says = " ".join(causes(trial, "d x"))
    assert not says or "tie" in says


@pytest.mark.parametrize(
    "twin",
    [
        True,
        False,
    ],
)
@pytest.mark.parametrize("times", [1.0002, 1.0005, 1.001])
def test_no_matrix_product_no_unit_for_it(times, twin):
    """x^2 by hand, a little off: what a unit of TF32 would leave, had it anything to multiply."""
    x = np.array([0.1, 0.5, -0.3, 0.7, 0.9, -0.2])
    d = np.where(np.asarray(x, "f4") > 0.1, 2 * x, 0.0) * [1, 1, 1, times**5, 1, 1]
    keys = {"both": {"d x": d}, "twin": False} if not twin else {"alone": {"d x": d}}
    trial = Trial({"out": "sum(where(x > 0.1, x * x, 0))"}, {"x": x}, **keys)
    assert "matmul" not in trial.words("d x")
    assert not trial.agrees("d x")


@pytest.mark.parametrize(
    ("said", "right"),
    [
        (1.2, 0.5),
        (-0.5, 0.5),
        (50.0, 0.5),
    ],
    ids=["140 % off", "the other sign", "a hundred times"],
)
def test_no_fewer_than_no_digits_agree(said, right):
    trial = Trial(PRODUCT, {"x": [1.0, 2.0], "w": [right, 0.25]}, both={"d x": [said, 0.25]})
    assert trial.of("d x").noise.digits >= 0


def test_digits_that_agree_are_counted():
    """A thousandth off: three digits agree."""
    trial = Trial(PRODUCT, {"x": [1.0, 2.0], "w": [0.5, 0.25]}, both={"d x": [0.5005, 0.25]})
    assert math.isclose(trial.of("d x").noise.digits, 3, abs_tol=0.01)


STEEP = {"out": "sum(sin(x) * 1e3 - x * 999)"}  # d x = 1000 cos x - 999 cancels near 0


def test_beside_a_nan_rounding_does_not_count():
    x = np.array([[0.01, 0.02, 0.03], [0.011, 0.022, 0.033], [0.04, 0.05, 0.06]])
    trial = Trial(STEEP, {"x": x})
    d = trial.computed("torch", "float32").gradients["x"].astype("f8")
    lost = np.abs(d - trial.computed("numpy", "float64").gradients["x"]) > 4e-7 * np.abs(d)
    if not lost.any():
        pytest.fail("no element lost digits", pytrace=False)
    if not Trial(STEEP, {"x": x}).agrees("d x"):
        pytest.fail("it is not rounding", pytrace=False)
    d[0, 0] = NAN
    comparison = Trial(STEEP, {"x": x}, alone={"d x": d}).of("d x")
    assert comparison.verdict.reason == "non-finite"
    assert comparison.disagreeing == 1


def test_beside_a_nan_what_is_wrong_counts():
    x = np.array([0.5, 1.0, 1.5])
    d = np.cos(x) * [NAN, 1.5, 1.0]
    comparison = Trial({"out": "sum(sin(x))"}, {"x": x}, both={"d x": d}).of("d x")
    assert comparison.disagreeing == 2
