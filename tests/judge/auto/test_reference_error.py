"""One plain float32 run of the reference settles what is rounding, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from autocases import CASES, PAIR, case, draw, one_element, reasons, record, spoiled, verdict

from gradcmp.judge.auto.graph_noise import ROUGH_REPLICAS
from gradcmp.judge.auto.loudness import apart, is_close
from gradcmp.judge.auto.reference_error import (
    BOTH_RULE,
    ROUGH_RULES,
    ROUGHLY,
    RULE,
    WITHIN,
)

DEEP = CASES["deep"]
# The same by other formulas; with these inputs the error of the float32 run is small by chance.
REWRITTEN = case(a="tanh(x @ transpose(y))", b="1 / (1 + exp(-a))", out="log(sum(exp(b), axis=0))")
UNLUCKY = 17


def rules(judged):
    return {c.rule for c in judged.comparisons[PAIR].values()}


def test_rounding_needs_no_calibration(calibrations):
    judged = verdict(DEEP, draw(DEEP))
    assert set(reasons(judged).values()) <= {"exact", "rounding"}
    assert RULE in rules(judged)
    assert not calibrations
    assert not judged.weak


def test_what_is_settled_is_within_the_limit_that_it_states():
    close = np.float32(1 + 4e-7)  # some roundings off, in float32 alone

    def spoil(recording):
        change = spoiled("y", lambda d: d * close)
        return recording if recording.dtype == "float64" else change(recording)

    judged = verdict(DEEP, draw(DEEP), spoil=spoil)
    settled = [c for c in judged.comparisons[PAIR].values() if c.rule == RULE]
    assert settled
    for comparison in settled:
        assert comparison.agrees
        assert comparison.noise.multiple <= comparison.noise.limit == WITHIN
        assert comparison.worst.excess <= 1
        assert comparison.excess is None or comparison.excess.max() <= 1


def test_what_the_float64_runs_differ_by_is_a_second_error(calibrations):
    judged = verdict(DEEP, draw(DEEP, UNLUCKY), REWRITTEN)
    settled = judged.comparisons[PAIR]["d y"]
    assert set(reasons(judged).values()) <= {"exact", "rounding"}
    assert settled.rule == BOTH_RULE
    assert settled.noise.multiple <= settled.noise.limit
    assert settled.worst.excess <= 1
    assert not calibrations


@pytest.mark.parametrize("in_float64", [0.0, 1e-15, 1e-14, 1e-13, 1e-12])
@pytest.mark.parametrize("in_float32", [1e-5, 1e-4, 1e-3])
def test_float64_runs_that_differ_excuse_nothing(in_float32, in_float64):
    def spoil(recording):
        size = in_float64 if recording.dtype == "float64" else in_float32
        return spoiled("y", one_element(1 + size))(recording)

    judged = verdict(DEEP, draw(DEEP, UNLUCKY), REWRITTEN, spoil=spoil)
    assert not judged.comparisons[PAIR]["d y"].agrees


def test_float64_runs_that_are_the_same_are_no_second_error():
    for size in np.geomspace(1e-7, 1e-5, 20):

        def spoil(recording, factor=1 + size):
            change = spoiled("y", one_element(factor))
            return recording if recording.dtype == "float64" else change(recording)

        assert BOTH_RULE not in rules(verdict(DEEP, draw(DEEP), spoil=spoil))


@pytest.mark.parametrize("size", [1e-2, 1e-3, 1e-4, 1e-5, 1e-6])
@pytest.mark.parametrize(
    "make", [one_element, lambda factor: lambda d: (d * factor).astype(d.dtype)]
)
def test_what_float64_does_not_shrink_is_never_settled(make, size, calibrations):
    judged = verdict(DEEP, draw(DEEP), spoil=spoiled("x", make(1 + size)))
    assert reasons(judged)["d x"] in ("bug", "note")
    assert calibrations


@pytest.mark.parametrize("change", [lambda d: d * np.float32(1.001), one_element(1.01)])
def test_what_is_far_off_in_float32_alone_is_measured(change):
    def spoil(recording):
        return recording if recording.dtype == "float64" else spoiled("x", change)(recording)

    assert reasons(verdict(DEEP, draw(DEEP), spoil=spoil))["d x"] == "bug"


@pytest.mark.parametrize("name", ["deep", "softmax", "product"])
def test_what_is_off_in_float32_alone_is_measured_as_closely_as_without_a_float64_run(name):
    """The float64 run is right, and excuses nothing."""
    there = CASES[name]
    for size in (1e-5, 2e-5, 5e-5, 1e-4):
        change = spoiled("y", one_element(1 + size))

        def alone(recording, change=change):
            return recording if recording.dtype == "float64" else change(recording)

        with_twin, without = (
            verdict(there, draw(there), spoil=alone, twin=twin) for twin in (True, False)
        )
        failed = [not one.comparisons[PAIR]["d y"].agrees for one in (with_twin, without)]
        assert failed[0] == failed[1]
    assert failed[0]


@pytest.mark.parametrize(("dtype", "twin"), [("float32", False), ("bfloat16", True)])
def test_only_float32_with_a_float64_run_is_settled(dtype, twin, calibrations):
    judged = verdict(DEEP, draw(DEEP), dtype=dtype, twin=twin)
    assert RULE not in rules(judged)
    assert calibrations


@pytest.mark.parametrize("seed", range(3))
def test_few_replicas_settle_what_is_rounding_in_float64(seed, calibrations):
    judged = verdict(DEEP, draw(DEEP, seed), REWRITTEN, twin=False, dtype="float64")
    found = judged.comparisons[PAIR]
    assert set(reasons(judged).values()) <= {"exact", "rounding"}
    settled = [one for one in found.values() if one.rule == ROUGH_RULES["float64"]]
    assert settled
    assert all(one.noise.multiple <= one.noise.limit == ROUGHLY["float64"].r for one in settled)
    assert {replicas for _, replicas, _ in calibrations} == {ROUGH_REPLICAS}


@pytest.mark.parametrize("change", [one_element(1 + 1e-13), lambda d: d * (1 + 1e-14)])
def test_few_replicas_excuse_nothing_in_float64(change, calibrations):
    spoil = spoiled("y", change)
    judged = verdict(DEEP, draw(DEEP), REWRITTEN, twin=False, dtype="float64", spoil=spoil)
    assert reasons(judged)["d y"] == "suspect"
    assert not judged.comparisons[PAIR]["d y"].agrees


def test_a_gradient_of_zero_is_still_a_weak_check():
    zero = case(a="x - x", out="sum(a * y)")
    assert "d x" in verdict(zero, draw(zero)).weak


def test_the_same_infinity_beside_rounding_is_no_difference_and_warns():
    """log 0 is minus infinity everywhere; its neighbours are rounded."""
    logs = case(a="log(abs(tanh(x) * y))", out="a * z")
    inputs = draw(logs)
    inputs["x"][1, 1] = 0.0
    judged = verdict(logs, inputs)
    assert np.isinf(record("numpy", logs, inputs, "float64").values["a"]).sum() == 1
    assert reasons(judged)["a"] == "non-finite"
    assert not judged.disagreements
    assert judged.warnings
    assert verdict(logs, inputs, spoil=spoiled("z", one_element(1.01))).disagreements


def all_close(actual, expected, scale=0.0):
    return is_close(np.abs(expected), np.abs(apart(actual, expected)), scale).all()


def test_what_is_close_matches_infinities_and_nan_in_place():
    x = np.array([1.0, np.inf, -np.inf, np.nan])
    assert all_close(x, x.copy())
    assert not all_close(x, x[::-1].copy(), 1.0)
    assert not all_close(x, np.array([1.0, np.inf, np.inf, np.nan]), 1.0)
    assert not all_close(x, np.array([1 + 1e-6, np.inf, -np.inf, np.nan]), 1e-9)


def leaking(tiny):
    """A row of a gradient that is exactly zero, and what a backend has there, by dtype."""
    graph = case(a="tanh(x) * y", out="sum(exp(a) * z)")
    inputs = draw(graph)
    inputs["y"][0] = 0.0

    def spoil(recording):
        dx = recording.gradients["x"].copy()
        assert not dx[0].any()
        dx[0] = tiny[recording.dtype]
        return spoiled("x", lambda _: dx)(recording)

    return verdict(graph, inputs, spoil=spoil)


def test_an_exact_zero_of_the_reference_borrows_its_noise_from_the_tensor(calibrations):
    judged = leaking({"float32": 1e-8, "float64": 1e-17})
    assert reasons(judged)["d x"] == "rounding"
    assert not calibrations


def test_what_is_no_zero_in_float64_either_is_not_settled():
    assert reasons(leaking({"float32": 1e-8, "float64": 1e-8}))["d x"] == "bug"


NOTHING_LEFT = {  # d z is zero but for rounding; in the second graph a branch may be to blame
    "smooth": case(s="softmax(x + sum(z), axis=1)", out="sum(s * y)"),
    "branching": case(r="relu(x + 9)", s="softmax(r + sum(z), axis=1)", out="sum(s * y)"),
}


def test_only_a_branch_makes_a_zero_of_nothing_but_rounding_suspicious(calibrations):
    known = {}
    for name, there in NOTHING_LEFT.items():
        calibrations.clear()
        judged = verdict(there, draw(there))
        assert not judged.disagreements
        known[name] = bool(calibrations)
    assert known == {"smooth": False, "branching": True}


@pytest.mark.parametrize("in_float64", [True, False])
def test_what_is_wrong_beside_nothing_but_rounding_is_found(in_float64):
    there = NOTHING_LEFT["smooth"]

    def spoil(recording):
        kept = recording.dtype == "float64" and not in_float64
        return recording if kept else spoiled("z", lambda d: d + np.float32(1e-4))(recording)

    assert reasons(verdict(there, draw(there), spoil=spoil))["d z"] == "bug"
