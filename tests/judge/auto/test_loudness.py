"""Loud is what exceeds the noise: in one element, in all of them a little, or by being NaN."""

from dataclasses import replace

import numpy as np
import pytest

from gradcmp.dtypes import FORMATS
from gradcmp.judge.auto.loudness import LIMITS, loudness, shrinks, together
from gradcmp.judge.noise.calibration import Scale

FLOAT32, FLOAT64 = FORMATS["float32"], FORMATS["float64"]
RNG = np.random.default_rng(0)
BASE = RNG.standard_normal((20, 30))
NOISE = 1e-6 * np.exp(RNG.standard_normal((20, 30)))
SCALE = Scale(BASE, NOISE, coherent=1e-7)


def test_noise_of_its_own_scale_is_quiet():
    quiet = loudness(NOISE * RNG.standard_normal(BASE.shape), SCALE, LIMITS)
    assert not quiet.loud
    assert 2 < quiet.r < 6
    assert quiet.over == 0


def test_one_element_is_enough_and_is_named():
    difference = np.zeros_like(BASE)
    difference[7, 11] = -9 * NOISE[7, 11]
    difference[3, 2] = 8.5 * NOISE[3, 2]
    found = loudness(difference, SCALE, LIMITS)
    assert found.loud
    assert found.index == (7, 11)
    assert found.over == 2
    assert found.r == pytest.approx(9)
    assert not loudness(difference, SCALE, replace(LIMITS, r=9.5)).loud


def test_a_small_factor_on_everything_is_loud_though_no_element_is():
    scale = replace(SCALE, s=np.full_like(BASE, 1e-6))
    found = loudness(8e-7 * BASE, scale, LIMITS)
    assert found.r < 4
    assert found.p == pytest.approx(8)  # the factor over its own noise
    assert found.loud


def test_differences_of_any_sign_hide_a_factor():
    signs = np.sign(RNG.standard_normal(BASE.shape))
    assert loudness(8e-7 * BASE * signs, SCALE, LIMITS).p < 3


@pytest.mark.parametrize("spoiled", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_loud(spoiled):
    difference = np.zeros_like(BASE)
    difference[0, 5] = spoiled
    found = loudness(difference, SCALE, LIMITS)
    assert found.loud
    assert found.index == (0, 5)


def test_a_true_gradient_of_zero_has_no_factor():
    scale = replace(SCALE, base=np.zeros_like(BASE))
    found = loudness(NOISE, scale, LIMITS)
    assert found.p == 0
    assert not found.loud


def test_rounding_shrinks_with_the_precision_and_a_wrong_formula_does_not():
    rounding = NOISE * RNG.standard_normal(BASE.shape)
    seen = loudness(rounding, SCALE, LIMITS)
    assert shrinks(rounding * FLOAT64.u / FLOAT32.u, SCALE, seen, FLOAT32) <= 1
    assert shrinks(rounding, SCALE, seen, FLOAT32) > 1e5
    assert shrinks(1e-12 * BASE, SCALE, seen, FLOAT32) > 1  # 1e-12 is 4 digits above its rounding
    assert shrinks(np.full_like(BASE, np.nan), SCALE, seen, FLOAT32) == np.inf


def test_an_unstable_formula_may_be_as_loud_in_float64():
    unstable = 4000 * NOISE * RNG.standard_normal(BASE.shape)
    seen = loudness(unstable, SCALE, LIMITS)
    assert seen.loud
    assert shrinks(unstable * FLOAT64.u / FLOAT32.u, SCALE, seen, FLOAT32) <= 1
    assert shrinks(unstable * 1e-6, SCALE, seen, FLOAT32) > 1


def test_noise_of_two_sides_adds_in_squares():
    both = together([SCALE, replace(SCALE, s=NOISE * 2, coherent=2e-7)])
    np.testing.assert_allclose(both.s, NOISE * np.sqrt(5))
    assert both.coherent == pytest.approx(np.sqrt(5) * 1e-7)
