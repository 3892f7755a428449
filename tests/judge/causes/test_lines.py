"""Causes row by row: a term that a sum over the row belongs to, an eps, a factor for each row."""

import numpy as np
import pytest
from scenes import Scene

ROW = "in each row, as where a sum or mean is missing or wrong"


def rows(scene, count=12):
    return scene.rng.standard_normal((count, 1))


@pytest.mark.parametrize("seed", range(5))
def test_a_term_with_a_sum_over_the_row_is_named(seed):
    scene = Scene(seed, (12, 9))
    x = scene.others["X"]
    assert scene.diagnose(scene.correct + rows(scene) * x) == [f"off by a multiple of 'X' {ROW}"]
    assert scene.diagnose(scene.correct + rows(scene)) == [f"off by a constant {ROW}"]
    both = scene.correct + rows(scene) * x + rows(scene)
    assert scene.diagnose(both) == [f"off by a multiple of 'X' and a constant {ROW}"]
    factors = scene.correct * (1 + rows(scene))
    assert scene.diagnose(factors) == ["off by a factor of its own in each row"]


def test_along_another_axis():
    scene = Scene(0, (9, 7))
    actual = scene.correct + scene.rng.standard_normal((1, 7)) * scene.others["X"]
    assert scene.diagnose(actual) == [f"off by a multiple of 'X' {ROW.replace('row', 'column')}"]


def test_another_eps_is_named():
    scene = Scene(0, (12, 9))
    small = 1e-3 * rows(scene)
    actual = scene.correct * (1 + small) + 2e-3 * rows(scene) * scene.others["X"]
    (text, *more) = scene.diagnose(actual)
    assert text.startswith("off by multiples of itself and of 'X' in each row, as with another eps")
    assert not more


@pytest.mark.parametrize("seed", range(10))
def test_one_element_that_does_not_fit_is_seen(seed):
    scene = Scene(seed, (12, 9))
    actual = scene.correct + rows(scene) * scene.others["X"]
    actual[5, 4] += 0.01
    assert scene.diagnose(actual) == []


@pytest.mark.parametrize("seed", range(20))
def test_rows_too_short_to_prove_anything_have_no_cause(seed):
    scene = Scene(seed, (12, 3))
    assert scene.diagnose(scene.correct + scene.rng.standard_normal((12, 3))) == []


def test_digits_that_a_row_has_lost_are_no_wrong_formula():
    from gradcmp.judge.causes.diagnosis import diagnose
    from gradcmp.judge.causes.evidence import Evidence

    scene = Scene(0, (12, 9))
    actual = scene.correct * (1 + 1e-3 * rows(scene))
    (cause,) = diagnose(Evidence(actual, scene.expected, scene.noise, 8.0))
    assert cause.of_rounding


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_row_of_nothing_is_borne(dtype):
    scene = Scene(0, (12, 9), dtype)
    scene.others["zero"] = np.zeros((12, 9))
    scene.others["odd"] = np.where(np.arange(9) == 3, np.nan, 1.0) * np.ones((12, 1))
    assert scene.diagnose(scene.correct + scene.rng.standard_normal((12, 9))) == []
