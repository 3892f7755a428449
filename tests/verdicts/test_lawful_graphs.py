"""Random graphs of ties, and sides that chose other branches: none of them is wrong."""

from __future__ import annotations

import re

import conventions
import numpy as np
import pytest
from trial import Trial

pytestmark = pytest.mark.slow

GRAPHS = 30


def sides(dtype):
    """Draw graphs on whole numbers from -1 to 1, which tie, each with a side by a convention."""
    rng = np.random.default_rng(2 if dtype == "float32" else 3)
    while True:
        text = conventions.expression(rng, int(rng.integers(2, 4)))
        inputs = {name: rng.integers(-1, 2, (3, 3)).astype(float) for name in "xz"}
        convention = conventions.draw(rng)
        if not {"x", "z"} <= set(re.findall(r"\b[xz]\b", text)):
            continue
        plain = Trial({"out": f"sum({text})"}, inputs, dtype=dtype)
        with conventions.held(convention):
            fine, coarse = (plain.computed("torch", one) for one in ("float64", dtype))
        names = ("d x", "d z")
        yield Trial(
            plain.graph,
            inputs,
            both={name: fine.tensors[name] for name in names},
            alone={name: coarse.tensors[name] for name in names},
            dtype=dtype,
        )


def judged(dtype, spoil=lambda d: d):
    """Return how many sides are accepted without a bug, a suspicion or a note, and all."""
    accepted = []
    for _, trial in zip(range(GRAPHS), sides(dtype), strict=False):
        wrong = Trial(
            trial.graph,
            trial.inputs,
            both={name: spoil(np.asarray(d)) for name, d in trial.both.items()},
            alone={name: spoil(np.asarray(d)) for name, d in trial.alone.items()},
            dtype=dtype,
        )
        reasons = {wrong.reason(name) for name in wrong.both}
        accepted.append(reasons <= {"exact", "rounding", "kink"})
    return accepted


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_lawful_side_is_blamed(dtype):
    assert all(judged(dtype))


def test_conventions_matter_in_these_graphs():
    different = 0
    for _, trial in zip(range(GRAPHS), sides("float64"), strict=False):
        plain = trial.computed("numpy", "float64").tensors
        different += any(not np.array_equal(plain[name], trial.both[name]) for name in trial.both)
    assert different > GRAPHS / 4


def test_conventions_leave_no_trace():
    before = Trial({"out": "sum(relu(x))"}, {"x": [0.0]}).computed("numpy", "float64")
    for _ in zip(range(3), sides("float64"), strict=False):
        pass
    after = Trial({"out": "sum(relu(x))"}, {"x": [0.0]}).computed("numpy", "float64")
    assert after.gradients["x"].tolist() == before.gradients["x"].tolist() == [0.0]


def test_what_is_wrong_everywhere_is_hardly_ever_accepted():
    """Ten times what a convention gives: right only where it is zero."""
    assert sum(judged("float32", lambda d: 10 * d)) < GRAPHS / 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_wrong_in_one_element_is_blamed_on_nobody_else(dtype):
    """The reference's own choices are lawful, wherever a wrong number stands beside them."""
    named = []
    for number, trial in zip(range(GRAPHS), sides(dtype), strict=False):
        wrong = np.zeros((3, 3))
        wrong[divmod(number % 9, 3)] = 0.37
        off = Trial(
            trial.graph,
            trial.inputs,
            both={**trial.both, "d x": trial.both["d x"] + wrong},
            alone={**trial.alone, "d x": trial.alone["d x"] + wrong},
            dtype=dtype,
        )
        if not off.agrees("d x"):
            named.append(off.side("d x"))
    assert set(named) <= {"torch", None}
    assert named.count("torch") > 0.9 * len(named) > 0.7 * GRAPHS
