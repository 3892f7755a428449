"""What agrees because nothing in it is finite warns, and fails under strict."""

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
from autocases import PAIR, case, draw, record, verdict

from gradcmp.case import Auto, DTypeTable, Fixed, Ulp
from gradcmp.errors import ExitCode
from gradcmp.judge import compare, judge
from gradcmp.judge.verdict import Pair
from gradcmp.report.screen.several import report

SHAPES = [(), (3,), (4, 3), (200_001,), (3, 70_000)]  # looked at whole, or piece by piece
DTYPES = [np.float64, np.float32, np.float16, ml_dtypes.bfloat16, ">f4"]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_finite_is_a_reservation(value, shape, dtype):
    array = np.full(shape, value, dtype)
    comparison = compare(array, array.copy(), DTypeTable())
    assert comparison.agrees
    assert comparison.verdict.warns
    assert "nothing finite was compared" in comparison.verdict.detail


@pytest.mark.parametrize("finite", [0.0, -0.0, 1.0, 1e-320])
@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("size", [2, 100, 200_001])
def test_one_finite_number_is_enough(size, place, finite):
    array = np.full(size, np.nan)
    array[place] = finite
    comparison = compare(array, array.copy(), DTypeTable())
    assert (comparison.verdict.reason, comparison.verdict.warns) == ("exact", False)


def test_what_is_not_matched_is_no_reservation():
    for other in (np.inf, -np.inf, 0.0):
        comparison = compare(np.full(3, np.nan), np.full(3, other), DTypeTable())
        assert (comparison.agrees, comparison.verdict.warns) == (False, False)


def test_whole_numbers_have_none():
    assert compare(np.zeros(3, int), np.zeros(3, int)).verdict.reason == "exact"


@pytest.mark.parametrize("tolerance", [Auto(), DTypeTable(), Fixed(1e-5, 1e-6), Ulp(1)], ids=str)
def test_a_case_of_nan_warns_and_strict_fails_it(tolerance):
    there = replace(case(a="log(x * x * -1 - 1)", out="a * y"), tolerance=tolerance)
    judged = verdict(there, draw(there))
    assert judged.comparisons[PAIR]["a"].verdict.warns
    assert judged.exit_code is ExitCode.AGREE
    assert "nothing finite was compared" in " ".join(report([judged]).split())
    assert "with a warning: both sides have the same NaN" in report([judged])
    strict = verdict(replace(there, strict=True), draw(there))
    assert strict.exit_code is ExitCode.DISAGREE


def test_what_both_overflow_to_is_out_of_range_only_beside_the_true_number():
    there = case(a="exp(x * 0 + 12)", out="a * y")  # 162755, and float16 ends at 65504
    inputs = draw(there)
    half = {label: record(label, there, inputs, "float16") for label in ("torch", "jax")}
    twins = {label: record(label, there, inputs, "float64") for label in half}
    truth = record("numpy", there, inputs, "float64")
    judged = judge(there, "numpy", {"numpy": truth, **half}, twins)
    both = judged.comparisons[Pair("jax", "torch")]["a"].verdict
    assert (both.agrees, both.reason, both.warns) == (True, "non-finite", True)
    beside = judged.comparisons[PAIR]["a"].verdict
    assert (beside.agrees, beside.reason) == (False, "range")


def test_a_nan_that_both_have_where_the_function_has_a_slope_is_of_both():
    there = case(a="where(x > 9, sqrt(x), 3 * x)", out="a * y")  # a NaN that no value shows
    minus = draw(there, x=-np.ones((4, 3)))
    judged = verdict(there, minus)
    assert judged.comparisons[PAIR]["d x"].verdict.warns
    assert judged.findings[PAIR]["d x"].side == "torch and numpy"
