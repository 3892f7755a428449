"""A user's function of TensorFlow."""

import numpy as np
import pytest
from surroundings import framework

import gradcmp
from gradcmp.errors import BackendError, InputError

tf = framework("tensorflow")
pytestmark = pytest.mark.frameworks

from gradcmp.native.tensorflow.engine import prepare  # noqa: E402

X, W = (np.random.default_rng(i).standard_normal((3, 4)) for i in (1, 2))
DY = np.random.default_rng(3).standard_normal((3, 4))


def test_a_function_and_its_gradients():
    side = prepare(lambda x, w: x * w, {"x": X, "w": W}, cotangents={"output": DY})
    outcome = side.clean()
    np.testing.assert_array_equal(outcome.gradients["x"], DY * W)
    assert side.plain("bfloat16").outputs["output"].dtype.name == "bfloat16"


def test_what_is_not_used_has_zeros():
    outcome = prepare(lambda x, w: x * 2.0, {"x": X, "w": W}, cotangents={"output": DY}).clean()
    assert outcome.unused == {"w"}
    assert not outcome.gradients["w"].any()


def test_taps_have_a_value_and_a_gradient():
    def function(x):
        return 3.0 * gradcmp.tap("h", 2.0 * x)

    outcome = prepare(function, {"x": X}, cotangents={"output": DY}).clean()
    np.testing.assert_array_equal(outcome.taps["h"].value, 2 * X)
    np.testing.assert_array_equal(outcome.taps["h"].gradient, 3 * DY)


def test_casts_to_a_lower_dtype_are_left_out():
    def careless(x):
        return tf.cast(tf.cast(x, tf.float32) * 3.0, x.dtype)

    outcome = prepare(careless, {"x": X}, cotangents={"output": DY}).clean()
    np.testing.assert_array_equal(outcome.outputs["output"], 3 * X)
    assert outcome.dropped_casts


def test_a_custom_gradient():
    @tf.custom_gradient
    def function(x):
        return x * x, lambda dy: 2.0 * x * dy

    outcome = prepare(lambda x: function(x), {"x": X}, cotangents={"output": DY}).clean()
    np.testing.assert_allclose(outcome.gradients["x"], 2 * X * DY, rtol=1e-15)


def test_a_wrong_custom_gradient_is_seen_however_the_function_is_called():
    """TensorFlow drops it where inputs are given by name: a wrong one would pass unseen."""

    @tf.custom_gradient
    def function(x):
        return x * x, lambda dy: -2.0 * x * dy

    outcome = prepare(function, {"x": X}, cotangents={"output": DY}).clean()
    np.testing.assert_allclose(outcome.gradients["x"], -2 * X * DY, rtol=1e-15)


def test_bad_functions():
    with pytest.raises(BackendError, match="returned None"):
        prepare(lambda x: None, {"x": X}).plain("float32")
    with pytest.raises(InputError, match="takes no 'w'"):
        prepare(lambda x: x, {"w": W})


def test_against_another_framework():
    torch = framework("torch")
    inputs = {"x": "normal:4x6", "w": "normal:6x5"}
    functions = {
        "tensorflow": lambda x, w: tf.reduce_mean(tf.nn.softmax(x @ w) ** 2),
        "torch": lambda x, w: (torch.softmax(x @ w, -1) ** 2).mean(),
    }
    assert gradcmp.compare_functions(functions, inputs).agrees
    functions["tensorflow"] = lambda x, w: tf.reduce_mean(tf.nn.sigmoid(x @ w) ** 2)
    assert not gradcmp.compare_functions(functions, inputs).agrees
