"""Comparisons of any bits: what fractions say, and what may not change what is said."""

from __future__ import annotations

import math
import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from judge_oracle import check, expect

from gradcmp.case import DTypeTable, Fixed, Ulp
from gradcmp.judge.elementwise.arrays import compare, compare_all
from gradcmp.judge.elementwise.schedule import Schedule
from gradcmp.judge.elementwise.tolerance import DEFAULTS
from gradcmp.recording import numpy_dtype

DTYPES = ("float64", "float32", "float16", "bfloat16")  # finest first
BITS = dict(zip(DTYPES, ("u8", "u4", "u2", "u2"), strict=True))
fixed = st.builds(
    Fixed,
    st.sampled_from([0.0, 1e-7, 1e-6, 1e-5, 1e-3, 3.0]),
    st.sampled_from([0.0, 1e-320, 1e-42, 1e-6, 1e-3, 1e300]),
)
tolerances = fixed | st.builds(Ulp, st.sampled_from([0, 1, 2, 64, 2**40]))
# What elements are moved by, in multiples of what is allowed, but for a few roundings.
MOVES = [0.0, *(sign * by for sign in (1, -1) for by in (1e-3, 0.5, 1.0, 1.5, 1e3))]
roundings = st.integers(-8, 8).map(lambda steps: 1 + steps * 2.0**-24)
moves = st.sampled_from(MOVES) | st.builds(operator.mul, st.sampled_from([1.0, -1.0]), roundings)
SPECIAL = np.array([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e4])  # in every dtype
# Loops that are compiled for each pair of dtypes have tests of their own: test_compiled.py. Here
# they would be, once whatever ran before has compared enough.
BY_NUMPY = Schedule(worthwhile=math.inf)
SHAPES = npst.array_shapes(min_dims=1, max_dims=2, max_side=5)


@st.composite
def pairs(draw):
    """Return two arrays: any bits, often the same ones or their neighbours, in any two dtypes."""
    dtype, other = draw(st.sampled_from(DTYPES)), draw(st.sampled_from(DTYPES))
    shape = draw(SHAPES)
    expected = draw(npst.arrays(BITS[other], shape)).view(numpy_dtype(other))
    if dtype != other or draw(st.booleans()):
        actual = draw(npst.arrays(BITS[dtype], shape)).view(numpy_dtype(dtype))
        with np.errstate(all="ignore"):
            near = expected.astype(numpy_dtype(dtype))
        return np.where(draw(npst.arrays(bool, shape)), actual, near), expected
    steps = draw(npst.arrays(BITS[dtype], shape, elements=st.integers(0, 3)))
    return (expected.view(BITS[dtype]) + steps).view(expected.dtype), expected


@st.composite
def near_pairs(draw):
    """Return two arrays of which most elements are off by about what a tolerance allows."""
    tolerance = draw(tolerances | st.just(DTypeTable()))
    actual, expected = (array.ravel() for array in draw(pairs()))
    dtype, other = actual.dtype, expected.dtype
    known = DEFAULTS[DTYPES[max(DTYPES.index(one.name) for one in (dtype, other))]]
    step = {DTypeTable: known, Ulp: Fixed(2.0**-20, 0.0)}.get(type(tolerance), tolerance)
    moved = draw(npst.arrays(float, expected.shape, elements=moves))
    stays = draw(npst.arrays(bool, expected.shape))
    copies = draw(st.sampled_from([1, 8]))
    k = np.arange(copies)[:, None]  # the first copy is what was drawn; no two are the same
    with np.errstate(all="ignore"):
        expected = ((1 + k / 64) * expected.astype(float)).astype(other).ravel()
        moved = ((1 + ((7 * k + 8) % 17 - 8) * 2.0**-24) * moved).ravel()
        wide = expected.astype(float)
        near = (wide + moved * (step.atol + step.rtol * np.abs(wide))).astype(dtype)
    actual = np.where(np.tile(stays, copies), np.tile(actual, copies), near)
    for array in (actual, expected):
        if draw(st.booleans()):
            place, special = draw(st.integers(0, array.size - 1)), draw(st.sampled_from(SPECIAL))
            array[place] = special.astype(array.dtype)
    return actual, expected, tolerance


def counted(comparison):
    """Return what does not depend on where an element stands."""
    facts = ("total", "equal", "nonfinite", "max_absolute", "max_ulp")
    found = {name: getattr(comparison.statistics, name) for name in facts}
    return found | {"agrees": comparison.agrees, "disagreeing": comparison.disagreeing}


@given(near_pairs())
def test_it_is_what_fractions_say(drawn):
    actual, expected, tolerance = drawn
    coarser = DTYPES[max(DTYPES.index(array.dtype.name) for array in (actual, expected))]
    rule = DEFAULTS[coarser] if isinstance(tolerance, DTypeTable) else tolerance
    truth = expect(actual, expected, rule, coarser)
    found = compare(actual, expected, tolerance)
    exact, in_ulp = actual.dtype == expected.dtype, isinstance(tolerance, Ulp)
    check(found, truth, exact=exact, in_ulp=in_ulp)


@given(st.floats(1, 2, width=32, exclude_max=True), st.integers(1, 1000), st.floats(0.2, 0.8))
def test_an_allowance_between_two_float32_is_met_to_the_last_bit_of_float64(e, steps, share):
    expected = np.float32(e)
    actual = expected + np.float32(steps * 2.0**-23)
    error = float(actual) - float(expected)
    rtol = error / float(expected) * share
    atol = error - rtol * float(expected)
    for factor, agrees in ((1 + 1e-14, True), (1 - 1e-14, False)):
        tolerance = Fixed(rtol=rtol * factor, atol=atol * factor)
        assert compare(np.full(16, actual), np.full(16, expected), tolerance).agrees == agrees


@given(pairs(), tolerances)
def test_an_array_agrees_with_itself(pair, tolerance):
    for array in pair:
        found = compare(array, array.copy(), tolerance)
        assert found.agrees
        assert found.statistics.equal == found.total == array.size


@given(
    pairs(), st.integers(0, 100).map(Ulp) | st.sampled_from([0.0, 1e-3]).map(lambda a: Fixed(0, a))
)
def test_without_a_relative_part_no_side_is_special(pair, tolerance):
    assert counted(compare(*pair, tolerance)) == counted(compare(*pair[::-1], tolerance))


@given(pairs(), tolerances, st.data())
def test_order_strides_and_byte_order_do_not_count(pair, tolerance, data):
    whole = counted(compare(*pair, tolerance))
    order = data.draw(st.permutations(range(pair[0].size)))
    for view in (
        lambda x: x.ravel()[order],
        lambda x: x.T,
        lambda x: np.repeat(x, 2, axis=0)[::2],
        lambda x: x[::-1],
        lambda x: x if x.dtype.name == "bfloat16" else x.astype(x.dtype.newbyteorder()),
    ):
        assert counted(compare(view(pair[0]), view(pair[1]), tolerance)) == whole


@given(pairs(), tolerances)
def test_a_large_array_of_copies_is_compared_as_one_copy(pair, tolerance):
    """Small arrays and large ones take different ways."""
    copies = 2500
    one = counted(compare(*pair, tolerance))
    copied = tuple(np.tile(x.ravel(), copies) for x in pair)
    (found,) = compare_all([copied], tolerance, BY_NUMPY)
    many = counted(found)
    for count in ("total", "equal", "disagreeing", "nonfinite"):
        one[count] *= copies
    if pair[0].dtype != pair[1].dtype:  # a distance in ULP of the coarser carries a rounding
        one["max_ulp"] = pytest.approx(one["max_ulp"], rel=2**-20, abs=2**-12)
    assert many == one


@given(pairs(), tolerances)
def test_more_is_allowed_by_a_wider_tolerance(pair, tolerance):
    wider = Ulp(2 * tolerance.ulp + 1) if isinstance(tolerance, Ulp) else None
    wider = wider or Fixed(2 * tolerance.rtol, tolerance.atol + 1e-3)
    assert compare(*pair, wider).disagreeing <= compare(*pair, tolerance).disagreeing


@given(npst.arrays(np.float32, SHAPES, elements=st.floats(0.0625, 8, width=32)), st.data())
def test_an_element_of_another_sign_is_found(expected, data):
    place = data.draw(st.integers(0, expected.size - 1))
    actual = expected.copy()
    actual.flat[place] *= -1
    for tolerance in (Fixed(1e-3, 1e-3), Ulp(64)):
        found = compare(actual, expected, tolerance)
        assert (found.agrees, found.disagreeing) == (False, 1)
        assert np.ravel_multi_index(found.worst.index, actual.shape) == place
