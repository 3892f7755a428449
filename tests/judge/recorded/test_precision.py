"""The dtype that numbers are of, whatever they are stored in."""

import numpy as np
import pytest

from gradcmp.case import Case, Expression, InputSpec
from gradcmp.graph import backward, build, forward
from gradcmp.judge.causes.emulation import FLOAT64
from gradcmp.judge.recorded.precision import RoundedInputs, held_in
from gradcmp.recording import Recording

RNG = np.random.default_rng(3)
X = RNG.standard_normal(5)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_numbers_of_a_coarser_dtype_are_known(dtype):
    stored = X.astype(dtype).astype("f8")
    assert held_in(stored, (dtype,)) == dtype
    assert held_in(stored[:1], (dtype,)) == dtype  # one number is proof: loss.item()
    assert held_in(stored.astype("f4"), (dtype,)) == dtype


def test_one_finer_number_is_enough_to_be_finer():
    stored = X.astype("f4").astype("f8")
    stored[2] = X[2]
    assert held_in(stored) == "float64"


@pytest.mark.parametrize("trivial", [[0.0, 0.0], [1.0, 0.5], [3.0, -4096.0], [np.nan, np.inf], []])
def test_numbers_that_every_dtype_has_prove_nothing(trivial):
    assert held_in(np.array(trivial)) == "float64"


def test_what_is_no_real_number_keeps_its_dtype():
    assert held_in(np.arange(3)) == "int64"
    assert held_in(X.astype("f2"), ("float32",)) == "float16"
    assert held_in(X, ()) == "float64"


def noise(text, x):
    case = Case(
        "one", {"x": InputSpec("normal", x.shape)}, {"y": Expression(text)}, "y", ("x",), ()
    )
    graph = build(case)
    tape = forward(graph, {"x": x}, FLOAT64)
    gradients = backward(graph, tape, np.ones(np.shape(tape.values["y"])))
    return RoundedInputs(graph, Recording("numpy", "float64", tape.values, gradients)).noise


def test_the_move_is_the_derivative_times_the_rounding():
    """Of x^3 it is 3 x^2 u x / sqrt 3, for a rounding that is uniform."""
    x = X.astype("f4").astype("f8")
    expected = np.abs(3 * x**3) * 2.0**-24 / np.sqrt(3)
    moved = noise("x * x * x", x)["y"]
    np.testing.assert_allclose(moved, expected, rtol=0.6)  # from so few runs


def test_what_is_tied_is_no_rounding():
    x = np.array([0.6, 0.6, 0.3, 0.6]).astype("f4").astype("f8")
    assert not noise("max(x)", x)["d x"].any()
    beside = np.array([0.6, np.nextafter(np.float32(0.6), 1), 0.3]).astype("f4").astype("f8")
    assert noise("max(x)", beside)["d x"].max() < 1e-6


def test_inputs_that_every_dtype_has_lost_nothing():
    assert noise("x * x", np.array([1.0, 2.0, 0.5])) == {}
