"""Numbers are short, and what is not zero is never written as zero."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest

from gradcmp.outside.printable import clean
from gradcmp.report.words.figures import align, short, ulp
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
