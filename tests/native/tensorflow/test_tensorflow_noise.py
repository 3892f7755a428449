"""The noise in TensorFlow's stream of operations against the errors that TensorFlow makes."""

import functools
import math
from contextlib import contextmanager

import numpy as np
import pytest
from surroundings import framework

tf = framework("tensorflow")
pytestmark = pytest.mark.frameworks

from gradcmp.dtypes import FORMATS  # noqa: E402
from gradcmp.dtypes.arrays import numpy_dtype  # noqa: E402
from gradcmp.judge.noise.calibration import pool  # noqa: E402
from gradcmp.native.tensorflow import engine  # noqa: E402
from gradcmp.native.tensorflow.engine import prepare  # noqa: E402
from gradcmp.native.tensorflow.run import is_real  # noqa: E402
from gradcmp.native.tensorflow.stream import works  # noqa: E402

REPLICAS = 8
RNG = np.random.default_rng(12)


def normal(*shape):
    return RNG.normal(size=shape)


def positive(*shape):
    return RNG.uniform(0.2, 2.0, size=shape)


def elementary(x):
    found = [tf.exp(x), tf.sin(x), tf.tanh(x), tf.sigmoid(x), tf.math.erf(x), tf.nn.softplus(x)]
    return tf.add_n(found) + tf.nn.elu(x) + tf.nn.selu(x) + tf.nn.gelu(x) + tf.pow(x, 3)


def positives(x):
    found = [tf.sqrt(x), tf.math.rsqrt(x), tf.math.log(x), 1 / x, x**x]
    return tf.add_n(found) + tf.math.log1p(x) / tf.math.xlogy(x, x + 2)


def convolved(x, kernel, deep):
    h = tf.nn.leaky_relu(tf.nn.conv2d(x, kernel, 2, "SAME"))
    h = tf.nn.depthwise_conv2d(h, deep, (1, 1, 1, 1), "VALID")
    return tf.nn.avg_pool2d(h, 2, 1, "VALID") + tf.nn.max_pool2d(h, 2, 1, "VALID")


def probabilities(x):
    place = tf.range(x.shape[0]) % x.shape[1]
    known = tf.one_hot(place, x.shape[1], dtype=x.dtype) * 0.9 + 0.02
    one = tf.nn.sparse_softmax_cross_entropy_with_logits(place, x)
    other = tf.nn.softmax_cross_entropy_with_logits(known, x)
    return one + other + tf.reduce_sum(tf.nn.softmax(x) * tf.nn.log_softmax(x), -1)


def scattered(x, places):
    rows = tf.math.unsorted_segment_sum(x, places, 4) + tf.gather(x, places[:4])
    return tf.tensor_scatter_nd_add(rows, places[:6, None], x[:6]) * tf.cumsum(rows, 1)


def solved(a, b):
    matrix = a @ tf.transpose(a) + 3 * tf.eye(a.shape[0], dtype=a.dtype)
    factor = tf.linalg.cholesky(matrix)
    return tf.linalg.solve(matrix, b) + tf.linalg.triangular_solve(factor, b)


def looped(x, w):
    state = tf.while_loop(lambda i, h: i < 5, lambda i, h: (i + 1, tf.tanh(h @ w + x)), (0, x))[1]
    return tf.scan(lambda h, one: tf.sigmoid(h + one), state)


def reduced(x):
    mean, variance = tf.nn.moments(x, 0)
    norm = tf.norm(x, axis=1, keepdims=True)
    return tf.reduce_logsumexp(x / norm, 1) + tf.reduce_sum(mean / tf.sqrt(variance)) * x[:, 0]


def chosen(x):
    top = tf.math.top_k(x, 3).values
    best = tf.gather(x, tf.argmax(x, 1), batch_dims=1)
    return tf.reduce_sum(top * tf.clip_by_value(top, 0.3, 1.0), 1) * best + tf.reduce_max(x, 1)


FAMILIES = {
    "elementary": (elementary, {"x": normal(6, 8)}),
    "positive": (positives, {"x": positive(6, 8)}),
    "special": (lambda x: tf.math.lgamma(x) * tf.math.igamma(x, x), {"x": positive(6, 8)}),
    "convolutions": (
        convolved,
        {"x": normal(2, 9, 9, 3), "kernel": normal(3, 3, 3, 4), "deep": normal(2, 2, 4, 2)},
    ),
    "probabilities": (probabilities, {"x": 3 * normal(9, 7)}),
    "products": (
        lambda a, b: tf.einsum("ij,jk,k->ik", a, b, b[0]) @ tf.matmul(b, a, True, True),
        {"a": normal(5, 6), "b": normal(6, 5)},
    ),
    "scattering": (scattered, {"x": normal(8, 5), "places": np.array([0, 1, 1, 2, 0, 3, 3, 3])}),
    "solving": (solved, {"a": normal(6, 6), "b": normal(6, 2)}),
    "loops": (looped, {"x": normal(4, 4), "w": 0.4 * normal(4, 4)}),
    "reductions": (reduced, {"x": normal(9, 5)}),
    "choices": (chosen, {"x": normal(9, 6)}),
}
DTYPES = ("float32", "bfloat16")
ONLY_FLOAT32 = {"solving", "special"}  # TensorFlow has no bfloat16 kernel


def held(array, dtype):
    return array.astype(numpy_dtype(dtype)).astype(np.float64) if is_real(array) else array


@functools.cache
def prepared(name, dtype):
    function, inputs = FAMILIES[name]
    return prepare(
        function,
        {key: held(array, dtype) for key, array in inputs.items()},
        cotangents=lambda output, shape: held(np.random.default_rng(3).normal(size=shape), dtype),
    )


def measured(side, dtype):
    """Return, by tensor, the largest error in units of the noise, and the ratio of their sizes."""
    plain, clean = side.plain(dtype).tensors, side.clean(dtype).tensors
    replicas = side.noisy(dtype, REPLICAS)
    found = {}
    for name, base in clean.items():
        stack = np.stack([base, *(one.tensors[name] for one in replicas)])
        scale = pool(stack, FORMATS[dtype], 1 + FORMATS[dtype].only_stores)
        error = np.abs(plain[name].astype(np.float64) - base)
        size = math.sqrt(np.mean(scale.s**2) / max(np.mean(error**2), 1e-300))
        found[name] = (float(np.max(error / scale.s)), size)
    return found, replicas


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FAMILIES)
def test_noise_is_as_large_as_the_errors(name, dtype):
    if dtype == "bfloat16" and name in ONLY_FLOAT32:
        pytest.skip("there is no such kernel")
    found, replicas = measured(prepared(name, dtype), dtype)
    assert not replicas[0].unruled
    for tensor, (r, ratio) in found.items():
        assert r <= 8, tensor
        assert ratio > 0.4, tensor
        assert dtype == "bfloat16" or ratio < 100, tensor


@pytest.mark.parametrize("name", ["elementary", "convolutions", "products", "loops"])
def test_without_the_stream_there_is_no_noise(name, monkeypatch):
    @contextmanager
    def unseen(hook):
        yield

    side = prepared(name, "float32")
    right, _ = measured(side, "float32")
    monkeypatch.setattr(engine, "seen", unseen)  # inputs have their errors all the same
    wrong, _ = measured(side, "float32")
    sizes = [np.median([ratio for _, ratio in found.values()]) for found in (wrong, right)]
    assert sizes[0] < 0.7 * sizes[1]


def test_a_planted_bug_is_far_above_the_noise():
    @tf.custom_gradient
    def swish(x):
        s = tf.sigmoid(x)
        return x * s, lambda dy: dy * s  # the derivative of the sigmoid is forgotten

    x = normal(5, 6)
    right = prepare(lambda x: x * tf.sigmoid(x), {"x": x}, cotangents={"output": np.ones((5, 6))})
    wrong = prepare(lambda x: swish(x), {"x": x}, cotangents={"output": np.ones((5, 6))})
    clean = right.clean().gradients["x"]
    stack = np.stack([clean, *(one.gradients["x"] for one in wrong.noisy("float32", REPLICAS))])
    assert not np.allclose(stack[1:], clean, rtol=1e-3)
    stack = np.stack([clean, *(one.gradients["x"] for one in right.noisy("float32", REPLICAS))])
    assert np.allclose(stack[1:], clean, rtol=1e-5)


def test_replicas_are_seeded_and_differ():
    side = prepared("elementary", "float32")
    first, second = side.noisy("float32", 2), side.noisy("float32", 2)
    np.testing.assert_array_equal(first[1].gradients["x"], second[1].gradients["x"])
    assert (first[0].gradients["x"] != first[1].gradients["x"]).any()


def test_an_operation_without_a_rule_is_named_and_errs_as_its_float32_kernel():
    side = prepare(
        lambda x: tf.abs(tf.signal.fft(tf.cast(x, tf.complex128))) ** 2,
        {"x": normal(32)},
        cotangents={"output": normal(32)},
    )
    (one,) = side.noisy("float32", 1)
    clean = side.clean()
    assert one.unruled[:1] == ("FFT",)
    error = np.abs(one.outputs["output"] / clean.outputs["output"] - 1)
    assert 2.0**-28 < np.median(error) < 2.0**-19


def test_ways_are_those_of_kinks():
    x = np.array([1.0, 0.0, -1.0])
    side = prepare(lambda x: tf.nn.relu(x), {"x": x}, cotangents={"output": np.ones(3)})
    found = {tuple(one.gradients["x"]) for one in side.ways("float32", 4)}
    assert found == {(1.0, 0.0, 0.0), (1.0, 1.0, 0.0)}
    assert side.noisy("float32", 1)[0].tied


def test_near_a_kink_replicas_keep_the_branches_of_the_base():
    x = normal(4, 5)
    side = prepare(
        lambda x: tf.nn.relu(tf.reduce_sum(x, 1) - tf.reduce_sum(x[:, ::-1], 1) + 1e-9),
        {"x": x},
        cotangents={"output": np.ones(4)},
    )
    replicas, clean = side.noisy("float32", 4), side.clean()
    assert replicas[0].near
    for one in replicas:
        np.testing.assert_allclose(one.gradients["x"], clean.gradients["x"], atol=1e-6)


def test_constants_held_in_float32_are_moved():
    table = tf.constant([0.1, 0.2, 0.3])  # float32 whatever it is used with
    side = prepare(lambda x: x * table, {"x": np.ones(3)}, cotangents={"output": np.ones(3)})
    clean, found = side.clean(), side.constants(4)
    strayed = [np.abs(one.outputs["output"] - clean.outputs["output"]) for one in found]
    assert 1e-10 < np.max(strayed) < 1e-7
    free = prepare(lambda x: x * 0.1, {"x": np.ones(3)}, cotangents={"output": np.ones(3)})
    assert not free.constants(4)


def test_numbers_of_a_lower_dtype_are_float64_in_the_clean_run():
    def function(x):
        mask = tf.cast(x > 0, tf.float32)
        return x * mask / tf.reduce_sum(mask) + tf.range(3, dtype=tf.float32) / 3

    x = np.array([1.0, -2.0, 3.0])
    found = prepare(function, {"x": x}, cotangents={"output": np.ones(3)}).clean().outputs["output"]
    np.testing.assert_array_equal(found, x * (x > 0) / 2 + np.arange(3) / 3)


def test_what_is_drawn_is_the_same_in_all_runs():
    def function(x):
        return x + tf.random.normal(x.shape, dtype=x.dtype)

    side = prepare(function, {"x": np.zeros(4)}, cotangents={"output": np.ones(4)})
    plain, clean = side.plain("float32"), side.clean("float32")
    np.testing.assert_array_equal(plain.outputs["output"], clean.outputs["output"])
    assert clean.random


def test_the_stream_is_given_back():
    from tensorflow.python.eager import execute

    before = execute.execute
    with pytest.raises(ZeroDivisionError):
        prepare(lambda x: x / (1 // 0), {"x": np.ones(2)}).noisy("float32", 1)
    assert execute.execute is before
    assert works()


def test_where_no_branch_is_open_there_is_no_other_way():
    x, dy = np.random.default_rng(5).normal(size=(2, 4, 3))
    near = np.float64(x[0, 0] * (1 + 1e-9))

    def ways(function):
        return prepare(function, {"x": x}, cotangents={"output": dy}).ways("float32", 6)

    assert ways(tf.tanh) == []
    assert ways(lambda x: tf.nn.relu(x)) == []
    assert ways(lambda x: tf.nn.relu(x - near))
    assert ways(lambda x: tf.nn.relu(x - x[0, 0]))  # a tie
