"""An element within rounding of a branch is a matter of that element; all others are not.

Which branch it takes multiplies its own contribution by something from 0 to 1; what it does not
contribute to is as exact as ever.
"""

from __future__ import annotations

import numpy as np
import pytest
from trial import Trial


def blamed(trial):
    return [name for name in trial.both if not trial.agrees(name)]


# 0.1 is no number of float32: x[0] is above the threshold in float64 and on it in float32.
NEAR = {"x": np.array([0.1, 0.5, -0.3, 0.7, 0.9, -0.2])}
SQUARES = {"out": "sum(where(x > 0.1, x * x, 0))"}


def squares(times, at_threshold):
    x = np.asarray(NEAR["x"], "f4").astype("f8")
    d = np.where(x > 0.1, 2 * x, 0.0)
    d[0] = at_threshold * 2 * x[0]
    d[3] *= times
    return {"d x": d}


@pytest.mark.parametrize("at_threshold", [0, 1])
def test_either_branch_agrees_at_a_threshold_that_the_dtype_cannot_hold(at_threshold):
    assert not blamed(Trial(SQUARES, NEAR, both=squares(1, at_threshold)))


@pytest.mark.parametrize("at_threshold", [0, 1])
@pytest.mark.parametrize("times", [1.001, 1.01, 1.1])
def test_an_element_apart_from_the_threshold_is_as_exact_as_ever(times, at_threshold):
    assert blamed(Trial(SQUARES, NEAR, both=squares(times, at_threshold)))


@pytest.mark.parametrize("at_threshold", [0, 1])
@pytest.mark.parametrize("times", [1.001, 1.01, 1.1])
def test_the_element_that_is_wrong_is_the_worst(times, at_threshold):
    worst = Trial(SQUARES, NEAR, both=squares(times, at_threshold)).of("d x").worst
    assert worst.index == (3,)


# h = x a = [0.3 - 0.3, 0.9 - 0.4]: in float32 the first is 0, in float64 it is 7e-9. Its own
# contribution to d a is c [1, 3] with c from 0 to 1, that of the second is [3, 4].
PRODUCT = {"h": "x @ a", "out": "sum(relu(h))"}
LAYER = {"x": [[1.0, 3.0], [3.0, 4.0]], "a": [[0.3], [-0.1]]}


def layer(c, first=1.0, second=1.0, a=LAYER["a"]):
    """Return the gradients where h[0] counts c times, those of a spoiled."""
    back = np.array([[c], [1.0]])
    d = np.array([[c * 1 + 3], [c * 3 + 4.0]])
    return {"d h": back, "d x": back @ np.transpose(a), "d a": d * [[first], [second]]}


@pytest.mark.parametrize("c", [0, 0.5, 1])
def test_a_weight_behind_a_near_branch_takes_either(c):
    assert not blamed(Trial(PRODUCT, LAYER, both=layer(c)))


@pytest.mark.parametrize(
    ("c", "first", "second"),
    [(0, 1, 1.5), (1, 1, 1.5), (0, 1.5, 1), (1, 1, 1.1), (0, 1, 1.1), (1, 0.75, 1), (0, 1, 1.75)],
)
def test_a_weight_that_no_branch_gives_fails(c, first, second):
    """[3, 7] is no [c + 3, 3c + 4], though each number is one that some branch gives."""
    assert blamed(Trial(PRODUCT, LAYER, both=layer(c, first, second)))


EXACT = {"x": LAYER["x"], "a": [[0.75], [-0.25]]}  # h = [0, 1.25], in every dtype


@pytest.mark.parametrize("c", [0, 0.5, 1])
def test_a_weight_behind_an_exact_tie_takes_either(c):
    assert not blamed(Trial(PRODUCT, EXACT, both=layer(c, a=EXACT["a"])))


@pytest.mark.parametrize(
    ("c", "first", "second"), [(0, 1, 1.5), (0, 1, 1.1), (1, 0.75, 1), (0, 1, 1.75)]
)
def test_a_weight_that_no_branch_at_an_exact_tie_gives_fails(c, first, second):
    assert blamed(Trial(PRODUCT, EXACT, both=layer(c, first, second, EXACT["a"])))


@pytest.mark.parametrize(("c", "first", "second"), [(1, 1, 1.1), (0, 0.9, 1)])
def test_a_weight_outside_what_branches_at_an_exact_tie_give_fails(c, first, second):
    assert blamed(Trial(PRODUCT, EXACT, both=layer(c, first, second, EXACT["a"])))


# A row beside an exact kink, one ULP off it, and far from it: the others are judged alike.
ROWS = {"far": 0.5, "at": 0.0, "one ULP above": 2.0**-149, "one ULP below": -(2.0**-149)}
ERRORS = [1.001, 1.01, 1.1]
STEPS = {
    "relu": ("sum(w * relu(x))", lambda x: 1.0 * (x > 0)),
    "abs": ("sum(w * abs(x))", np.sign),
    "maximum": ("sum(w * maximum(x, 0.0))", lambda x: 1.0 * (x > 0)),
    "clip": ("sum(w * clip(x, 0.0, 9.0))", lambda x: 1.0 * (x >= 0)),
}


def beside(op, row, times):
    text, slope = STEPS[op]
    inputs = {"x": np.array([1.5, ROWS[row], -0.7, 2.0]), "w": np.array([1.0, 2.0, 3.0, 0.5])}
    d = inputs["w"] * slope(inputs["x"])
    d[0] *= times
    return Trial({"out": text}, inputs, both={"d x": d})


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("op", STEPS)
def test_what_is_right_beside_a_kink_agrees(op, row):
    assert not blamed(beside(op, row, 1.0))


@pytest.mark.parametrize("times", ERRORS)
@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("op", STEPS)
def test_what_is_wrong_beside_a_kink_fails(op, row, times):
    assert blamed(beside(op, row, times))


# After a matrix product the pre-activation of one row cancels to rounding.
def cancelling(times):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((6, 4)).astype("f4").astype("f8")
    a = rng.standard_normal((4, 1)).astype("f4").astype("f8")
    x[2, 3] = float(np.float32(-(x[2, :3] @ a[:3, 0]) / a[3, 0]))  # h[2] is nearly 0
    h = x @ a
    on = (h > 0).astype(float)
    on[2] = 1.0
    d = x.T @ on
    d[1] *= times
    return Trial(PRODUCT, {"x": x, "a": a}, both={"d a": d, "d h": on, "d x": on @ np.transpose(a)})


def test_a_row_that_cancels_takes_either_branch():
    assert not blamed(cancelling(1.0))


@pytest.mark.parametrize(
    "times",
    [
        1.001,
        1.01,
        1.1,
        2.0,
    ],
)
def test_an_error_beside_a_row_that_cancels_fails(times):
    assert blamed(cancelling(times))
