"""The side that is wrong is named wherever mathematics can tell; float64 sides are no exception."""

from __future__ import annotations

import numpy as np
import pytest
from trial import PAIR, Trial

from gradcmp.judge import judge, with_worse

RNG = np.random.default_rng(11)
X, Y = (RNG.standard_normal((4, 3)).astype("f4").astype("f8") for _ in range(2))
PRODUCT = {"out": "sum(X * Y)"}  # d X = Y, d Y = X
WRONG = {"negated": -X, "doubled": 2 * X, "zero": np.zeros((4, 3)), "times 1.00001": X * 1.00001}


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


@pytest.mark.parametrize("slope", [0.0, 2.0])
def test_who_is_wrong_where_kinks_cancel(slope):
    trial = Trial(ELU, AT_ZERO, both={"d x": [slope, 1.0, np.exp(-1.0)]})
    assert trial.side("d x") == "torch"


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
        ({"torch": np.nan, "jax": np.nan}, {"numpy", "torch", "jax"}),
        ({"torch": 1.0, "jax": 0.0}, {"numpy", "torch"}),
    ],
    ids=["three of four", "the reference", "all", "two in two ways"],
)
def test_the_wrong_group_is_named_in_full_wherever_the_reference_is(says, wrong):
    assert accused(groups(**says)) == wrong


def test_a_right_side_is_not_blamed_where_the_reference_is_nan():
    assert "jax" not in accused(groups(torch=1.0, jax=0.0))


@pytest.mark.parametrize(
    ("says", "together", "wrong"),
    [
        (
            {"torch": np.nan, "jax": np.nan, "tensorflow": 0.0},
            [("numpy", "torch", "jax"), ("tensorflow",)],
            ("numpy", "torch", "jax"),
        ),
        ({"torch": 0.0, "jax": 0.0}, [("numpy",), ("torch", "jax")], ("numpy",)),
        ({"torch": np.nan, "jax": np.nan}, [("numpy", "torch", "jax")], ("numpy", "torch", "jax")),
        (
            {"torch": 1.0, "jax": 0.0, "tensorflow": 1.0},
            [("numpy",), ("torch", "tensorflow"), ("jax",)],
            ("numpy", "torch", "tensorflow"),
        ),
    ],
    ids=["the reference and two", "the reference", "all", "two groups"],
)
def test_backends_are_grouped_by_what_they_computed(says, together, wrong):
    found = groups(**says).groups["d s"]
    assert [group.labels for group in found.groups] == together
    values = {"numpy": np.nan, **says}
    assert all(
        np.array_equal(group.value, values[label], equal_nan=True)
        for group in found.groups
        for label in group.labels
    )
    assert (found.index, found.wrong) == ((1,), wrong)
    assert found.truth == pytest.approx((0.0, 0.0), abs=1e-9)


def test_a_case_in_which_all_are_wrong_alike_warns_and_does_not_fail():
    verdict = groups(torch=np.nan, jax=np.nan)
    assert verdict.agrees
    assert any(name == "d s" for _, name, _ in verdict.warnings)


def test_who_takes_another_branch_is_no_wrong_group():
    """At 0 all slopes of relu from 0 to 1 are right, and one half is another group than 0."""
    trial = Trial({"out": "sum(relu(x))"}, {"x": [0.0, 1.0]}, both={"d x": [0.5, 1.0]})
    assert trial.reason("d x") == "kink"
    assert trial.side("d x") is None
    assert not any(groups.wrong for groups in trial.verdict.groups.values())


@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_an_open_branch_close_by_makes_nobody_wrong(slope):
    """In float64 a slope of 1, and in float32 1e-5 is lost beside 1000: then it is that of 0."""
    graph = {"h": "(x + 1000) - 1000", "out": "sum(relu(h))"}
    trial = Trial(graph, {"x": [1e-5, 1.0, -1.0]}, alone={"d x": [slope, 1.0, 0.0]})
    assert trial.agrees("d x")
    assert trial.side("d x") is None


def test_another_branch_is_another_group():
    trial = Trial(ELU, AT_ZERO, both={"d x": [2.0, 1.0, np.exp(-1.0)]})
    found = trial.verdict.groups["d x"]
    assert [group.labels for group in found.groups] == [("numpy",), ("torch",)]
    assert found.wrong == ("torch",)


@pytest.mark.parametrize(("slope", "side"), [(3 + 7e-7, "numpy"), (3.01, "torch and numpy")])
def test_rounding_beside_a_nan_of_the_other_is_not_wrong(slope, side):
    graph = {"n": "sqrt(s)", "kept": "where(n > 0.5, n, 3 * s)", "out": "sum(kept)"}
    trial = Trial(graph, {"s": [4.0, 0.0]}, both={"d s": [0.25, slope]})
    assert trial.side("d s") == side


SPREAD = {"v": "var(x, axis=1)", "out": "sum(log(v))"}  # d v = 1 / v, d x = 2 (x - m) / (n v)
FAR = np.random.default_rng(5).standard_normal((8, 16)) + 1e4


def spread(variance):
    centered = FAR - FAR.mean(axis=1, keepdims=True)
    return {"d v": 1 / variance, "d x": 2 * centered / (16 * variance[:, None])}


def test_digits_that_float64_lost_are_suspect_and_no_bug():
    """E[x²] - E[x]² at a mean of 10⁴ loses eight digits: it is right, and unstable."""
    variance = (FAR * FAR).mean(axis=1) - FAR.mean(axis=1) ** 2
    trial = Trial(SPREAD, {"x": FAR}, dtype="float64", both={"v": variance, **spread(variance)})
    for name in ("v", "d v", "d x"):
        assert (trial.reason(name), trial.side(name)) == ("suspect", "torch")
        assert "digits were lost in float64" in trial.words(name)


def test_more_than_float64_can_lose_is_a_bug():
    variance = FAR.var(axis=1) * (1 + 1e-5)
    trial = Trial(SPREAD, {"x": FAR}, dtype="float64", both={"v": variance, **spread(variance)})
    for name in ("v", "d v", "d x"):
        assert (trial.reason(name), trial.side(name)) == ("bug", "torch")


@pytest.mark.parametrize(("slope", "side"), [(5.0, "torch"), (0.0, None)])
def test_a_finite_number_is_told_at_the_end_of_a_domain(slope, side):
    """0 sqrt(x) has the slope 0 to the right of 0 and no other: the reference's NaN may stay."""
    trial = Trial({"out": "sum(0.0 * sqrt(x))"}, {"x": [0.0, 4.0]}, both={"d x": [slope, 0.0]})
    assert trial.side("d x") == side


def test_a_nan_in_one_element_of_the_output_hides_nobody_elsewhere():
    """The slope of the root of 4 is 1/4, whatever that of -1 is; the cotangent is drawn."""
    x = np.array([4.0, -1.0, 9.0])
    plain = Trial({"out": "sqrt(x)"}, {"x": x})
    with np.errstate(all="ignore"):
        wrong = plain.cotangent / (2 * np.sqrt(x)) * [1, 1, 1.5]
    trial = Trial(plain.graph, plain.inputs, both={"d x": wrong})
    assert trial.of("d x").worst.index == (2,)
    assert trial.side("d x") == "torch"


MAXIMA = {"out": "max(x)"}


@pytest.mark.parametrize("shares", [[1, 1, 0], [0, 0, 0], [0.25, 0.25, 0], [2, 1, 0]])
def test_who_is_wrong_of_shares_that_do_not_add_up(shares):
    """Moved together the two largest have one slope, 1; no element alone would tell."""
    trial = Trial(MAXIMA, {"x": [3.0, 3.0, 1.0]}, both={"d x": shares})
    assert not trial.agrees("d x")
    assert trial.side("d x") == "torch"


@pytest.mark.parametrize("shares", [(1, 1), (0, 0), (0.3, 0.3)])
def test_who_is_wrong_of_shares_of_two_operands(shares):
    x = np.array([0.5, -1.0])
    trial = Trial(
        {"out": "sum(maximum(a, b))"},
        {"a": x, "b": x},
        both={"d a": np.full(2, shares[0]), "d b": np.full(2, shares[1])},
    )
    assert not trial.agrees("d a")
    assert trial.side("d a") == "torch"


def test_who_was_wrong_in_one_of_several_runs_is_in_its_group():
    right, wrong = (Trial(PRODUCT, {"X": X, "Y": Y}, both={"d Y": d}) for d in (X, -X))
    assert with_worse(right.verdict, wrong.verdict).groups["d Y"].wrong == ("torch",)
    assert not with_worse(right.verdict, right.verdict).groups


def test_a_pair_that_agrees_accuses_nobody():
    trial = Trial(PRODUCT, {"X": X, "Y": Y})
    assert PAIR not in trial.verdict.findings
    assert not trial.verdict.groups
