"""Numbers are short, and what is not zero is never written as zero."""

from __future__ import annotations

import math
from decimal import Decimal

import ml_dtypes
import numpy as np
import pytest

from gradcmp.outside.printable import clean
from gradcmp.report.words.figures import align, beside, listed, short, ulp
from gradcmp.report.words.ink import tail
from gradcmp.report.words.places import holds, index, shape, value


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (0.5, "0.5"),
        (1.0, "1"),
        (9.96, "10"),
        (12.4, "12"),
        (10259, "10259"),
        (99_999.7, "1.0e5"),
        (4.2e6, "4.2e6"),
        (0.0004, "4.0e-4"),
        (1e-300, "1.0e-300"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_ulp(number, text):
    assert ulp(number) == text


def test_short_drops_the_padding_of_an_exponent():
    assert [short(x) for x in (1e10, 1.5e-7, 0.25, 1e100)] == ["1e10", "1.5e-7", "0.25", "1e100"]


def test_decimal_points_stand_below_each_other():
    assert align(["-1.5", "10", "nan", "1e-07"]) == [" -1.5", " 10", "nan", "  1e-07"]


def test_places_and_shapes():
    assert (index((2, 1)), index(()), shape((4, 3)), shape(())) == ("[2,1]", "[]", "4×3", "scalar")


@pytest.mark.parametrize(
    ("of", "at", "there"), [((2, 3), (1, 2), True), ((2, 3), (2, 0), False), ((6,), (0, 0), False)]
)
def test_holds(of, at, there):
    assert holds(of, at) is there


def test_a_value_has_the_digits_of_its_dtype():
    third = np.asarray([1 / 3])
    assert value(third, (0,)) == "0.3333333333333333"
    assert value(third.astype(np.float32), (0,)) == "0.33333334"
    assert float(value(third.astype(ml_dtypes.bfloat16), (0,))) == pytest.approx(0.333984375)
    assert value(np.asarray([True]), (0,)) == "True"


@pytest.mark.parametrize("number", range(0x20))
def test_every_control_character_is_spelt_out(number):
    for character in (chr(number), chr(number + 0x80)):
        assert clean(character).isprintable()
        assert clean(character) != character


def test_letters_of_all_scripts_stay():
    assert clean("größe ∂x 勾配") == "größe ∂x 勾配"


def test_the_tail_loses_colours_progress_bars_and_titles():
    text = "first\n\x1b]0;title\x07\x1b[1;31mred\x1b[0m\n10 %\r20 %\r\n\n\tlast\x1b[2K\n"
    assert tail(text, 4) == ["red", "10 %", "20 %", "        last"]


PAIRS = [
    (0.1, float(np.float32(0.1)), "float32"),
    (1.0, 1.0 + 2.0**-52, "float64"),
    (float(np.float32(0.1)), float(np.nextafter(np.float32(0.1), np.float32(1))), "float32"),
    (-1.1350846382412265, float(np.float32(-1.1350846)), "float32"),
    (1e-7, 1.1e-7, "float32"),
    (123456.0, 123457.0, "float32"),
    (1e30, 1.0000001e30, "float64"),
    (0.25, -0.25, "float32"),
    (3.0, 1e-12, "float64"),
    (1e-300, 2e-300, "float64"),
    (5e-324, 1e-323, "float64"),
]


@pytest.mark.parametrize(("one", "other", "dtype"), PAIRS)
def test_the_readers_own_subtraction_is_right(one, other, dtype):
    first, second = beside([one, other], dtype)
    theirs = Decimal(first.text) - Decimal(second.text)
    ours = Decimal(one) - Decimal(other)
    assert abs(theirs - ours) <= abs(ours) * Decimal("0.002")
    assert any(number.start < number.end for number in (first, second))


def test_the_shortest_decimals_would_mislead():
    """What the sabotage of the above would print: they are off by a third."""
    near, far = np.float32(0.1), np.nextafter(np.float32(0.1), np.float32(1))
    shortest = Decimal(str(far)) - Decimal(str(near))
    assert abs(shortest / (Decimal(float(far)) - Decimal(float(near))) - 1) > Decimal("0.3")


@pytest.mark.parametrize(
    ("values", "texts", "marked"),
    [
        ((0.5, -0.5), ("0.5", "-0.5"), "-"),
        ((-0.5, 0.5), ("-0.5", "0.5"), ""),
        ((1.25, 1.5), ("1.25", "1.5"), "5"),
        ((100.0, 99.5), ("100", "99.5"), "99.5"),
        ((0.0, math.nan), ("0", "NaN"), "NaN"),
        ((math.inf, -math.inf), ("inf", "-inf"), "-"),
        ((1e39, math.inf), ("1e39", "inf"), "inf"),
        ((2.0, 2.0), ("2", "2"), ""),
        ((1e-12, 0.0), ("1e-12", "0"), "0"),
    ],
)
def test_the_digits_that_differ_are_known(values, texts, marked):
    found = beside(values, "float32")
    assert tuple(one.text for one in found) == texts
    assert found[1].text[found[1].start : found[1].end] == marked


def test_what_is_not_zero_is_never_written_as_zero():
    assert [one.text for one in beside([5.0, 1e-300])] == ["5", "1e-300"]


def test_things_in_a_row():
    assert [listed(["a", "b", "c"][:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
