"""The noise of each primitive is about what real arithmetic in that dtype shows."""

import ml_dtypes
import numpy as np
import pytest
import scipy.special

from gradcmp.dtypes import FORMATS
from gradcmp.judge.noise.model import NoiseModel, NoisyArray, NoModelError
from gradcmp.judge.noise.rules.arithmetic import KAPPA
from gradcmp.ops import OPS
from gradcmp.ops.erf import erf_value

REPLICAS = 16
SIZE = 2000
# Where a function of one operand is neither flat nor steep.
DOMAINS = {"sqrt": (0.3, 2), "log": (1.5, 9), "log1p": (0.3, 2), "reciprocal": (0.3, 2)}


def model_of(dtype, replicas=REPLICAS, **more):
    return NoiseModel(FORMATS[dtype], replicas, np.random.default_rng(0), **more)


def exact(x, model):
    """Take an array in without the error of an input."""
    return NoisyArray(np.repeat(np.asarray(x, np.float64)[None], model.replicas + 1, axis=0), model)


def rms(x):
    return float(np.sqrt(np.mean(np.square(x))))


def ratio(noisy, actual, expected):
    """Compare the spread of the replicas with the error that was really made."""
    np.testing.assert_array_equal(noisy.stack[0], expected)
    weights = np.abs(expected)
    spread = rms((noisy.stack[1:] - noisy.stack[0]) / weights)
    return spread / rms((np.asarray(actual, np.float64) - expected) / weights)


def numbers(dtype, low, high, shape=SIZE, seed=0):
    x = np.random.default_rng(seed).uniform(low, high, shape)
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    return x.astype(kind)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("ufunc", [np.add, np.subtract, np.multiply, np.divide])
def test_arithmetic_strays_as_far_as_rounding_does(ufunc, dtype):
    a, b = numbers(dtype, 2, 9), numbers(dtype, -1, 1, seed=1)
    model = model_of(dtype)
    wide = (a.astype(np.float64), b.astype(np.float64))
    noisy = ufunc(exact(wide[0], model), exact(wide[1], model))
    assert 0.7 < ratio(noisy, ufunc(a, b), ufunc(*wide)) < 1.6


UNARY = [ufunc for ufunc in KAPPA if ufunc.nin == 1]


@pytest.mark.parametrize("ufunc", UNARY, ids=lambda ufunc: ufunc.__name__)
def test_elementary_functions_stray_at_most_as_far_as_their_kappa_says(ufunc):
    x = numbers("float32", *DOMAINS.get(ufunc.__name__, (0.3, 1.2)))
    wide = x.astype(np.float64)
    noisy = ufunc(exact(wide, model_of("float32")))
    assert 0.7 < ratio(noisy, ufunc(x), ufunc(wide)) < 2 * KAPPA[ufunc]


def test_erf_is_one_primitive():
    x = numbers("float64", 0.3, 1.2)
    noisy = erf_value(exact(x, model_of("float32")))
    np.testing.assert_array_equal(noisy.stack[0], erf_value(x))
    spread = rms(noisy.stack[1:] / noisy.stack[0] - 1) / FORMATS["float32"].u
    assert 0.3 * OPS["erf"].noise[erf_value] < spread < OPS["erf"].noise[erf_value]


def in_sequence(x):
    """Sum in float32 one after the other: the naive order, which spreads the most."""
    return np.add.accumulate(np.asarray(x, np.float32), axis=-1)[..., -1]


@pytest.mark.parametrize("low", [-1.0, 0.5])
@pytest.mark.parametrize("terms", [3, 30, 300, 3000])
def test_sums_stray_as_far_as_recursive_summation_does(terms, low):
    x = numbers("float32", low, 1, (200, terms))
    wide = x.astype(np.float64)
    expected = np.sum(wide, axis=-1)
    noisy = np.sum(exact(wide, model_of("float32")), axis=-1)
    spread = rms(noisy.stack[1:] - noisy.stack[0])
    assert 0.7 < spread / rms(in_sequence(x) - expected) < 3


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_sums_are_accumulated_in_float32(dtype):
    x = numbers(dtype, 0.5, 1, (300, 500))
    wide = x.astype(np.float64)
    summed = in_sequence(x.astype(np.float32)).astype(x.dtype)
    noisy = np.sum(exact(wide, model_of(dtype)), axis=-1)
    assert 0.7 < ratio(noisy, summed, np.sum(wide, axis=-1)) < 3


def test_running_sums_stray_more_and_more():
    x = numbers("float32", -1, 1, (200, 1000))
    wide = x.astype(np.float64)
    noisy = np.add.accumulate(exact(wide, model_of("float32")), -1)
    actual = np.add.accumulate(x, -1) - np.add.accumulate(wide, -1)
    for place in (9, 99, 999):
        spread = rms((noisy.stack[1:] - noisy.stack[0])[..., place])
        assert 0.7 < spread / rms(actual[:, place]) < 3


def test_matrix_products_stray_as_far_as_sums_of_products_do():
    a, b = numbers("float32", -1, 1, (40, 200)), numbers("float32", -1, 1, (200, 30), seed=1)
    wide = a.astype(np.float64), b.astype(np.float64)
    model = model_of("float32")
    noisy = np.matmul(exact(wide[0], model), exact(wide[1], model))
    actual = in_sequence(a[:, None, :] * b.T[None, :, :]) - wide[0] @ wide[1]
    spread = rms(noisy.stack[1:] - noisy.stack[0])
    assert 0.7 < spread / rms(actual) < 3


def test_scattered_sums_stray_by_how_many_meet():
    model = model_of("float32")
    values = exact(np.random.default_rng(0).standard_normal(600), model)
    target = np.zeros_like(values, shape=(2,))
    np.add.at(target, np.repeat([0, 1], [597, 3]), values)
    spread = np.std(target.stack[1:] - target.stack[0], axis=0)
    assert spread[0] > 10 * spread[1] > 0


def test_half_precision_scatters_into_itself():
    x = numbers("bfloat16", 0.5, 1, 300)
    model, wide = model_of("bfloat16"), x.astype(np.float64)
    target = np.zeros_like(exact(wide, model), shape=(1,))
    np.add.at(target, np.zeros(300, int), exact(wide, model))
    summed = np.zeros((), x.dtype)
    for one in x:
        summed = summed + one
    error = abs(float(summed) - wide.sum())
    assert error / 8 < rms(target.stack[1:] - target.stack[0]) < error * 8


@pytest.mark.parametrize(
    "function",
    [
        np.exp,
        np.tanh,
        erf_value,
        lambda x: x * x,
        lambda x: np.sum(x, axis=-1),
        lambda x: x @ np.ones((8, 5)),
    ],
)
def test_equal_values_get_equal_errors(function):
    deviations = function(exact(np.full((6, 8), 0.7), model_of("float32"))).stack[1:]
    assert np.all(deviations == deviations[:, :1])
    assert len({float(one.flat[0]) for one in deviations}) > REPLICAS // 2  # but replicas differ


@pytest.mark.parametrize(
    "function",
    [
        lambda x: -x,
        lambda x: np.reshape(x, (4, 3)),
        np.transpose,
        lambda x: x[1:, ::2],
        lambda x: np.concatenate([x, x], axis=0),
        lambda x: np.broadcast_to(x, (2, 3, 4), subok=True),
        lambda x: np.take(x, np.array([2, 0]), axis=0),
        lambda x: np.pad(x, ((1, 1), (0, 0))),
        lambda x: np.where(x > 0, x, 0),
        lambda x: np.max(x, axis=0),
        lambda x: x * (x > 0),
    ],
)
def test_moving_numbers_adds_no_noise(function):
    x = np.random.default_rng(0).standard_normal((3, 4))
    noisy = function(exact(x, model_of("float32")))
    expected = np.broadcast_to(x, (2, 3, 4)) if noisy.ndim == 3 else function(x)
    np.testing.assert_array_equal(
        noisy.stack, np.broadcast_to(expected, (REPLICAS + 1, *expected.shape))
    )


def test_an_input_and_an_inexact_number_bring_one_rounding_error():
    model = model_of("float32")
    x = np.random.default_rng(0).uniform(1, 2, SIZE)
    spread = rms(model.wrap(x).stack[1:] / x - 1) / model.precision.u
    assert 0.3 < spread < 1
    assert isinstance(model.constant(0.1), NoisyArray)
    assert model.constant(0.5) == 0.5
    assert not isinstance(model.constant(0.5), NoisyArray)


def test_what_is_not_finite_gets_no_noise():
    x = np.array([np.inf, -np.inf, np.nan, 1.0])
    noisy = exact(x, model_of("float32")) * 3.0
    np.testing.assert_array_equal(noisy.stack[1:, :3], np.broadcast_to(x[:3], (REPLICAS, 3)))
    assert np.all(np.isfinite(noisy.stack[:, 3]))


def test_a_branch_within_noise_of_its_kink_is_taken_either_way():
    model = model_of("float32")
    near, far = model.wrap(np.array([1.0, 2.0])), np.array([1.0 + 2.0**-25, 1.0])
    larger = (near > far).stack
    assert not larger[0, 0]
    assert 0 < np.count_nonzero(larger[1:, 0]) < REPLICAS
    assert np.all(larger[:, 1])
    assert not model.branches.tied
    assert model.branches.near == 1


def test_noise_breaks_no_exact_tie():
    model = model_of("float32")
    zero = exact(np.zeros(3), model)
    assert not (zero > 0).stack.any()
    assert (zero >= 0).stack.all()
    assert model.branches.tied


def test_the_first_of_equal_largest_is_taken_and_the_tie_noticed():
    x = np.array([[1.0, 3.0, 3.0, 2.0], [4.0, 1.0, 2.0, 3.0]])
    model = model_of("float32")
    assert (np.argmax(exact(x, model), axis=-1).stack == [1, 0]).all()
    assert model.branches.tied
    alone = model_of("float32")
    np.argmax(exact(x[1:], alone), axis=-1)
    assert not alone.branches.are_open


def test_an_array_that_meets_its_own_maximum_is_no_tie_unless_two_elements_do():
    for x, tied in (([1.0, 3.0, 2.0], False), ([1.0, 3.0, 3.0], True)):
        model = model_of("float32", replicas=0)
        held = exact(x, model)
        held == np.max(held, axis=0, keepdims=True)  # noqa: B015  what matters is what is noticed
        assert model.branches.tied == tied


def test_a_coarser_unit_rounds_the_operands_of_matrix_products_alone():
    x = np.random.default_rng(0).standard_normal((20, 20))
    spreads = []
    for operands in (None, FORMATS["float16"]):  # TF32 has float16's significand
        model = model_of("float32", operands=operands)
        spreads.append(rms((exact(x, model) @ x).stack[1:] - x @ x))
        assert rms((exact(x, model) + x).stack[1:] / (2 * x) - 1) < FORMATS["float32"].u
    assert spreads[1] > 100 * spreads[0]


@pytest.mark.parametrize(
    "function",
    [
        scipy.special.dawsn,
        np.linalg.inv,
        np.linalg.norm,
        np.sort,
        lambda x: np.add.reduceat(x, [0, 1]),
        lambda x: np.divide.accumulate(x, 0),
        lambda x: np.exp(x, where=np.ones((3, 3), bool)),
        lambda x: np.add(x, x, out=(x,)),
        lambda x: np.maximum.at(x, (0,), 1.0),
    ],
)
def test_what_has_no_model_says_so(function):
    with pytest.raises(NoModelError, match="has no noise model"):
        function(exact(np.eye(3), model_of("float32")))
