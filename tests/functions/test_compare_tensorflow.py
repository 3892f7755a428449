"""Functions of TensorFlow and Keras beside those of others."""

import numpy as np
import pytest
from surroundings import framework

import gradcmp

tf, keras, torch = map(framework, ("tensorflow", "keras", "torch"))
pytestmark = pytest.mark.frameworks

INPUTS = {"x": "normal:6x16", "gain": "normal:16", "w": "normal:16x16"}


def twin(x, gain, w):
    h = torch.nn.functional.rms_norm(x, (16,), gain, 1e-5)
    return x + torch.nn.functional.gelu(h @ w, approximate="tanh")


def block(bug=""):
    @tf.custom_gradient
    def norm(x, gain):
        r = tf.math.rsqrt(tf.reduce_mean(x * x, -1, keepdims=True) + 1e-5)

        def backward(dy):
            inner = tf.reduce_mean(dy * gain * x, -1, keepdims=True) * r * r * x
            if bug == "a missing term":
                inner = 0.0
            if bug == "a wrong sign":
                inner = -inner
            if bug == "wrong in float32" and dy.dtype == tf.float32:
                inner = 0.9 * inner
            return r * (dy * gain - inner), tf.reduce_sum(dy * x * r, 0)

        return x * r * gain, backward

    def function(x, gain, w):
        return x + tf.nn.gelu(norm(x, gain) @ w, approximate=True)

    return function


@pytest.mark.parametrize(
    ("against", "dtype"),
    [
        ("torch", "float32"),
        pytest.param("tensorflow", "bfloat16", marks=pytest.mark.thorough),
        pytest.param("tensorflow", "float32", marks=pytest.mark.thorough),
        pytest.param("torch", "bfloat16", marks=pytest.mark.thorough),
    ],
)
def test_a_right_custom_gradient_agrees(against, dtype):
    functions = {"tensorflow": block(), "torch": twin}
    verdict = gradcmp.compare_functions(functions, INPUTS, against=against, dtype=dtype)
    assert verdict.agrees
    if dtype == "float32":  # its gelu holds a number in float32, which is no loss of digits here
        assert {one.verdict.reason for *_, one in verdict.warnings} <= {"note"}


@pytest.mark.first(1)
@pytest.mark.parametrize("bug", ["a missing term", "a wrong sign", "wrong in float32"])
def test_a_wrong_custom_gradient_does_not(bug):
    functions = {"tensorflow": block(bug), "torch": twin}
    verdict = gradcmp.compare_functions(functions, INPUTS, against="torch")
    wrong = {
        name
        for by in verdict.comparisons.values()
        for name, one in by.items()
        if not one.verdict.agrees
    }
    assert wrong == {"d x"}


@pytest.mark.first(1)
@pytest.mark.parametrize("wrong", [True, False])
def test_layers_are_matched_with_taps_by_name(wrong):
    ported = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(7, name="first"),
            keras.layers.Activation("tanh", name="act"),
            keras.layers.Dense(3, name="last"),
        ]
    )

    def written(x, **weights):
        h = gradcmp.tap("first", x @ weights["first/kernel"] + weights["first/bias"])
        h = gradcmp.tap("act", torch.tanh(h)) * (1.01 if wrong else 1.0)
        return gradcmp.tap("last", h @ weights["last/kernel"] + weights["last/bias"])

    shapes = {"x": (4, 5), "first/kernel": (5, 7), "first/bias": 7, "last/kernel": (7, 3)}
    rng = np.random.default_rng(1)
    inputs = {name: rng.normal(size=shape) for name, shape in {**shapes, "last/bias": 3}.items()}
    functions = {"torch": written, "tensorflow": ported}
    verdict = gradcmp.compare_functions(functions, inputs, against="tensorflow")
    (by, *_) = verdict.comparisons.values()
    assert {"first", "act", "last", "d first", "d act"} <= by.keys()
    assert verdict.agrees is not wrong


def test_given_weights_are_everybodys():
    layer = keras.layers.Dense(3, name="dense")
    layer.build((None, 4))

    def by_hand(x, kernel, bias):
        return x @ kernel + bias

    inputs = {"x": "normal:5x4", "kernel": "normal:4x3", "bias": "normal:3"}
    functions = {"tensorflow": layer, "torch": by_hand}
    assert gradcmp.compare_functions(functions, inputs, framework={"torch": "torch"}).agrees
