"""Tensors of the same bits are known as such, and no others."""

import ml_dtypes
import numpy as np
import pytest

from gradcmp.judge.auto.tensors.pair import KnownBits, TensorPair

LARGE = (60, 70)


def drawn(dtype):
    return np.random.default_rng(5).normal(size=LARGE).astype(dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", ml_dtypes.bfloat16])
def test_a_copy_has_the_bits_of_the_original_in_any_layout(dtype):
    known, x = KnownBits(), drawn(dtype)
    assert known.number(x) == known.number(x.copy()) == known.number(np.asfortranarray(x))


@pytest.mark.parametrize("place", [(0, 0), (59, 69)])
@pytest.mark.parametrize("number", [np.nan, 7.25])
def test_one_other_number_is_told(place, number):
    known, x = KnownBits(), drawn("float32")
    other = x.copy()
    other[place] = number
    assert known.number(x) != known.number(other)


def test_zeros_of_both_signs_are_told():
    known, zero = KnownBits(), np.zeros(LARGE)
    assert known.number(zero) != known.number(-zero)


def test_dtype_and_shape_are_told():
    known, zero = KnownBits(), np.zeros(LARGE)
    others = [zero, zero.astype(np.float32), zero.reshape(70, 60), zero.astype(np.int64)]
    assert len({known.number(one) for one in others}) == len(others)


def test_pairs_of_other_float64_runs_are_told():
    known, x = KnownBits(), drawn("float32")
    fine = x.astype(np.float64)
    off = fine.copy()
    off[3, 4] += 1e-12
    bits = [
        TensorPair("d x", (x, x), runs).bits(known)
        for runs in ((fine, fine), (fine, off), (off, fine), None)
    ]
    assert len(set(bits)) == len(bits)
    assert TensorPair("d x", (x.copy(), x), (fine.copy(), fine)).bits(known) == bits[0]
