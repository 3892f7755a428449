"""Nudged inputs, and the noise of a backend's own code at them."""

from __future__ import annotations

import autocases
import numpy as np
import pytest
from autocases import case, draw, reasons, verdict

from gradcmp.judge.noise.own import NUDGE, POINTS, nudged_inputs


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
