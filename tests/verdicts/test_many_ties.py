"""Deep graphs of ties, a near tie beside an exact one, and more ties than are judged together."""

from __future__ import annotations

import re

import conventions
import numpy as np
import pytest
from trial import Trial

from gradcmp.judge.auto.calibrated_noise import TOO_MANY

ENOUGH = {"exact", "rounding", "kink"}
MORE = ("clip({}, -1, 1)", "relu({})", "abs({})", "max({}, axis=1, keepdims=True)")
MORE += ("min({}, axis=0, keepdims=True)",)
# Of 1200 graphs those that were once called bugs, each for a reason of its own, and some more.
SEEDS = (47, 132, 153, 267, *range(300, 320))


def expression(rng, depth):
    """Draw an expression in x and z, deeper than those of `conventions` and with clips."""
    if not depth:
        return str(rng.choice(["x", "z"]))
    kind = rng.random()
    if kind < 0.5:
        table = MORE if kind < 0.4 else conventions.SMOOTH
        return str(rng.choice(table)).format(expression(rng, depth - 1))
    other = int(rng.integers(0, depth))
    first = expression(rng, depth - 1)
    return str(rng.choice(conventions.TWO)).format(first, expression(rng, other))


def lawful(seed, dtype, spoil=lambda d: d):
    """Return a side that took branches by a convention of its own; `spoil` makes it wrong."""
    rng = np.random.default_rng([99, seed])
    text = ""
    while not {"x", "z"} <= set(re.findall(r"\b[xz]\b", text)):
        text = expression(rng, int(rng.integers(2, 6)))
        inputs = {name: rng.integers(-1, 2, (3, 3)).astype(float) for name in "xz"}
        convention = conventions.draw(rng)
    plain = Trial({"out": f"sum({text})"}, inputs, dtype=dtype)
    with conventions.held(convention):
        fine, coarse = (plain.computed("torch", one) for one in ("float64", dtype))
    both, alone = (
        {name: spoil(np.asarray(run.tensors[name], float)) for name in ("d x", "d z")}
        for run in (fine, coarse)
    )
    return Trial(plain.graph, inputs, both=both, alone=alone, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", SEEDS)
def test_no_lawful_side_of_a_deep_graph_is_blamed(seed, dtype):
    trial = lawful(seed, dtype)
    assert {trial.reason(name) for name in trial.both} <= ENOUGH


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_wrong_everywhere_in_a_deep_graph_is_hardly_ever_accepted(dtype):
    trials = [lawful(seed, dtype, lambda d: 10 * d + 0.37) for seed in SEEDS]
    assert all(not (trial.agrees("d x") and trial.agrees("d z")) for trial in trials)


def beside_near_ties(*first_row):
    """The first row is tied exactly; in all others rounding decides on the larger."""
    rows = [[3.0, 3.0, 1.0], *([k, k * (1 - 2.0**-23), 0.0] for k in range(1, 12))]
    plain = Trial({"out": "max(x, axis=1)"}, {"x": rows})
    right = np.array([first_row, *[[1.0, 0.0, 0.0]] * 11]) * plain.cotangent[:, None]
    return Trial(plain.graph, plain.inputs, both={"d x": right})


@pytest.mark.parametrize("row", [(1, 1, 0), (0, 0, 0), (0.25, 0.25, 0)])
def test_near_ties_do_not_hide_what_is_wrong_at_an_exact_one(row):
    """Where the reference has a zero, noise is the smallest number, and a jump is enormous."""
    assert not beside_near_ties(*row).agrees("d x")


@pytest.mark.parametrize("row", [(1, 0, 0), (0, 1, 0), (0.5, 0.5, 0)])
def test_a_lawful_choice_beside_near_ties_agrees(row):
    assert beside_near_ties(*row).agrees("d x")


def rectified(count):
    """Every element is at the kink, and each backend may choose for each."""
    return Trial({"out": "sum(relu(x))"}, {"x": np.zeros(count)}, both={"d x": np.ones(count)})


def test_more_ties_than_can_be_judged_together_are_told():
    assert rectified(300).reason("d x") == "kink"
    assert TOO_MANY in rectified(300).of("d x").verdict.detail
    assert TOO_MANY not in rectified(20).of("d x").verdict.detail


def test_more_ties_between_two_tensors_than_can_be_judged_together_are_told():
    a, ones = np.arange(300.0), np.ones(300)
    trial = Trial(
        {"out": "sum(maximum(a, b))"}, {"a": a, "b": a}, both={"d a": ones, "d b": 0 * ones}
    )
    assert trial.reason("d a") == trial.reason("d b") == "kink"
    assert TOO_MANY in trial.of("d a").verdict.detail
    assert TOO_MANY in trial.of("d b").verdict.detail


def test_each_number_by_itself_is_still_judged():
    """Too many for all together, and one beyond what any choice gives."""
    wrong = np.ones(300)
    wrong[7] = 1.5
    assert not Trial({"out": "sum(relu(x))"}, {"x": np.zeros(300)}, both={"d x": wrong}).agrees(
        "d x"
    )
