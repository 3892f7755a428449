"""Comparisons against an oracle of fractions, and against NumPy's own notion of spacing."""

from __future__ import annotations

import math
from itertools import product

import ml_dtypes
import numpy as np
import pytest
from judge_oracle import check, expect
from schedules import cast

from gradcmp.case import DTypeTable, Fixed, Ulp
from gradcmp.errors import UsageError
from gradcmp.judge.elementwise.arrays import compare, compare_all
from gradcmp.judge.elementwise.schedule import Schedule
from gradcmp.judge.elementwise.tolerance import DEFAULTS
from gradcmp.judge.elementwise.ulp import octaves
from gradcmp.recording import Array, numpy_dtype

DTYPES = ("float64", "float32", "float16", "bfloat16")  # finest first


RULES = {
    "default": DTypeTable(),
    "tight": Fixed(rtol=1e-6, atol=0.0),
    "absolute": Fixed(rtol=0.0, atol=1e-3),
    "exact": Fixed(rtol=0.0, atol=0.0),
    "faint": Fixed(rtol=1e-5, atol=1e-42),
    "fainter": Fixed(rtol=1e-5, atol=1e-320),
    "lax": Fixed(rtol=3.0, atol=1e300),
    "ulp0": Ulp(0),
    "ulp1": Ulp(1),
    "ulp64": Ulp(64),
}


def draw(rng: np.random.Generator, dtype: str, count: int) -> Array:
    """Draw numbers over the whole range of a dtype, zeros and subnormals among them."""
    info = ml_dtypes.finfo(numpy_dtype(dtype))
    exponents = rng.integers(info.minexp - info.nmant, info.maxexp, count)
    x = np.ldexp(rng.uniform(-2, 2, count), np.where(rng.random(count) < 0.5, 0, exponents))
    x[rng.random(count) < 0.1] = 0.0
    return cast(x, dtype)


def near(rng: np.random.Generator, x: Array, rule: Fixed, dtype: str) -> Array:
    """Move each number by about its allowance, some by just that and a few roundings more."""
    x = x.astype(np.float64)
    factor = rng.choice([0, 1e-3, 0.5, 1, 1, 1, 1.5, 1e3], x.size) * rng.choice([-1, 1], x.size)
    factor *= 1 + rng.integers(-8, 9, x.size) * 2.0**-24
    with np.errstate(all="ignore"):
        return cast(x + factor * (rule.atol + rule.rtol * np.abs(x)), dtype)


def spoil(rng: np.random.Generator, x: Array) -> Array:
    x = x.copy()
    for special in (np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0):
        x[rng.integers(x.size)] = special
    return x


# Of each pair the loops are compiled anew, which takes seconds: of these test_compiled.py has both.
COMPILED = (("float64", "float64"), ("bfloat16", "float64"))


@pytest.mark.slow  # all of them together; the properties ask much the same of others
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize(
    ("dtype", "other"),
    [
        pytest.param(*pair, marks=() if pair in COMPILED else pytest.mark.thorough)
        for pair in product(DTYPES, DTYPES)
    ],
)
def test_every_statistic_is_what_fractions_say(dtype, other, rule, by):
    rng = np.random.default_rng([DTYPES.index(dtype), DTYPES.index(other)])
    coarser = DTYPES[max(DTYPES.index(dtype), DTYPES.index(other))]
    fixed = DEFAULTS[coarser] if isinstance(rule, DTypeTable) else rule
    step = fixed if isinstance(fixed, Fixed) else Fixed(rtol=2.0**-20, atol=0.0)
    for extremes in (False, True):
        expected = draw(rng, other, 200)
        actual = near(rng, expected, step, dtype)
        actual = np.where(rng.random(200) < 0.1, draw(rng, dtype, 200), actual)
        if extremes:
            actual, expected = spoil(rng, actual), spoil(rng, expected)
        truth = expect(actual, expected, fixed, coarser)
        check(by(actual, expected, rule), truth, exact=dtype == other)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("start", [0.0, 1.0, 1.9999, -3.0, 1e-7, -1e-4, 6e-5])
def test_a_chain_of_next_numbers_counts_its_links(dtype, start):
    first = cast(np.array([start]), dtype)
    link = first
    for steps in range(1, 40):
        link = np.nextafter(link, np.array([4.0], first.dtype))
        comparison = compare(link, first, Ulp(steps))
        assert comparison.statistics.max_ulp == comparison.worst.ulp == steps
        assert comparison.agrees
        assert compare(first, link, Ulp(steps)).agrees
        assert not compare(link, first, Ulp(steps - 1)).agrees


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_on_either_side_of_zero_count_through_it(dtype):
    tiny = ml_dtypes.finfo(numpy_dtype(dtype)).smallest_subnormal
    both = np.array([3 * tiny], tiny.dtype), np.array([-2 * tiny], tiny.dtype)
    assert compare(*both, Ulp(5)).agrees
    assert not compare(*both, Ulp(4)).agrees
    assert compare(*both, Ulp(5)).statistics.max_absolute == 5 * float(tiny)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_finer_value_has_a_fraction_of_the_coarser_spacing(dtype):
    rng = np.random.default_rng(5)
    coarse = cast(rng.uniform(1, 2, 50), dtype)
    offset = rng.uniform(-0.5, 0.5, 50)
    fine = coarse.astype(np.float64) + offset * np.spacing(coarse).astype(np.float64)
    inside = compare(fine[coarse > 1.01], coarse[coarse > 1.01], DTypeTable())
    assert inside.statistics.max_ulp == pytest.approx(np.abs(offset[coarse > 1.01]).max(), rel=1e-8)
    assert math.isclose(
        math.ulp(1.5),
        compare(np.array(1.5), np.array(1.5 + math.ulp(1.5)), DTypeTable()).statistics.max_absolute,
    )


SAME = np.float32([1, -2, 3])


SPECIAL = {
    "equal": (SAME, SAME.copy(), True, "exact"),
    "signed zeros": (np.float32([0.0, -0.0]), np.float32([-0.0, 0.0]), True, "exact"),
    "nan, other sign and payload": (
        np.uint32([0x7FC00000, 0x7F800001]).view(np.float32),
        np.uint32([0xFFC00123, 0x7FC00000]).view(np.float32),
        True,
        "non-finite",
    ),
    "nan and a number": (np.float32([1, np.nan]), np.float32([1, 1]), False, "non-finite"),
    "a number and nan": (np.float32([1, 1]), np.float32([1, np.nan]), False, "non-finite"),
    "nan at another place": (
        np.float32([np.nan, 1]),
        np.float32([1, np.nan]),
        False,
        "non-finite",
    ),
    "nan and infinity": (np.float32([np.nan]), np.float32([np.inf]), False, "non-finite"),
    "infinities": (
        np.float32([np.inf, -np.inf]),
        np.float32([np.inf, -np.inf]),
        True,
        "non-finite",
    ),
    "infinity and zero": (np.float32([np.inf, 0]), np.float32([np.inf, 0]), True, "exact"),
    "infinity of other sign": (np.float32([np.inf]), np.float32([-np.inf]), False, "non-finite"),
    "infinity and the largest": (
        np.float32([np.inf]),
        np.finfo(np.float32).max.reshape(1),
        False,
        "non-finite",
    ),
    "overflowing difference": (np.float32([3e38]), np.float32([-3e38]), False, "tolerance"),
    "overflow in float64": (np.array([1e308]), np.array([-1.7e308]), False, "tolerance"),
    "subnormals": (np.float32([1e-45]), np.float32([3e-45]), True, "rounding"),
    "0-d": (np.float32(2), np.float32(2), True, "exact"),
    "0-d against 1-d": (np.float32(2), np.float32([2]), False, "shape"),
    "broadcastable": (np.ones((3, 3)), np.ones((1, 3)), False, "shape"),
    "same size": (np.ones((2, 3)), np.ones((3, 2)), False, "shape"),
    "empty": (np.ones((0, 3)), np.ones((0, 3)), True, "empty"),
    "empty, other shape": (np.ones((0, 3)), np.ones((3, 0)), False, "shape"),
    "empty, other kind": (np.ones(0), np.ones(0, int), False, "dtype"),
    "float and int": (np.ones(3), np.ones(3, int), False, "dtype"),
    "int and bool": (np.ones(3, int), np.ones(3, bool), False, "dtype"),
    "complex": (np.ones(3, complex), np.ones(3, complex), False, "dtype"),
    "objects": (np.ones(3, object), np.ones(3, object), False, "dtype"),
    "float8": (np.ones(3, ml_dtypes.float8_e5m2), np.ones(3), False, "dtype"),
    "float16 and bfloat16": (np.ones(3, np.float16), np.ones(3, ml_dtypes.bfloat16), True, "exact"),
    "big endian": (SAME.astype(">f4"), SAME, True, "exact"),
    "big endian, both": (SAME.astype(">f4"), 1.5 * SAME.astype(">f4"), False, "tolerance"),
    "ints": (np.array([1, 2**62]), np.array([1, 2**62 + 1]), False, "tolerance"),
    "ints of other width": (np.int32([1, -2]), np.int64([1, -2]), True, "exact"),
    "far ints": (np.array([2**63 - 1]), np.array([-(2**63)]), False, "tolerance"),
    "bools": (np.array([True, False]), np.array([True, True]), False, "tolerance"),
}


@pytest.mark.parametrize(("actual", "expected", "agrees", "reason"), SPECIAL.values(), ids=SPECIAL)
def test_special_cases(actual, expected, agrees, reason):
    comparison = compare(actual, expected, DTypeTable())
    assert (comparison.agrees, comparison.verdict.reason) == (agrees, reason)
    assert compare(expected, actual, DTypeTable()).agrees == agrees


@pytest.mark.parametrize("count", [1, 16], ids=["small", "large"])
def test_no_tolerance_makes_infinity_close(count):
    everything = Fixed(rtol=1e300, atol=1e308)
    for actual, expected, tolerance in (
        (1e308, -1e308, everything),
        (1e308, -1e308, Fixed(rtol=1e10, atol=0)),
        (1e308, -1e308, Ulp(2**64)),
        (1.0, np.nan, everything),
        (1.0, np.inf, everything),
        (-np.inf, np.inf, everything),
    ):
        comparison = compare(np.full(count, actual), np.full(count, expected), tolerance)
        assert comparison.disagreeing == count
        assert comparison.worst.excess == math.inf


def test_the_worst_of_what_agrees_is_found_too(by):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        expected = rng.uniform(0.5, 20, 500).astype(np.float32)
        actual = cast(expected * (1 + 2e-6 * rng.uniform(-1, 1, 500)), "float32")
        truth = expect(actual, expected, DEFAULTS["float32"], "float32")
        comparison = by(actual, expected, DTypeTable())
        assert comparison.agrees
        check(comparison, truth, exact=True)


@pytest.mark.parametrize(("middle", "orders"), [(-1.5, 0.2), (0, 0.2), (0, 4)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_worst_is_found_in_whichever_chunk_it_is(dtype, middle, orders):
    rule, schedule = DEFAULTS[dtype], Schedule(longest=0, worthwhile=math.inf, chunk=1 << 10)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        expected = cast(10 ** (middle + orders * rng.uniform(-1, 1, 900)), dtype)
        noise = 0.2 * (rule.atol * (seed % 3) + rule.rtol * np.abs(expected.astype(np.float64)))
        actual = cast(expected + noise * rng.standard_normal(900), dtype)
        (comparison,) = compare_all([(actual, expected)], DTypeTable(), schedule)
        check(comparison, expect(actual, expected, rule, dtype), exact=True)


@pytest.mark.parametrize("dtype", [np.uint32, np.uint64])
def test_octaves_are_bit_lengths(dtype):
    rng = np.random.default_rng(12)
    most = np.iinfo(dtype).bits
    for bits in (3, 8, 9, 13, 25, 31, 32, most):
        steps = [2**k - j for k in range(bits + 1) for j in (0, 1) if 2**k - j < 2**bits]
        steps += [int(x) % 2**bits for x in rng.integers(0, 2**63, 100)]
        narrow, floors = octaves(np.array(steps, dtype), max(steps))
        found = [np.count_nonzero(narrow >= floor) for floor in floors]
        octave = [step.bit_length() for step in steps]
        assert found == [sum(k > i for k in octave) for i in range(max(octave))]


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("key", ["rtol", "atol"])
def test_a_tolerance_that_is_no_tolerance_is_refused(key, value):
    with pytest.raises(UsageError, match=f"{key} is"):
        Fixed(**{"rtol": 0.0, "atol": 0.0, key: value})


@pytest.mark.parametrize("value", [-1, 0.5, math.nan])
def test_ulp_are_counted_in_whole_numbers(value):
    with pytest.raises(UsageError, match="ulp is"):
        Ulp(value)


def test_small_arrays_come_with_the_excess_of_every_element():
    expected = np.array([[1.0, 2.0], [4.0, np.nan]])
    actual = np.array([[1.0, 2.5], [3.0, 0.0]])
    found = compare(actual, expected, Fixed(rtol=0.25, atol=0.0)).excess
    np.testing.assert_array_equal(found, [[0, 1], [1, np.inf]])
    assert compare(np.ones(9), np.ones(9), DTypeTable()).excess is None
    whole = compare(np.array([1, 2]), np.array([1, 3]), DTypeTable()).excess
    np.testing.assert_array_equal(whole, [0, np.inf])


def test_the_worst_element_exceeds_its_own_allowance_the_most():
    expected = np.array([1000.0, 0.001, 5.0])
    actual = np.array([1001.0, 0.003, 5.0])
    comparison = compare(actual, expected, Fixed(rtol=1e-2, atol=0.0))
    assert comparison.worst.index == (1,)  # not the largest absolute difference
    assert comparison.worst.allowed == pytest.approx(1e-5)
    assert comparison.worst.excess == pytest.approx(200)
    assert comparison.statistics.max_absolute == pytest.approx(1.0)


def test_non_finite_comes_before_any_excess():
    comparison = compare(np.array([1e300, np.nan, 1.0]), np.ones(3), DTypeTable())
    assert comparison.worst.index == (1,)
    assert comparison.verdict.detail == "nan against 1.0 at (1,)"
    assert comparison.disagreeing == 2
    assert comparison.statistics.max_absolute == 1e300


@pytest.mark.parametrize("limit", [0, 1])
def test_under_an_ulp_rule_the_worst_is_the_most_ulp_apart(limit, by):
    expected = np.full(8, 1.0, np.float32)
    expected[1] = 1e6
    actual = expected.copy()
    actual[1] += 2 * np.spacing(actual[1])  # the largest difference, and two steps
    actual[5] += 3 * np.spacing(actual[5])
    found = by(actual, expected, Ulp(limit))
    assert (found.worst.index, found.worst.ulp) == ((5,), 3)
