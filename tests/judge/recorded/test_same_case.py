"""Recordings of one case: judged by its noise, whoever computed them and whenever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from squares import DY, PAIR, TABLE, X, of, reasons, square

from gradcmp.case import Auto, Expression
from gradcmp.errors import ExitCode, NothingComparedError
from gradcmp.judge.recorded.pair import Names, judge_against_golden, judge_pair
from gradcmp.judge.verdict import Pair
from gradcmp.recording import COTANGENT, Failure, Origin, Recording, fingerprint


def test_a_backend_that_lost_digits_is_told_from_one_that_was_changed():
    """One backend at two times, both also in float64: did that move as much as float32 did?"""
    origin, off = square().origin, 1 + 1e-3
    old = of(square(), "torch", given={"X": X, COTANGENT: DY}, twin=square("float64"))
    moved = {name: array * np.float32(off) for name, array in old.gradients.items()}
    moved["Y"] = old.gradients["Y"]
    alone = replace(old, gradients=moved)
    fine = old.twin.gradients["X"] * (1 + 1e-3 * 2.0**-29)
    both = replace(alone, twin=replace(old.twin, gradients={**old.twin.gradients, "X": fine}))
    wrong = replace(
        alone, twin=replace(old.twin, gradients={**old.twin.gradients, "X": fine * off})
    )
    bare = replace(alone, twin=None)
    noise = {"d X": 1e-3 * np.abs(old.gradients["X"])}  # as runs at nudged inputs would tell

    def reason(now):
        verdict = judge_against_golden(origin, {"torch": now}, {"torch": old})
        return verdict.comparisons[Pair("torch", "torch (golden)")]["d X"].verdict.reason

    assert reason(old) == "exact"
    assert reason(alone) == "suspect"
    assert reason(both) == "suspect"
    assert reason(replace(both, own_noise=noise)) == "precision"
    assert reason(replace(both, own_noise={"d X": noise["d X"] / 100})) == "bug"
    assert reason(wrong) == "bug"
    assert reason(bare) == "suspect"


def test_two_backends_may_lose_digits_in_float32_alone():
    """Between two backends, unlike one at two times, that is precision if it moves with inputs."""
    one = of(square(), "torch", given={"X": X, COTANGENT: DY}, twin=square("float64"))
    other = of(one, "jax", gradients={**one.gradients, "X": one.gradients["X"] * np.float32(1.001)})
    verdict = judge_pair(PAIR, one, other, Auto())
    assert verdict.comparisons[PAIR]["d X"].verdict.reason == "suspect"
    noise = {"d X": 1e-3 * np.abs(one.gradients["X"])}
    verdict = judge_pair(
        PAIR, replace(one, own_noise=noise), replace(other, own_noise=noise), Auto()
    )
    assert verdict.comparisons[PAIR]["d X"].verdict.reason == "precision"
    same = judge_pair(PAIR, one, of(other, "torch"), Auto())
    assert same.comparisons[PAIR]["d X"].verdict.reason == "suspect"


def test_a_recorded_reference_that_is_off_is_not_believed():
    """Nor may an exact tie hide it, as it may where the reference is the truth."""
    zeros = {"X": np.zeros((4, 3)), "Y": np.zeros((4, 3))}
    case = replace(square().origin.case, graph={"Y": Expression("relu(X)")})
    origin = Origin(case, {"X": fingerprint(zeros["X"]), COTANGENT: fingerprint(DY)})

    def recorded(backend, dtype, gradient):
        values = {name: array.astype(dtype) for name, array in zeros.items()}
        gradients = {"Y": DY.astype(dtype), "X": gradient.astype(dtype)}
        return Recording(backend, dtype, values, gradients, origin=origin)

    torch = recorded("torch", "float32", np.zeros((4, 3)))
    torch = replace(torch, given={COTANGENT: DY})
    right, off = (recorded("numpy", "float64", each) for each in (np.zeros((4, 3)), 2 * DY))
    right, off = (replace(each, given={}) for each in (right, off))
    assert judge_pair(PAIR, torch, right, Auto()).agrees
    verdict = judge_pair(PAIR, torch, off, Auto())
    assert reasons(verdict) == {"d X": "bug"}


def test_who_is_wrong_of_two_recordings_is_told_without_the_one_that_told_it():
    given = {COTANGENT: DY, "X": X}
    right = replace(square("float64"), backend="torch", given={})
    off = replace(right, gradients={"Y": DY, "X": -right.gradients["X"]})
    verdict = judge_pair(PAIR, off, replace(right, backend="jax", given=given), Auto())
    groups = verdict.groups["d X"]
    assert [group.labels for group in groups.groups] == [(PAIR.expected,), (PAIR.actual,)]
    assert groups.wrong == (PAIR.actual,)
    assert groups.truth == pytest.approx([(2 * X * DY)[groups.index]] * 2)
    assert reasons(verdict) == {"d X": "bug"}


def test_an_old_recording_that_lost_its_inputs_is_judged_by_the_table():
    verdict = judge_pair(PAIR, square(), square(), Auto())
    assert verdict.case.tolerance == TABLE
    assert "default for float32" in verdict.comparisons[PAIR]["d X"].rule
    one = judge_pair(PAIR, square(), square("float64"), Auto())  # whose inputs are those handed
    assert one.case.tolerance == Auto()


def test_only_some_tensors_are_judged_by_the_noise_too():
    verdict = judge_pair(PAIR, square(), square("float64"), Auto(), Names(only=("d X",)))
    assert verdict.tensors == ("d X",)
    assert "auto" in verdict.comparisons[PAIR]["d X"].rule
    assert set(verdict.sensitivity) <= {"d X"}
    with pytest.raises(NothingComparedError):
        judge_pair(PAIR, square(), square("float64"), Auto(), Names(only=("X",)))


def test_a_golden_recording_that_drifted_is_found():
    now = {"numpy": square("float64"), "torch": square()}
    assert judge_against_golden(square().origin, now, now).agrees
    drifted = replace(square(), gradients={k: a * 1.001 for k, a in square().gradients.items()})
    verdict = judge_against_golden(square().origin, now, {**now, "torch": drifted})
    wrong = {(str(pair), name) for pair, name, _ in verdict.disagreements}
    assert wrong == {("torch – torch (golden)", name) for name in ("d X", "d Y")}


def test_a_backend_that_failed_stays_a_failure():
    lost = Failure("torch", "crashed", "it crashed")
    verdict = judge_against_golden(
        square().origin,
        {"numpy": square("float64"), "torch": lost},
        {"numpy": square("float64")},
    )
    assert verdict.failures == (lost,)
    assert verdict.exit_code is ExitCode.COULD_NOT_COMPARE
