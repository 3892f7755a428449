"""The facts of each dtype, against what NumPy and ml_dtypes say of it."""

from __future__ import annotations

from typing import get_args

import ml_dtypes
import numpy as np
import pytest

from gradcmp.dtypes import COMPLEX, DTYPES, FORMATS, DType, coarser
from gradcmp.recording import numpy_dtype


@pytest.mark.parametrize("name", DTYPES)
def test_the_facts_are_those_of_the_arithmetic(name):
    known, machine = FORMATS[name], ml_dtypes.finfo(numpy_dtype(name))
    assert known.name == name
    assert known.u == float(machine.eps) / 2
    assert known.largest == float(machine.max)
    assert 2.0**known.lowest == float(machine.smallest_normal)
    assert known.significand == machine.nmant + 1


@pytest.mark.parametrize("name", DTYPES)
def test_half_of_eta_is_lost(name):
    """Nothing below it is safe from being flushed: at most the smallest normal number."""
    machine = ml_dtypes.finfo(numpy_dtype(name))
    assert float(machine.smallest_subnormal) / 2 <= FORMATS[name].eta <= machine.smallest_normal


def test_sums_of_few_digits_go_through_float32():
    sums = {known.name: known.u_sum for known in FORMATS.values()}
    u = 2.0**-24
    assert sums == {"float64": 2.0**-53, "float32": u, "float16": u, "bfloat16": u}
    assert [known.name for known in FORMATS.values() if known.only_stores] == ["bfloat16"]


def test_the_finest_comes_first_and_all_are_there():
    assert get_args(DType) == (*DTYPES, *COMPLEX)
    units = [FORMATS[name].u for name in DTYPES]
    assert units == sorted(units)
    assert coarser("float16", "bfloat16") is coarser("bfloat16", "float64") is FORMATS["bfloat16"]
    assert np.float32(1) + np.float32(FORMATS["float32"].u) == 1
