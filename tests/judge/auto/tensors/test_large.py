"""A large tensor that is looked at in pieces tells what one that is looked at as a whole does."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from gradcmp.judge.auto.noise_floor import FLOORS
from gradcmp.judge.auto.tensors.batch import TensorBatch
from gradcmp.judge.auto.tensors.large import PIECE, LargeTensor
from gradcmp.judge.auto.tensors.pair import RecordingPair, TensorPair
from gradcmp.judge.verdict import Pair
from gradcmp.recording import Recording

SIZE = 2 * PIECE + 37
LAST = SIZE - 1
TORCH, JAX = Pair("torch", "jax"), "numpy"


def at(place, value):
    def change(actual, expected):
        actual[place] = value

    return change


def both(value):
    def change(actual, expected):
        actual[PIECE] = expected[PIECE] = value

    return change


def times(place, factor):
    def change(actual, expected):
        actual[place] = expected[place] * factor

    return change


def same(actual, expected):
    actual[:] = expected


SPOILS = {
    "rounding": lambda actual, expected: None,
    "the same": same,
    "one off in the first piece": times(3, 1 + 1e-3),
    "one off in the last place": times(LAST, 1.5),
    "a sign": times(PIECE - 1, -1),
    "NaN on one side": at(LAST, np.nan),
    "infinity on one side": at(0, np.inf),
    "NaN on both": both(np.nan),
    "the same infinity": both(-np.inf),
}


def tensors(dtype, spoil, laid_out, fine=lambda x: None):
    """Return one tensor as both kinds of batches have it."""
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(SIZE)
    known = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    actual, expected = truth.astype(known), (truth * (1 + 1e-9)).astype(known)
    spoil(actual, expected)
    float64 = truth.copy(), truth * (1 + 1e-16)
    fine(float64[0])
    pair = TensorPair("d x", (laid_out(actual), laid_out(expected)), float64)
    recordings = tuple(Recording(name, dtype, {}, {}) for name in ("torch", "jax"))
    sides = RecordingPair(Pair("torch", "jax"), recordings, {}, "numpy")
    return [kind(sides, [pair], FLOORS[dtype].allowed) for kind in (TensorBatch, LargeTensor)]


def strided(array):
    wide = np.zeros((len(array), 2), array.dtype)
    wide[:, 1] = array
    return wide[:, 1]


@pytest.mark.parametrize("laid_out", [np.asarray, strided])
@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_in_pieces_or_as_a_whole(dtype, spoil, laid_out):
    with np.errstate(all="ignore"):
        whole, large = tensors(dtype, spoil, laid_out)
        assert large.agree == whole.agree
        assert large.equal == whole.equal
        assert large.unmatched == whole.unmatched
        noise = np.abs(np.random.default_rng(1).standard_normal(SIZE)) + 0.1
        assert repr(large.loudest(noise)) == repr(whole.loudest(noise))  # NaN is no NaN
        if whole.agree[0]:
            (one,), (other,) = (batch.at_floor([0]) for batch in (large, whole))
            assert (one.verdict, one.rule) == (other.verdict, other.rule)
            assert one == other


def test_an_element_that_is_off_is_not_looked_over():
    for name in ("one off in the first piece", "one off in the last place", "a sign"):
        _, large = tensors("float32", SPOILS[name], np.asarray)
        assert large.agree == [False]
    for name in ("NaN on one side", "infinity on one side"):
        _, large = tensors("float32", SPOILS[name], np.asarray)
        assert large.unmatched == [True]


@pytest.mark.parametrize("place", [0, PIECE, LAST])
@pytest.mark.parametrize("value", [1.0, np.nan, np.inf])
def test_what_is_off_in_float64_alone_is_not_close(place, value):
    def fine(actual):
        actual[place] = actual[place] * (1 + 1e-12) if value == 1 else value

    with np.errstate(all="ignore"):
        for batch in tensors("float32", SPOILS["rounding"], np.asarray, fine):
            assert batch.close_in_float64() == [False]
            assert batch.close_in_float64(1.0, np.full(SIZE, 1e-16)) == [False]
            assert batch.close_in_float64(1.0, np.full(SIZE, 1e-11)) == [value == 1]
        for batch in tensors("float32", SPOILS["rounding"], np.asarray):
            assert batch.close_in_float64() == [True]


def test_noise_that_is_nan_or_zero_settles_nothing():
    noise = np.ones(SIZE)
    noise[PIECE + 1] = np.nan
    with np.errstate(all="ignore"):
        for batch in tensors("float32", SPOILS["rounding"], np.asarray):
            assert not batch.loudest(noise)[0].multiple <= 1e300
        for batch in tensors("float32", SPOILS["the same"], np.asarray):
            assert not batch.loudest(np.zeros(SIZE))[0].multiple <= 1e300
