"""Norms and the cosine come from the same pass."""

import math

import ml_dtypes
import numpy as np
import pytest

from gradcmp.judge import compare


@pytest.mark.parametrize("shape", [(4, 3), (1000,), (700, 300)])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", ml_dtypes.bfloat16])
def test_norms_and_cosine_are_those_of_the_arrays(shape, dtype):
    rng = np.random.default_rng(2)
    a, e = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    wide = [x.astype(np.float64).reshape(-1) for x in (a, e)]
    found = compare(a, e)
    norms = [math.sqrt(math.fsum(float(x) ** 2 for x in one)) for one in wide]
    assert found.statistics.norm_actual == pytest.approx(norms[0], rel=1e-5)
    assert found.statistics.norm_expected == pytest.approx(norms[1], rel=1e-5)
    assert found.statistics.cosine == pytest.approx(
        float(wide[0] @ wide[1]) / norms[0] / norms[1], abs=1e-5
    )


def test_a_flipped_sign_is_a_cosine_of_minus_one():
    e = np.random.default_rng(3).standard_normal(5000).astype("f4")
    assert compare(-e, e).statistics.cosine == pytest.approx(-1)


def test_there_is_no_angle_beside_zero():
    e = np.ones(20, "f4")
    assert compare(np.zeros_like(e), e).statistics.cosine is None


def test_numbers_whose_squares_overflow_float32():
    e = np.full(100, 1e30, "f4")
    assert compare(e, e).statistics.norm_actual == pytest.approx(1e31)
    assert compare(e, e).statistics.cosine == pytest.approx(1)


def test_what_is_not_finite_does_not_count():
    e = np.ones(50, "f4")
    a = e.copy()
    a[3] = np.nan
    assert compare(a, e).statistics.norm_expected == pytest.approx(7)
