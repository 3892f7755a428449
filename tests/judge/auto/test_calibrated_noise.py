"""Precision has to be earned: what float64 shrinks is rounding only if it moves with the inputs.

The values of r are those that were measured before gradcmp computed any: docs/design/noise.md.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from autocases import CASES, PAIR, case, draw, one_element, reasons, record, spoiled, verdict

from gradcmp.judge import judge

FAILS = {"bug", "suspect"}


def in_one_dtype(spoil):
    """Spoil what is not in float64 alone."""
    return lambda recording: recording if recording.dtype == "float64" else spoil(recording)


CHANGES = {
    "negated": np.negative,
    "zero": np.zeros_like,
    "a thousandth more": lambda d: (d * 1.001).astype(d.dtype),
    "a hundred thousandth more": lambda d: (d * np.float64(1.00002)).astype(d.dtype),
    "one element": one_element(1.001),
    "reversed": lambda d: d[::-1],
    "a row of zeros": lambda d: np.concatenate([d[:1] * 0, d[1:]]),
}


# 0.1 % off behind a matrix product: what operands of TF32 do, too.
LIKE_TF32 = {("deep", "one element"), ("deep", "a thousandth more")}


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["product", "deep", "softmax"])
def test_what_is_wrong_in_one_dtype_alone_fails(name, change, live):
    there = CASES[name]
    judged = verdict(
        there, draw(there), spoil=in_one_dtype(spoiled("y", CHANGES[change])), live=live
    )
    comparison = judged.comparisons[PAIR]["d y"]
    if not live and (name, change) in LIKE_TF32:  # saved arrays alone cannot tell it from a unit
        assert comparison.verdict.warns
        assert "consistent with TF32 matmuls" in comparison.verdict.detail
        return
    assert comparison.verdict.reason in FAILS
    assert judged.exit_code == 1


def test_each_of_two_sides_with_the_same_bits_has_to_earn_it():
    """What a unit would explain is asked of both, not of the first alone."""
    there = CASES["deep"]
    wrong = in_one_dtype(spoiled("y", one_element(1.001)))
    ours, fine = (wrong(record("torch", there, draw(there), d)) for d in ("float32", "float64"))
    outcomes = {"numpy": record("numpy", there, draw(there), "float64"), "torch": ours}
    both = {**outcomes, "jax": replace(ours, backend="jax")}
    judged = judge(there, "numpy", both, {"torch": fine, "jax": replace(fine, backend="jax")})
    assert judged.unearned == {"torch": {"d y"}, "jax": {"d y"}}


@pytest.mark.parametrize("change", ["negated", "zero", "a row of zeros"])
def test_what_is_wrong_in_bfloat16_alone_fails(change):
    there = CASES["product"]
    wrong = in_one_dtype(spoiled("y", CHANGES[change]))
    judged = verdict(there, draw(there), dtype="bfloat16", spoil=wrong)
    assert reasons(judged)["d y"] in FAILS


def test_the_side_that_is_wrong_in_its_dtype_is_named():
    there = CASES["deep"]
    change = spoiled("y", one_element(1.01))
    comparison = verdict(there, draw(there), spoil=in_one_dtype(change)).comparisons[PAIR]["d y"]
    assert comparison.verdict.reason == "bug"
    assert "torch is right in float64 and wrong in float32" in comparison.verdict.detail


@pytest.mark.parametrize("mean", [30.0, 300.0])
def test_a_variance_as_a_difference_of_squares_is_precision(mean):
    unstable = case(
        s="x + " + str(mean),
        v="mean(s * s, axis=1, keepdims=True) - mean(s, axis=1, keepdims=True) ** 2",
        out="(s - mean(s, axis=1, keepdims=True)) / sqrt(v + 1e-5) * y",
    )
    stable = replace(
        case(
            s="x + " + str(mean),
            v="mean((s - mean(s, axis=1, keepdims=True)) ** 2, axis=1, keepdims=True)",
            out="(s - mean(s, axis=1, keepdims=True)) / sqrt(v + 1e-5) * y",
        )
    )
    judged = verdict(stable, draw(stable), wrong=unstable)
    assert not {*reasons(judged).values()} & FAILS
    assert "precision" in reasons(judged).values()
    saved = verdict(stable, draw(stable), wrong=unstable, live=False)
    assert "suspect" in reasons(saved).values()
    assert saved.unearned.keys() == {"torch"}


def test_lost_digits_beside_a_small_difference_in_float64_are_earned_as_well():
    """A note above the noise: live runs earn it, and a kernel that is wrong in float32 does not."""
    stable = case(s="x + 300", v="mean((s - mean(s, axis=1, keepdims=True)) ** 2, axis=1)")
    unstable = case(s="x + 300", v="mean(s * s, axis=1) - mean(s, axis=1) ** 2")

    def off(recording, factor=1 + 1e-8):
        return replace(recording, values={**recording.values, "v": recording.values["v"] * factor})

    def wrong(recording):
        return off(recording, 1.1 if recording.dtype == "float32" else 1 + 1e-8)

    judged = verdict(stable, draw(stable), wrong=unstable, spoil=off)
    assert reasons(judged)["v"] == "note"
    assert judged.comparisons[PAIR]["v"].noise.multiple > 8
    assert reasons(verdict(stable, draw(stable), spoil=wrong))["v"] == "bug"


def test_matmuls_of_tf32_are_precision_even_where_nothing_can_run_again():
    there = case(out="x @ transpose(y)")

    def truncated(recording):
        x, y = ((recording.values[n].view("u4") & 0xFFFFE000).view("f4") for n in "xy")
        return replace(recording, values={**recording.values, "out": x @ y.T})

    for live in (True, False):
        judged = verdict(there, draw(there), spoil=in_one_dtype(truncated), live=live)
        assert reasons(judged)["out"] == "precision"


def test_a_cause_that_was_found_is_never_precision():
    there = CASES["product"]
    judged = verdict(there, draw(there), spoil=in_one_dtype(spoiled("y", np.negative)))
    found = judged.findings[PAIR]["d y"]
    assert [cause.text for cause in found.causes] == ["the sign is flipped"]
    assert found.side == "torch"
