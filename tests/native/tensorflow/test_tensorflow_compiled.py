"""Functions of TensorFlow as graphs, and compiled by XLA."""

import numpy as np
import pytest
from surroundings import framework

import gradcmp

tf = framework("tensorflow")
pytestmark = pytest.mark.frameworks

from gradcmp.native.tensorflow.engine import prepare  # noqa: E402

X, W = (np.random.default_rng(i).standard_normal(shape) for i, shape in ((1, (3, 4)), (2, (4, 2))))
MODES = ("graph", "xla")


def function(x, w):
    h = gradcmp.tap("h", tf.nn.relu(x @ w))
    for _ in tf.range(3):
        h = tf.cast(tf.cast(h, tf.float32), h.dtype) * 0.5 + 0.25
    if tf.reduce_sum(h) > -100:
        h = h * 2.0
    return tf.reduce_sum(h**2)


@pytest.mark.parametrize("mode", MODES)
def test_compiled_functions_compute_the_same(mode):
    side = prepare(function, {"x": X, "w": W}, mode=mode)
    clean, eager = side.clean(), side.in_mode("eager").clean()
    for name, array in eager.tensors.items():
        np.testing.assert_allclose(clean.tensors[name], array, rtol=1e-13, atol=1e-15)
    assert clean.dropped_casts
    assert clean.facts == {"mode": mode}
    plain = side.plain("float32")
    np.testing.assert_allclose(plain.gradients["x"], eager.gradients["x"], rtol=1e-5)
    assert plain.outputs["output"].dtype == np.float32


@pytest.mark.parametrize("mode", MODES)
def test_a_program_serves_other_inputs(mode):
    side = prepare(function, {"x": X, "w": W}, mode=mode)
    side.plain("float32")
    other = side.at({"x": 2 * X}).plain("float32")
    eager = side.in_mode("eager").at({"x": 2 * X}).plain("float32")
    np.testing.assert_allclose(other.gradients["w"], eager.gradients["w"], rtol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_a_tap_in_a_loop_is_none_once_it_is_a_graph(mode):
    def looped(x):
        for _ in tf.range(2):
            x = gradcmp.tap("inside", x * 2.0)
        return gradcmp.tap("outside", x)

    side = prepare(looped, {"x": X}, cotangents={"output": np.ones((3, 4))}, mode=mode)
    assert list(side.plain("float32").taps) == ["outside"]
    assert list(side.in_mode("eager").plain("float32").taps) == ["inside", "inside[1]", "outside"]


def in_eager_mode_alone(x, w):
    """Compute something else once it is traced, as a compiler that errs does."""
    h = x @ w
    if not tf.executing_eagerly():
        h = tf.stop_gradient(h)
    return tf.reduce_sum(h * (x @ w))


def test_the_stage_where_it_begins_is_named():
    functions = {"tensorflow:xla": in_eager_mode_alone, "tensorflow": in_eager_mode_alone}
    verdict = gradcmp.compare_functions(functions, {"x": X, "w": W}, against="tensorflow")
    assert not verdict.agrees
    stages = {one.mode: one.wrong for one in verdict.stages["tensorflow:xla"]}
    assert stages == {"eager": False, "graph": True, "xla": True}


def test_compiled_functions_agree_with_eager_ones():
    functions = {f"tensorflow:{mode}": function for mode in MODES} | {"tensorflow": function}
    verdict = gradcmp.compare_functions(functions, {"x": X, "w": W}, against="tensorflow")
    assert verdict.agrees
    assert not verdict.stages
