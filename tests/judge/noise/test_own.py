"""Nudged inputs, and the noise of a backend's own code at them."""

from __future__ import annotations

import autocases
import numpy as np
import pytest
from autocases import case, draw, reasons, spoiled, verdict

from gradcmp.judge.noise import own
from gradcmp.judge.noise.own import NUDGE, POINTS, nudged_inputs, own_noise
from gradcmp.recording import Recording


def test_numbers_of_one_size_are_nudged_alike_in_whichever_input_they_are():
    x, y = np.array([[1.5, 2.0], [1.5, 0.0]]), np.array([-1.5, 3.0])
    runs = [*nudged_inputs({"x": x, "n": np.arange(3), "y": y}, "float32")]
    assert len(runs) == POINTS
    for run in runs:
        assert [*run] == ["x", "n", "y"]
        assert run["x"][0, 0] == run["x"][1, 0] == -run["y"][0] != 1.5
        assert run["x"][1, 1] == 0
        assert run["n"].tolist() == [0, 1, 2]
        factors = np.array([run["x"][0, 0] / 1.5, run["x"][0, 1] / 2, run["y"][1] / 3])
        assert len(set(factors)) == 3
        assert np.all(np.abs(factors - 1) < 6 * NUDGE)


def test_what_has_no_real_input_stays():
    (run, *_) = nudged_inputs({"n": np.arange(3)}, "float32")
    assert run["n"].tolist() == [0, 1, 2]


def tied():
    """Judge torch, which gives the whole gradient to both of two tied maxima, in float32 alone."""
    there = case(a="max(x, axis=1)", out="sum(a * a * a)")
    inputs = draw(there)
    inputs["x"][1] = [2.25, 2.25, 1.0]

    def spoil(recording):
        x, dx = recording.values["x"], recording.gradients["x"].copy()
        if recording.dtype == "float32" and x[1, 0] == x[1, 1]:
            dx[1, :2] *= 2
        return type(recording)(
            recording.backend, recording.dtype, recording.values, {**recording.gradients, "x": dx}
        )

    return verdict(there, inputs, spoil=spoil)


def test_what_is_wrong_at_a_tie_in_one_dtype_alone_is_a_bug():
    assert reasons(tied())["d x"] == "bug"


def test_where_the_ties_are_broken_it_would_pass(monkeypatch: pytest.MonkeyPatch):
    """Sabotage: each element is nudged by itself."""

    def apart(inputs, dtype):
        for k in range(POINTS):
            rng = np.random.default_rng(k)
            yield {n: x * (1 + NUDGE * rng.standard_normal(x.shape)) for n, x in inputs.items()}

    monkeypatch.setattr(autocases, "nudged_inputs", apart)
    assert reasons(tied())["d x"] == "precision"


def off_by_a_hundredth():
    """Judge torch, of which one element of a steep gradient is off, in float32 alone."""
    there = case(out="logsumexp(x, axis=1)")
    inputs = draw(there, x=200 + 3 * np.random.default_rng(0).standard_normal((4, 3)))

    def spoil(recording):
        dx = recording.gradients["x"].copy()
        dx.flat[8] *= np.float32(1.01)
        return spoiled("x", lambda _: dx)(recording) if dx.dtype == np.float32 else recording

    return verdict(there, inputs, spoil=spoil)


def test_a_small_factor_is_a_bug_where_nudges_change_the_number_itself():
    assert reasons(off_by_a_hundredth())["d x"] == "bug"


def test_it_would_pass_where_the_factor_is_not_asked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(own, "_growth", lambda difference, fine: np.ones_like(fine))
    assert reasons(off_by_a_hundredth())["d x"] == "precision"


def test_what_has_lost_all_digits_is_not_off_by_a_factor():
    """Zero where the number is too small: off by the number itself at all points, and right."""
    fine = np.exp(np.linspace(-30.0, 0.0, 31))
    coarse = np.where(fine < 2.0**-24, 0.0, fine).astype(np.float32)

    def run(factor):
        return tuple(
            Recording("torch", dtype, {"y": array * factor}, {})
            for dtype, array in (("float32", coarse), ("float64", fine))
        )

    nudged = [run(factor) for factor in np.linspace(0.5, 1.5, POINTS)]
    noise = own_noise("float32", run(1.0), nudged, ["y"])["y"]
    assert np.max(np.abs(coarse - fine) / noise) < 10
