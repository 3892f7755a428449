"""Complex arrays: each part by itself, and never beside a real array."""

import numpy as np
import pytest
from test_pair import PAIR, loose, reasons

from gradcmp.case import DTypeTable, Ulp
from gradcmp.judge.recorded.complex_parts import in_parts
from gradcmp.judge.recorded.pair import judge_pair

RNG = np.random.default_rng(29)
Z = RNG.standard_normal((3, 4)) + 1j * RNG.standard_normal((3, 4))
TABLE = DTypeTable()


def judged(actual, expected=Z, tolerance=TABLE):
    return judge_pair(PAIR, loose(g=actual), loose(g=expected), tolerance)


@pytest.mark.parametrize("dtype", ["c8", "c16", ">c8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_equal_numbers_agree(dtype, order):
    z = np.array(Z.astype(dtype), order=order)
    assert judged(z, Z.astype(dtype), Ulp(0)).agrees


@pytest.mark.parametrize("part", [0, 1])
def test_one_part_of_one_number_is_found(part):
    spoiled = Z.copy()
    spoiled[1, 2] += [1e-3, 1e-3j][part]
    found = judged(spoiled).comparisons[PAIR]["g"]
    assert (found.disagreeing, found.worst.index) == (1, (1, 2, part))


def test_a_conjugate_is_named():
    found = judged(Z.conj()).findings[PAIR]["g"]
    assert [cause.text for cause in found.causes] == ["it is the complex conjugate"]
    assert found.where == "all of it in the imaginary part"


def test_places_are_those_of_the_numbers():
    spoiled = Z.copy()
    spoiled[1] *= 2
    assert judged(spoiled).findings[PAIR]["g"].where == "all of it in row 1"


def test_complex_and_real_are_of_two_kinds():
    assert reasons(judged(Z.real)) == {"g": "dtype"}
    assert reasons(judged(Z, Z.real)) == {"g": "dtype"}


def test_a_single_number_has_two_parts():
    assert in_parts(np.array(1 + 2j)).tolist() == [1.0, 2.0]
