"""Tolerance auto: rounding is not a bug, a bug is not rounding, and each is called by its name."""

from dataclasses import replace

import numpy as np
import pytest
from autocases import CASES, PAIR, case, draw, one_element, reasons, spoiled, verdict

from gradcmp.case import Auto, BackendSpec, Case, Expression, InputSpec
from gradcmp.errors import ExitCode


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_correct_implementation_shows_rounding(name, dtype):
    inputs = draw(CASES[name])
    judged = verdict(CASES[name], inputs, dtype=dtype)
    assert set(reasons(judged).values()) <= {"exact", "rounding"}
    assert judged.exit_code is ExitCode.AGREE


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    "change",
    [
        lambda d: -d,
        lambda d: d * 1.001,
        lambda d: d[::-1].copy(),
        lambda d: np.zeros_like(d),
        lambda d: d + d.mean(),
        one_element(1.01),
        one_element(1.001),
    ],
)
def test_a_wrong_gradient_is_a_bug(name, change):
    inputs = draw(CASES[name])
    judged = verdict(CASES[name], inputs, spoil=spoiled("y", change))
    assert reasons(judged)["d y"] == "bug"
    assert judged.exit_code is ExitCode.DISAGREE
    comparison = judged.comparisons[PAIR]["d y"]
    assert comparison.disagreeing > 0
    assert comparison.noise is None or comparison.noise.shrink > 1


def test_without_a_float64_run_it_is_only_suspect_and_still_fails():
    inputs = draw(CASES["deep"])
    judged = verdict(CASES["deep"], inputs, twin=False, spoil=spoiled("y", lambda d: -d))
    assert reasons(judged)["d y"] == "suspect"
    assert judged.exit_code is ExitCode.DISAGREE


def test_a_small_factor_on_everything_is_found_by_coherence():
    wide = replace(CASES["product"], inputs={n: InputSpec("normal", (64, 64)) for n in "xyz"})
    rng = np.random.default_rng(3)
    inputs = {n: rng.standard_normal((64, 64)).astype("f4").astype("f8") for n in "xyz"}
    factor = 1 + 2e-6  # 33 roundings; the noise of a mean is smaller still
    judged = verdict(wide, inputs, spoil=spoiled("y", lambda d: (d * factor).astype(d.dtype)))
    assert reasons(judged)["d y"] == "bug"


def test_an_unstable_but_correct_formula_loses_digits():
    stable = case(v="mean((x - mean(x)) ** 2)", out="1 / sqrt(v)")
    unstable = case(v="mean(x * x) - mean(x) ** 2", out="1 / sqrt(v)")
    inputs = {"x": np.random.default_rng(1).normal(30, 1, (4, 3)).astype("f4").astype("f8")}
    judged = verdict(stable, inputs, wrong=unstable)
    assert reasons(judged)["v"] == "precision"
    assert judged.exit_code is ExitCode.AGREE
    assert judged.warnings
    strict = verdict(replace(stable, strict=True), inputs, wrong=unstable)
    assert strict.exit_code is ExitCode.DISAGREE


def test_a_constant_that_is_only_float32_is_a_note():
    right, wrong = case(out="sum(x * 0.044715)"), case(out="sum(x * 0.0447149985)")
    judged = verdict(right, draw(right), wrong=wrong)
    assert reasons(judged)["d x"] == "note"
    assert judged.exit_code is ExitCode.AGREE
    assert judged.warnings


def test_lost_digits_beside_a_constant_that_is_only_float32_are_a_note_and_no_bug():
    right = case(v="mean((x - mean(x)) ** 2) + 0.044715", out="1 / sqrt(v)")
    wrong = case(v="mean(x * x) - mean(x) ** 2 + 0.0447149985", out="1 / sqrt(v)")
    inputs = {"x": np.random.default_rng(1).normal(30, 1, (4, 3)).astype("f4").astype("f8")}
    judged = verdict(right, inputs, wrong=wrong)
    assert reasons(judged)["v"] == "note"
    assert judged.exit_code is ExitCode.AGREE
    assert judged.warnings
    halved = case(v="mean(x * x) - mean(x) ** 2 + 0.0223", out="1 / sqrt(v)")
    assert reasons(verdict(right, inputs, wrong=halved))["v"] == "bug"


def test_ties_are_a_kink_and_a_sign_error_beside_them_a_bug():
    there, other = case(out="sum(maximum(x, y))"), case(out="sum(where(x >= y, x, y))")
    tied = {**draw(there), "y": draw(there)["x"]}
    judged = verdict(there, tied, wrong=other)
    assert reasons(judged)["d x"] == "kink"
    assert judged.exit_code is ExitCode.AGREE
    signed = verdict(there, tied, wrong=other, spoil=spoiled("x", lambda d: -d))
    assert reasons(signed)["d x"] == "bug"


def test_a_float16_overflow_is_out_of_range_and_fails():
    there = case(out="sum(x * x)")
    judged = verdict(there, {"x": np.full((4, 3), 200.0)}, dtype="float16")
    assert reasons(judged)["out"] == "range"
    assert "65504" in judged.comparisons[PAIR]["out"].verdict.detail
    assert judged.exit_code is ExitCode.DISAGREE


def test_a_nan_is_no_overflow():
    there = CASES["product"]
    judged = verdict(
        there, draw(there), spoil=spoiled("y", lambda d: np.where(d == d.max(), np.nan, d))
    )
    assert reasons(judged)["d y"] in ("non-finite", "dtype")
    assert judged.exit_code is ExitCode.DISAGREE


def test_the_bias_of_attention_keys_has_a_true_gradient_of_zero():
    there = Case(
        "keys",
        {"x": InputSpec("normal", (8, 4)), "b": InputSpec("normal", (4,))},
        {"s": Expression("softmax(x @ transpose(x + b), axis=-1)"), "out": Expression("s @ x")},
        "out",
        ("x", "b"),
        (BackendSpec("numpy"), BackendSpec("torch")),
        Auto(),
    )
    rng = np.random.default_rng(5)
    inputs = {
        k: rng.standard_normal(s).astype("f4").astype("f8") for k, s in (("x", (8, 4)), ("b", (4,)))
    }
    judged = verdict(there, inputs)
    assert reasons(judged)["d b"] in ("rounding", "exact")
    assert verdict(there, inputs, spoil=spoiled("b", lambda d: d + 1e-4)).disagreements


def test_tf32_matmuls_are_named():
    there = case(out="x @ transpose(y)")
    inputs = draw(there)

    def truncated(recording):
        if recording.dtype == "float64":
            return recording
        x, y = (recording.values[n].astype("f2").astype("f4") for n in "xy")  # 11 bits, like TF32
        return replace(recording, values={**recording.values, "out": x @ y.T})

    comparison = verdict(there, inputs, spoil=truncated).comparisons[PAIR]["out"]
    assert comparison.verdict.reason == "precision"
    assert "TF32" in comparison.verdict.detail


def test_a_verdict_repeats():
    inputs = draw(CASES["deep"])
    one, other = (verdict(CASES["deep"], inputs) for _ in range(2))
    assert one.comparisons == other.comparisons


def test_ulp_are_those_of_the_coarser_dtype():
    there = CASES["deep"]
    judged = verdict(there, draw(there), spoil=spoiled("y", one_element(1.01)))
    worst = judged.comparisons[PAIR]["d y"].worst
    spacing = float(np.spacing(np.float32(abs(worst.expected))))
    assert worst.ulp == pytest.approx(worst.absolute / spacing, rel=0.01)
