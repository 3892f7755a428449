"""Keras' layers and models as functions."""

import functools

import numpy as np
import pytest
from surroundings import framework

tf = framework("tensorflow")
keras = framework("keras")
pytestmark = pytest.mark.frameworks

from gradcmp.errors import BackendError, InputError  # noqa: E402
from gradcmp.native.tensorflow.engine import prepare  # noqa: E402

X = np.random.default_rng(1).standard_normal((5, 4))
DY = np.random.default_rng(2).standard_normal((5, 3))


@pytest.fixture
def model():
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(6, activation="tanh", name="first"),
            keras.layers.BatchNormalization(name="norm", momentum=0.5),
            keras.layers.Dropout(0.5, name="drop"),
            keras.layers.Dense(3, name="last"),
        ],
        name="net",
    )


def side_of(function, **options):
    return prepare(function, {"x": X}, cotangents={"output": DY}, **options)


def test_variables_are_inputs_by_the_names_that_keras_shows(model):
    side = side_of(model)
    names = ["first/kernel", "first/bias", "norm/gamma", "norm/beta", "last/kernel", "last/bias"]
    assert list(side.parameters) == names
    assert side.wrt == ("x", *names)
    assert list(side_of(keras.layers.Dense(3)).parameters) == ["kernel", "bias"]


def test_gradients_are_those_of_differences(model):
    side = side_of(model)
    clean, step = side.clean(), 1e-6
    for name in ("x", "first/kernel", "last/bias"):
        given = {"x": X, **side.parameters}[name].astype(np.float64)
        place = (1,) * given.ndim
        moved = given.copy()
        moved[place] += step
        high = side.at({name: moved}).clean().outputs["output"]
        moved[place] -= 2 * step
        low = side.at({name: moved}).clean().outputs["output"]
        slope = np.sum(DY * (high - low)) / (2 * step)
        np.testing.assert_allclose(clean.gradients[name][place], slope, rtol=1e-6)


def test_nothing_of_a_run_stays(model):
    side = side_of(functools.partial(model, training=True))
    before = [np.asarray(one.numpy()) for one in model.variables]
    for dtype in ("float32", "bfloat16"):
        side.plain(dtype)
        side.clean(dtype)
        side.noisy(dtype, 1)
    for one, was in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(one.numpy(), was)
    assert {layer.dtype_policy.name for layer in model._flatten_layers()} == {"float32"}
    assert {one.dtype for one in side.subject.parameters.values()} == {"float32"}
    assert keras.config.floatx() == "float32"
    assert not side.unsteady("float32")


def test_dropout_draws_the_same_mask_in_all_runs(model):
    side = side_of(functools.partial(model, training=True))
    plain, clean = side.plain("float32"), side.clean("float32")
    masks = [one.taps["drop"].value == 0 for one in (plain, clean)]
    np.testing.assert_array_equal(*masks)
    assert masks[0].any()
    assert clean.random
    assert not side_of(model).clean().random


def test_the_dtype_is_that_of_the_run(model):
    for dtype in ("float32", "bfloat16"):
        outcome = side_of(model).plain(dtype)
        assert {one.dtype.name for one in outcome.tensors.values()} == {dtype}
    assert {one.dtype.name for one in side_of(model).clean().tensors.values()} == {"float64"}


def test_each_layer_is_a_tap(model):
    outcome = side_of(model).clean()
    assert list(outcome.taps) == ["first", "norm", "drop", "last"]
    np.testing.assert_array_equal(outcome.taps["last"].gradient, DY)
    kernel = np.asarray(model.layers[-1].kernel.numpy(), np.float64)
    np.testing.assert_allclose(outcome.taps["drop"].gradient, DY @ kernel.T, rtol=1e-14)


def test_layers_inside_of_layers_are_called_by_their_path():
    class Block(keras.layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.inner = keras.layers.Dense(3, name="inner")

        def call(self, x):
            return self.inner(x) + self.inner(x)

    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.block = Block(name="block")

        def call(self, x):
            return self.block(x)

    outcome = side_of(Model()).clean()
    assert list(outcome.taps) == ["block.inner", "block.inner[1]", "block"]
    assert list(outcome.gradients) == ["x", "block/inner/kernel", "block/inner/bias"]


def test_a_function_that_calls_a_model_has_its_variables(model):
    side = side_of(lambda x: 2.0 * model(x))
    assert "first/kernel" in side.parameters
    one, other = side.clean(), side_of(model).clean()
    np.testing.assert_allclose(one.gradients["x"], 2 * other.gradients["x"], rtol=1e-14)


def test_given_variables_take_the_place_of_its_own(model):
    kernel = np.zeros((6, 3))
    side = prepare(model, {"x": X, "last/kernel": kernel}, cotangents={"output": DY})
    assert not side.clean().outputs["output"].any()


def test_a_functional_model_takes_its_inputs_by_name():
    one, other = keras.Input((4,), name="one"), keras.Input((4,), name="other")
    model = keras.Model([one, other], keras.layers.Subtract()([one, other]))
    inputs = {"other": X, "one": 3 * X}
    found = prepare(model, inputs, cotangents={"output": np.ones((5, 4))}).clean()
    np.testing.assert_allclose(found.outputs["output"], 2 * X, rtol=1e-15)
    with pytest.raises(InputError, match=r"takes no 'two'.*one"):
        prepare(model, {"one": X, "two": X})


def test_a_mask_goes_on():
    words = np.array([[1, 2, 0, 0], [3, 1, 2, 0]])
    model = keras.Sequential(
        [keras.layers.Embedding(5, 3, mask_zero=True, name="table"), keras.layers.LSTM(2)]
    )
    side = prepare(model, {"x": words}, cotangents={"output": np.ones((2, 2))})
    own = model(words).numpy()
    np.testing.assert_allclose(side.plain("float32").outputs["output"], own, rtol=1e-6)
    assert not side.clean().gradients["table/embeddings"][0].any()


def test_a_method_of_a_model():
    class Squared(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3, name="dense")

        def call(self, x):
            return self.dense(x)

        def energy(self, x):
            return tf.reduce_sum(self(x) ** 2)

    side = prepare(Squared().energy, {"x": X})
    assert "dense/kernel" in side.parameters
    assert side.clean().gradients["dense/kernel"].any()


def test_dropout_cannot_be_compiled(model):
    side = side_of(functools.partial(model, training=True), mode="graph")
    with pytest.raises(BackendError, match="'net' draws random numbers"):
        side.plain("float32")
