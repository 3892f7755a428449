"""Faults in the tested dtype alone: `selftest` finds each as a bug, however right float64 is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from autocases import CASES, PAIR, case, draw, record

from gradcmp.case import DType
from gradcmp.judge import judge
from gradcmp.judge.auto.calibrated_noise import CalibratedNoise
from gradcmp.judge.comparison import Verdict
from gradcmp.judge.mutation.mutants import MUTANTS, changes
from gradcmp.judge.noise.own import Run, nudged_inputs
from gradcmp.judge.selftest import selftest
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import numpy_dtype

NAMES = ("product", "deep", "softmax")


def unasked(self: CalibratedNoise, verdict: Verdict, *rest: object) -> Verdict:
    """Take for earned whatever shrinks in float64: a sabotage."""
    return verdict


def ran(name: str, dtype: DType = "float32") -> tuple[CaseVerdict, list[Run]]:
    """Return the verdict on a right side, and that side at nudged inputs."""
    there = CASES[name]
    inputs = {key: x.astype(numpy_dtype(dtype)).astype(float) for key, x in draw(there).items()}

    def run(arrays: dict[str, np.ndarray]) -> Run:
        held = {key: x.astype(numpy_dtype(dtype)).astype(float) for key, x in arrays.items()}
        return record("torch", there, held, dtype), record("torch", there, held, "float64")

    ours, fine = run(inputs)
    outcomes = {"numpy": record("numpy", there, inputs, "float64"), "torch": ours}
    verdict = judge(there, "numpy", outcomes, {"torch": fine})
    return verdict, [run(arrays) for arrays in nudged_inputs(inputs, dtype)]


def fates(name: str, nudged: Sequence[Run] | None, verdict: CaseVerdict) -> set[str]:
    found = selftest(verdict, "torch", nudged=nudged)
    return {fate for by in found.values() for fate in by.values()} - {"not applicable"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_fault_in_one_dtype_alone_is_killed(name: str, dtype: DType) -> None:
    verdict, nudged = ran(name, dtype)
    assert fates(name, nudged, verdict) == {"killed"}
    assert fates(name, None, verdict) == {"killed"}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_killed_as_a_bug_of_that_dtype(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict, nudged = ran(name)
    seen = []

    def watched(*args: object, **kwargs: object) -> CaseVerdict:
        seen.append(judge(*args, **kwargs))  # type: ignore[arg-type]
        return seen[-1]

    monkeypatch.setattr("gradcmp.judge.selftest.judge", watched)
    selftest(verdict, "torch", nudged=nudged)
    wrong = [one for judged in seen for _, _, one in judged.disagreements]
    assert {one.verdict.reason for one in wrong} == {"bug"}
    assert any("right in float64 and wrong in float32" in one.verdict.detail for one in wrong)


def test_a_judge_that_takes_it_for_lost_digits_lets_it_survive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verdict, nudged = ran("deep")
    monkeypatch.setattr(CalibratedNoise, "_earned", unasked)
    assert "survived" in fates("deep", nudged, verdict)
    assert fates("deep", None, verdict) == {"killed"}


def test_strict_does_not_make_precision_a_fault_that_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(CASES, "strict", case(True, a="tanh(x @ transpose(y))", out="exp(a)"))
    verdict, nudged = ran("strict")
    monkeypatch.setattr(CalibratedNoise, "_earned", unasked)
    assert "survived" in fates("strict", nudged, verdict)


def test_without_the_nudged_runs_it_is_suspect_and_fails() -> None:
    verdict, _ = ran("product")
    assert fates("product", [], verdict) == {"killed"}


def test_a_change_does_the_same_to_the_gradient_at_other_inputs() -> None:
    first, other = np.random.default_rng(0).standard_normal((2, 5, 5)).astype(np.float32)
    for name, change in changes(first, np.random.default_rng(1)).items():
        if change is None:
            assert name == "float32"
            continue
        assert change(other).dtype == np.float32
        places = [np.flatnonzero(change(array) != array) for array in (first, other)]
        assert places[0].tolist() == places[1].tolist()
        assert places[0].size == (1 if name == "one off" else 20 if name == "transposed" else 25)


def test_a_gradient_that_is_one_number_keeps_its_shape() -> None:
    number = np.asarray(1.5, np.float32)
    known = changes(number, np.random.default_rng(0))
    assert known.keys() == MUTANTS.keys()
    assert {change(number).shape for change in known.values() if change} == {()}


def test_what_is_spoiled_is_the_side_and_not_the_reference() -> None:
    verdict, nudged = ran("product")
    before = {name: array.copy() for name, array in verdict.recordings["torch"].tensors.items()}
    selftest(verdict, "torch", nudged=nudged)
    after = verdict.recordings["torch"].tensors
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert all(one.agrees for one in verdict.comparisons[Pair("torch", "numpy")].values())
    assert Pair("torch", "numpy") == PAIR
