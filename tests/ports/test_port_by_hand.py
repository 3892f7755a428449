"""Gradients that were derived by hand in NumPy, and a layer of Keras, against the frameworks.

All that needs TensorFlow, whose import takes its time.
"""

from functools import partial

import numpy as np
import pytest
from findings import blamed, compared, disagreeing, origins, shown
from surroundings import framework

from gradcmp import tap

torch = framework("torch")
jax = framework("jax")
tf = framework("tensorflow")
keras = framework("keras")
pytestmark = pytest.mark.frameworks

import jax.numpy as jnp  # noqa: E402

LOG_2PI = float(np.log(2 * np.pi))


def gmm(m, logsumexp, total, einsum, x, logits, means, log_scales):
    """Return the log-likelihood of points under Gaussians with diagonal covariances."""
    z = (x[:, None, :] - means) * m.exp(-log_scales)
    size = x.shape[1] * LOG_2PI / 2
    each = logits - total(log_scales, -1) - total(z * z, -1) / 2 - size
    joint = tap("joint", each)
    return total(logsumexp(joint, -1), 0) - x.shape[0] * logsumexp(logits, -1)


def gmm_torch(x, logits, means, log_scales):
    return gmm(torch, torch.logsumexp, torch.sum, None, x, logits, means, log_scales)


def gmm_jax(x, logits, means, log_scales):
    return gmm(jnp, jax.nn.logsumexp, jnp.sum, None, x, logits, means, log_scales)


def gmm_tensorflow(x, logits, means, log_scales):
    return gmm(tf, tf.reduce_logsumexp, tf.reduce_sum, None, x, logits, means, log_scales)


def softmax(a, axis=-1):
    e = np.exp(a - a.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def gmm_by_hand(x, logits, means, log_scales, bug=""):
    z = (x[:, None, :] - means) * np.exp(-log_scales)
    constant = np.asarray(x.shape[1] * LOG_2PI / 2, x.dtype)
    joint = tap("joint", logits - log_scales.sum(-1) - (z * z).sum(-1) / 2 - constant)
    top = joint.max(-1, keepdims=True)
    each = np.log(np.exp(joint - top).sum(-1)) + top[:, 0]
    value = each.sum() - len(x) * np.log(np.exp(logits - logits.max()).sum())
    value = value - len(x) * logits.max()

    share = tap("d joint", softmax(joint, 0 if bug == "axis" else -1))
    d_z = -share[..., None] * z
    d_moved = d_z * np.exp(-log_scales)
    d_logits = share.sum(0) - (0 if bug == "normalizer" else len(x) * softmax(logits))
    d_log_scales = (-d_z * z).sum(0) - (0 if bug == "determinant" else share.sum(0)[:, None])
    return value, {
        "x": d_moved.sum(1),
        "logits": d_logits,
        "means": (1 if bug == "sign" else -1) * d_moved.sum(0),
        "log_scales": d_log_scales,
    }


MIXTURE = {
    "x": "normal:12x3",
    "logits": "normal:4",
    "means": "normal:4x3",
    "log_scales": "uniform:4x3:low=-0.5,high=0.5",
}
GMM = {"torch": gmm_torch, "tensorflow": gmm_tensorflow, "jax": gmm_jax}

BFLOAT16 = pytest.param("bfloat16", "off", marks=pytest.mark.thorough)


@pytest.mark.parametrize(("dtype", "layouts"), [("float32", "auto"), BFLOAT16])
def test_a_mixture_by_hand_agrees_with_three_frameworks(dtype, layouts):
    functions = {"numpy": gmm_by_hand, **GMM}
    if dtype == "bfloat16":  # in which NumPy computes nothing in the code of these
        functions = {"numpy": gmm_by_hand, "jax": gmm_jax, "torch": gmm_torch}
    verdict = compared(functions, MIXTURE, "torch", dtype=dtype, layouts=layouts)
    assert verdict.agrees, shown(verdict)
    assert {*verdict.tensors} >= {"joint", "d joint", "d means"}


@pytest.mark.parametrize(
    ("bug", "wrong", "origin"),
    [
        ("axis", {"d joint", "d x", "d logits", "d means", "d log_scales"}, "d joint"),
        ("normalizer", {"d logits"}, "d logits"),
        ("determinant", {"d log_scales"}, "d log_scales"),
        ("sign", {"d means"}, "d means"),
    ],
)
def test_a_bug_in_a_mixture_by_hand_is_found(bug, wrong, origin):
    functions = {"numpy": partial(gmm_by_hand, bug=bug), "torch": gmm_torch, "jax": gmm_jax}
    verdict = compared(functions, MIXTURE, "torch")
    assert disagreeing(verdict) == wrong, shown(verdict)
    assert blamed(verdict) == {"numpy"}
    assert origins(verdict) == {origin}


def lstm_torch(x, w, u, b):
    h = torch.zeros(x.shape[1], u.shape[0], dtype=x.dtype)
    c = torch.zeros_like(h)
    for row in x:
        i, f, g, o = (row @ w + h @ u + b).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = tap("h", torch.sigmoid(o) * torch.tanh(c))
    return (h * h).sum()


def lstm_jax(x, w, u, b):
    h = jnp.zeros((x.shape[1], u.shape[0]), x.dtype)
    c = h
    for row in x:
        i, f, g, o = jnp.split(row @ w + h @ u + b, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = tap("h", jax.nn.sigmoid(o) * jnp.tanh(c))
    return (h * h).sum()


def lstm_tensorflow(x, w, u, b):
    h = tf.zeros((x.shape[1], u.shape[0]), x.dtype)
    c = h
    for row in tf.unstack(x):
        i, f, g, o = tf.split(row @ w + h @ u + b, 4, -1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tap("h", tf.sigmoid(o) * tf.tanh(c))
    return tf.reduce_sum(h * h)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm_by_hand(x, w, u, b, bug=""):
    h = c = np.zeros((x.shape[1], len(u)), x.dtype)
    kept = []
    for row in x:
        i, f, g, o = np.split(row @ w + h @ u + b, 4, -1)
        if bug == "gates":
            g, o = o, g
        gates = i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        kept.append((row, h, c, gates))
        c = f * c + i * g
        h = tap("h", o * np.tanh(c))
    value = (h * h).sum()

    dh, dc = 2 * h, np.zeros_like(c)
    dx, dw, du, db = np.zeros_like(x), np.zeros_like(w), np.zeros_like(u), np.zeros_like(b)
    after = c
    for t in reversed(range(len(x))):
        row, h, c, (i, f, g, o) = kept[t]
        tanh = np.tanh(after)
        dc = dc + dh * o * (1 if bug == "tanh" else 1 - tanh * tanh)
        parts = [
            dc * g * i * (1 - i),
            dc * c * f * (1 - f),
            dc * i * (1 - g * g),
            dh * tanh * o * (1 - o),
        ]
        if bug == "gates":
            parts[2], parts[3] = parts[3], parts[2]
        da = np.concatenate(parts, -1)
        dx[t] = da @ w.T
        dw = dw + row.T @ da
        du = du + h.T @ da
        db = db + da.sum(0)
        dh, dc, after = da @ u.T, dc * f, c
    count = len(x) if bug == "averaged" else 1
    return value, {"x": dx, "w": dw / count, "u": du / count, "b": db / count}


SEQUENCE = {"x": "normal:4x3x2", "w": "normal:2x12", "u": "normal:3x12", "b": "normal:12"}


def test_an_lstm_by_hand_agrees_with_three_frameworks():
    functions = {
        "numpy": lstm_by_hand,
        "torch": lstm_torch,
        "tensorflow": lstm_tensorflow,
        "jax": lstm_jax,
    }
    verdict = compared(functions, SEQUENCE, "torch", layouts="auto")
    assert verdict.agrees, shown(verdict)
    assert {*verdict.tensors} >= {"h", "h[3]", "d w"}


@pytest.mark.parametrize(
    ("bug", "wrong"),
    [
        ("tanh", {"d x", "d w", "d u", "d b"}),
        ("averaged", {"d w", "d u", "d b"}),
    ],
)
def test_a_bug_in_an_lstm_by_hand_is_found(bug, wrong):
    functions = {"numpy": partial(lstm_by_hand, bug=bug), "torch": lstm_torch}
    verdict = compared(functions, SEQUENCE, "torch")
    assert disagreeing(verdict) == wrong, shown(verdict)
    assert blamed(verdict) == {"numpy"}


def test_gates_in_another_order_part_at_the_first_state():
    functions = {"numpy": partial(lstm_by_hand, bug="gates"), "torch": lstm_torch}
    verdict = compared(functions, SEQUENCE, "torch")
    assert origins(verdict) == {"h"}, shown(verdict)


class Lstm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = torch.nn.LSTM(3, 4, batch_first=True)

    def forward(self, x):
        return tap("states", self.rnn(x)[0])


def lstm_module():
    torch.manual_seed(2)
    return Lstm()


def lstm_keras(x, kernel, recurrent_kernel, bias):
    options = {"recurrent_initializer": "zeros", "dtype": x.dtype.name}  # it is replaced
    layer = keras.layers.LSTM(4, return_sequences=True, **options)
    layer.build(x.shape)
    states, _ = layer.stateless_call(
        [kernel, recurrent_kernel, bias], layer.non_trainable_variables, x
    )
    return tap("states", states)


def to_keras(given, order="ifgo", transpose=True, biases=("bias_ih_l0", "bias_hh_l0")):
    """Return the weights of torch as Keras has them: its gates are i, f, c (torch's g) and o."""

    def moved(name):
        gates = dict(zip("ifgo", tf.split(given[f"rnn.{name}"], 4, 0), strict=True))
        return tf.concat([gates[one] for one in order], 0)

    recurrent = moved("weight_hh_l0")
    if not transpose:
        recurrent = tf.concat(tf.split(recurrent, 4, 0), 1)  # each gate's matrix as it was
    else:
        recurrent = tf.transpose(recurrent)
    return {
        "kernel": tf.transpose(moved("weight_ih_l0")),
        "recurrent_kernel": recurrent,
        "bias": sum(moved(name) for name in biases),
    }


def keras_against_torch(dtype="float32", layouts="off", **changes):
    return compared(
        {"keras": lstm_keras, "torch": lstm_module()},
        {"x": "normal:2x5x3"},
        "torch",
        dtype=dtype,
        layouts=layouts,
        parameters={"keras": partial(to_keras, **changes)},
    )


@pytest.mark.parametrize(("dtype", "layouts"), [("float32", "auto"), BFLOAT16])
def test_an_lstm_of_keras_agrees_with_one_of_torch(dtype, layouts):
    verdict = keras_against_torch(dtype, layouts)
    assert verdict.agrees, shown(verdict)
    assert {*verdict.tensors} >= {"states", "d rnn.weight_hh_l0", "d rnn.bias_ih_l0"}


@pytest.mark.parametrize(
    "changes",
    [
        {"order": "ifog"},
        pytest.param({"transpose": False}, marks=pytest.mark.thorough),
        pytest.param(
            {"biases": ("bias_ih_l0", "bias_hh_l0", "bias_hh_l0")}, marks=pytest.mark.thorough
        ),
    ],
)
def test_weights_that_are_handed_over_wrongly_are_found(changes):
    verdict = keras_against_torch(**changes)
    assert not verdict.agrees
    assert origins(verdict) == {"states"}, shown(verdict)
