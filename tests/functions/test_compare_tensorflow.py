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


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("against", ["tensorflow", "torch"])
def test_a_right_custom_gradient_agrees(dtype, against):
    functions = {"tensorflow": block(), "torch": twin}
    verdict = gradcmp.compare_functions(functions, INPUTS, against=against, dtype=dtype)
    assert verdict.agrees
    if dtype == "float32":
        assert not verdict.warnings  # a number held in float32 inside of TensorFlow's gelu is one


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


def test_layers_are_matched_with_modules_by_name():
    class Module(torch.nn.Module):
        def __init__(self, wrong=False):
            super().__init__()
            self.first, self.last = torch.nn.Linear(5, 7), torch.nn.Linear(7, 3)
            self.act = torch.nn.Tanh()
            self.wrong = wrong

        def forward(self, x):
            h = self.act(self.first(x))
            return self.last(h * 1.01 if self.wrong else h)

    ported = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(7, name="first"),
            keras.layers.Activation("tanh", name="act"),
            keras.layers.Dense(3, name="last"),
        ]
    )
    x = np.random.default_rng(1).standard_normal((4, 5))
    for wrong in (False, True):
        module = Module(wrong)
        with torch.no_grad():
            for layer, own in ((module.first, "first"), (module.last, "last")):
                kernel, bias = ported.get_layer(own).get_weights()
                layer.weight.copy_(torch.tensor(kernel.T))
                layer.bias.copy_(torch.tensor(bias))
        functions = {"torch": module, "tensorflow": ported}
        verdict = gradcmp.compare_functions(functions, {"x": x}, against="tensorflow", wrt=["x"])
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
