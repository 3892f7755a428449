"""A gradient that was derived by hand in NumPy."""

import numpy as np
import pytest

from gradcmp.errors import BackendError, InputError
from gradcmp.native.numpy.engine import prepare

X, W = (np.random.default_rng(i).standard_normal((3, 4)) for i in (1, 2))
DY = np.random.default_rng(3).standard_normal((3, 4))


def returns_dict(x, w):
    return np.sum(x * w), {"x": w, "w": x}


def returns_tuple(x, w):
    return np.sum(x * w), (w, x)


def test_value_and_gradients():
    for function in (returns_dict, returns_tuple):
        outcome = prepare(function, {"x": X, "w": W}).plain("float32")
        assert outcome.outputs["output"].dtype == np.float32
        np.testing.assert_array_equal(outcome.gradients["x"], W.astype(np.float32))


def test_value_and_pullback():
    def function(x, w):
        return x * w, lambda dy: {"x": dy * w, "w": dy * x}

    outcome = prepare(function, {"x": X, "w": W}, cotangents={"output": DY}).clean()
    np.testing.assert_array_equal(outcome.gradients["w"], DY * X)


def test_several_outputs_have_a_cotangent_each():
    def function(x):
        return {"twice": 2 * x, "sum": x.sum()}, lambda dy: {"x": 2 * dy["twice"] + dy["sum"]}

    outcome = prepare(function, {"x": X}, cotangents={"twice": DY}).clean()
    np.testing.assert_array_equal(outcome.gradients["x"], 2 * DY + 1.0)


def test_nothing_to_differentiate_by_is_nothing():
    assert not prepare(returns_dict, {"x": X, "w": W}, wrt=()).plain("float64").gradients


def test_an_input_that_is_changed_is_seen():
    def function(x):
        x *= 2
        return np.sum(x), {"x": np.full(x.shape, 2.0)}

    assert prepare(function, {"x": X}).plain("float64").changed == {"x"}


def test_its_random_numbers_are_the_same_each_time():
    side = prepare(lambda x: (np.sum(x) + np.random.rand(), (np.ones(x.shape),)), {"x": X})
    first, second = (side.plain("float64").outputs["output"] for _ in range(2))
    assert first == second


def explodes(x):
    raise ValueError("no such luck")


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: None, "returned None"),
        (lambda x: x.sum(), "returned 'float64'"),
        (lambda x: (x, (x,)), "not a scalar"),
        (lambda x: (x.sum(), (x, x)), "2 gradients for 1 inputs"),
        (explodes, "ValueError: no such luck"),
    ],
)
def test_bad_functions(function, text):
    with pytest.raises(BackendError, match=text):
        prepare(function, {"x": X}).plain("float64")


def test_an_unknown_input():
    with pytest.raises(InputError, match="takes no 'z'"):
        prepare(returns_dict, {"x": X, "z": W})
