"""The side that is wrong is named wherever mathematics can tell; float64 sides are no exception."""

from __future__ import annotations

import numpy as np
import pytest
from trial import PAIR, Trial, lacking

from gradcmp.judge import judge

RNG = np.random.default_rng(11)
X, Y = (RNG.standard_normal((4, 3)).astype("f4").astype("f8") for _ in range(2))
PRODUCT = {"out": "sum(X * Y)"}  # d X = Y, d Y = X
WRONG = {"negated": -X, "doubled": 2 * X, "zero": np.zeros((4, 3)), "times 1.00001": X * 1.00001}


@lacking("a float64 side is not taken for its own float64 run")
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_float64_side_is_a_bug_and_named(wrong):
    trial = Trial(PRODUCT, {"X": X, "Y": Y}, dtype="float64", both={"d Y": wrong})
    assert (trial.reason("d Y"), trial.side("d Y")) == ("bug", "torch")


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_float32_side_is_a_bug_and_named(wrong):
    trial = Trial(PRODUCT, {"X": X, "Y": Y}, both={"d Y": wrong})
    assert (trial.reason("d Y"), trial.side("d Y")) == ("bug", "torch")


def test_a_right_float64_side_agrees():
    trial = Trial(PRODUCT, {"X": X, "Y": Y}, dtype="float64", both={"d Y": X, "d X": Y})
    assert not any(trial.warns(name) for name in ("d X", "d Y", "out"))


ELU = {"out": "sum(maximum(x, 0) + expm1(minimum(x, 0)))"}  # slope 1 at 0 from either side
AT_ZERO = {"x": [0.0, 1.0, -1.0]}
GIVES_UP = lacking("the arbiter gives up where its error is far smaller than the difference")


@GIVES_UP
@pytest.mark.parametrize("slope", [0.0, 2.0])
def test_who_is_wrong_where_kinks_cancel(slope):
    trial = Trial(ELU, AT_ZERO, both={"d x": [slope, 1.0, np.exp(-1.0)]})
    assert trial.side("d x") == "torch"


@GIVES_UP
def test_who_is_wrong_where_two_absolute_values_cancel():
    """|x| + x - |x| = x, with the slope 1 everywhere."""
    trial = Trial({"out": "sum(abs(x) + x - abs(x))"}, AT_ZERO, both={"d x": [3.0, 1.0, 1.0]})
    assert trial.side("d x") == "torch"


@pytest.mark.parametrize("lies", [(1.5, -1.0), (0.0, -1.5)])
def test_who_is_wrong_beside_a_kink(lies):
    """At 0 relu has no derivative; the other elements have."""
    right = [lies[0] if lies[0] != 1.5 else 0.0, 1.0, 0.0]
    wrong = [right[0], 1.0, lies[1]]
    trial = Trial({"out": "sum(relu(x))"}, AT_ZERO, both={"d x": wrong})
    assert trial.side("d x") == "torch"


@lacking("at a kink no derivative tells who is wrong, though no choice of a branch gives it")
@pytest.mark.parametrize(("graph", "slope"), [("relu(x)", 1.5), ("relu(x)", -0.5), ("abs(x)", 1.5)])
def test_who_is_wrong_at_a_kink(graph, slope):
    trial = Trial({"out": f"sum({graph})"}, {"x": [0.0, 1.0]}, both={"d x": [slope, 1.0]})
    assert not trial.agrees("d x")
    assert trial.side("d x") == "torch"


SMOOTH = {"a": "abs(x)", "h": "where(a < 0.5, x * x / 2 / 0.5, a - 0.25)", "out": "mean(h)"}


def test_a_value_has_a_wrong_side():
    """A smooth L1 of beta 1/2 that is not divided by beta: right as a gradient of itself."""
    x = np.array([0.1, 0.3, 2.0, -1.0])
    h = np.where(abs(x) < 0.5, x * x / 2, abs(x) - 0.25)
    trial = Trial(SMOOTH, {"x": x}, both={"h": h, "out": h.mean()})
    assert (trial.side("h"), trial.side("out")) == ("torch", "torch")


GROUPS = {"n": "sqrt(s)", "kept": "where(n > 0.5, n, 1)", "out": "sum(kept)"}  # d s = [1/4, 0]


def groups(**says):
    """Judge several sides, each with its gradient of s at 0."""
    trial = Trial(GROUPS, {"s": [4.0, 0.0]})
    outcomes = {"numpy": trial.computed("numpy", "float64")}
    twins = {}
    for label, slope in says.items():
        side = Trial(GROUPS, {"s": [4.0, 0.0]}, both={"d s": [0.25, slope]})
        outcomes[label] = side.verdict.recordings["torch"]
        twins[label] = side.verdict.twins["torch"]
    return judge(trial.case, "numpy", outcomes, twins)


def accused(verdict):
    sides = [by["d s"].side for by in verdict.findings.values() if "d s" in by]
    return {label for side in sides if side for label in side.split(" and ")}


@pytest.mark.parametrize(
    ("says", "wrong"),
    [
        ({"torch": np.nan, "jax": np.nan, "tensorflow": 0.0}, {"numpy", "torch", "jax"}),
        ({"torch": 0.0, "jax": 0.0, "tensorflow": 0.0}, {"numpy"}),
        pytest.param(
            {"torch": np.nan, "jax": np.nan},
            {"numpy", "torch", "jax"},
            marks=lacking("where all have the same NaN nobody is asked"),
        ),
        pytest.param(
            {"torch": 1.0, "jax": 0.0},
            {"numpy", "torch"},
            marks=lacking("a finite number that is wrong is not told beside a NaN of the other"),
        ),
    ],
    ids=["three of four", "the reference", "all", "two in two ways"],
)
def test_the_wrong_group_is_named_in_full_wherever_the_reference_is(says, wrong):
    assert accused(groups(**says)) == wrong


@lacking("beside a NaN of the reference no difference is allowed, and both sides are called wrong")
def test_a_right_side_is_not_blamed_where_the_reference_is_nan():
    assert "jax" not in accused(groups(torch=1.0, jax=0.0))


def test_a_pair_that_agrees_accuses_nobody():
    trial = Trial(PRODUCT, {"X": X, "Y": Y})
    assert PAIR not in trial.verdict.findings
