"""Arrays of the same numbers are told by one look, and none that are not."""

import ml_dtypes
import numpy as np
import pytest

from gradcmp.case import Fixed
from gradcmp.dtypes import FORMATS
from gradcmp.judge.elementwise.by_numpy import measure_chunks, measure_equal
from gradcmp.judge.elementwise.schedule import USUAL
from gradcmp.judge.elementwise.tolerance import rule_of

SIZE = 70_000  # more than a piece
RULE = rule_of(Fixed(1e-5, 1e-8), FORMATS["float32"])


def numbers(dtype="float32"):
    return np.random.default_rng(3).normal(size=SIZE).astype(dtype)


@pytest.mark.parametrize("dtypes", [("float32",) * 2, ("float64",) * 2, ("float32", "float64")])
def test_equal_arrays_are_found_as_by_the_whole_measurement(dtypes):
    x = numbers()
    actual, expected = (x.astype(dtype) for dtype in dtypes)
    found = measure_equal(actual, expected)
    whole = measure_chunks(actual, expected, RULE, USUAL)
    assert found == whole
    for name in ("aa", "ee", "ae"):
        known = getattr(whole.statistics, name)
        assert getattr(found.statistics, name) == pytest.approx(known, rel=1e-5)


def test_one_array_is_equal_to_itself():
    x = numbers()
    assert measure_equal(x, x) == measure_chunks(x, x.copy(), RULE, USUAL)


@pytest.mark.parametrize("place", [0, SIZE // 2, SIZE - 1])
@pytest.mark.parametrize("number", [np.nan, np.inf, 7.25])
def test_one_other_number_is_not_equal(place, number):
    x = numbers()
    other = x.copy()
    other[place] = number
    assert measure_equal(other, x) is None
    assert measure_equal(x, other) is None


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_not_finite_is_measured_in_full(number):
    x = numbers()
    x[5] = number
    assert measure_equal(x, x) is None


def test_bits_of_bfloat16_are_no_numbers():
    ones = np.ones(SIZE, ml_dtypes.bfloat16)
    bits = ones.view(np.uint16).astype(np.float32)
    assert measure_equal(ones, bits) is None
    assert measure_equal(bits, ones) is None
