"""A user's function of JAX: run plain, in float64, and by NumPy under noise."""

import numpy as np
import pytest
from surroundings import framework

import gradcmp
from gradcmp.errors import BackendError, InputError

jax = framework("jax")
pytestmark = pytest.mark.frameworks

import jax.numpy as jnp  # noqa: E402
from jax import lax  # noqa: E402

from gradcmp.native.jax.engine import prepare  # noqa: E402

DRAW = np.random.default_rng(1)


def drawn(*shape):
    return DRAW.standard_normal(shape).astype(np.float32).astype(np.float64)


def upstream(name, shape):
    if not shape:
        return 1.0
    cotangent = np.random.default_rng(len(name) + sum(shape)).standard_normal(shape)
    return cotangent.astype(np.float32).astype(np.float64)


def mlp(x, w1, b1, w2):
    h = gradcmp.tap("h", jnp.tanh(x @ w1 + b1))
    return {"loss": jnp.mean((h @ w2) ** 2), "p": jax.nn.softmax(h @ w2)}


def layer_norm(x, g, b):
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * g + b


def attention(q, k, v):
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    mask = jnp.tril(jnp.ones(scores.shape[-2:], bool))
    return jax.nn.softmax(jnp.where(mask, scores, -jnp.inf)) @ v


def lstm(x, w, u, b):
    def step(carry, row):
        h, c = carry
        i, f, g, o = jnp.split(row @ w + h @ u + b, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zero = jnp.zeros((x.shape[1], u.shape[0]), x.dtype)
    return lax.scan(step, (zero, zero), x)[1]


def convolution(x, w):
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, w, (2, 1), "SAME", dimension_numbers=layout)


def embedding(e, index):
    return jnp.tanh(e[index]).sum(1)


def solve(a, b):
    return jnp.linalg.solve(a @ a.T + jnp.eye(len(a), dtype=a.dtype), b)


def power_iteration(a, x):
    return lax.while_loop(
        lambda state: state[0] < 3, lambda state: (state[0] + 1, jnp.tanh(a @ state[1])), (0, x)
    )[1]


def kinked(x, y):
    return jnp.maximum(x, y) + jnp.abs(x) + jnp.sort(x, -1) + jnp.cumsum(y, 0)


CASES = {
    "mlp": (mlp, {"x": drawn(8, 6), "w1": drawn(6, 10), "b1": drawn(10), "w2": drawn(10, 4)}),
    "layer norm": (layer_norm, {"x": drawn(16, 32), "g": drawn(32), "b": drawn(32)}),
    "attention": (attention, {"q": drawn(2, 8, 4), "k": drawn(2, 8, 4), "v": drawn(2, 8, 4)}),
    "lstm": (lstm, {"x": drawn(9, 3, 5), "w": drawn(5, 24), "u": drawn(6, 24), "b": drawn(24)}),
    "convolution": (convolution, {"x": drawn(2, 6, 6, 3), "w": drawn(3, 3, 3, 4)}),
    "embedding": (embedding, {"e": drawn(10, 4), "index": DRAW.integers(0, 10, (5, 7))}),
    "solve": (solve, {"a": drawn(6, 6), "b": drawn(6, 2)}),
    "kinked": (kinked, {"x": drawn(5, 4), "y": drawn(5, 4)}),
}


@pytest.fixture(params=CASES)
def side(request):
    return prepare(*CASES[request.param], cotangents=upstream)


def root_mean_square(arrays):
    return float(np.sqrt(np.mean(np.square(np.asarray(arrays, np.float64)))))


@pytest.mark.first(4)
def test_numpy_computes_what_jax_does(side):
    base, clean = side.by_numpy().tensors, side.clean().tensors
    assert base.keys() == clean.keys()
    for name, array in clean.items():
        np.testing.assert_allclose(base[name], array, rtol=1e-7, atol=1e-9, err_msg=name)


@pytest.mark.first(2)
def test_the_noise_is_of_the_size_of_the_error(side):
    clean, plain = side.clean().tensors, side.plain("float32").tensors
    replicas = side.noisy("float32")
    for name, array in clean.items():
        error = root_mean_square(plain[name].astype(np.float64) - array)
        noise = root_mean_square([run.tensors[name] - array for run in replicas])
        assert noise < 12 * error or not error, name
        assert noise > error / 2, name  # without noise at all this fails


def test_a_product_is_off_by_a_unit_roundoff():
    side = prepare(lambda x, y: x * y, {"x": drawn(50), "y": drawn(50)}, cotangents=upstream)
    base, replicas = side.clean().outputs["output"], side.noisy("float32")
    replicas = [run.outputs["output"] for run in replicas]
    assert 0.1 < root_mean_square([(one - base) / base for one in replicas]) * 2**24 < 10


def test_casts_to_a_lower_dtype_are_left_out():
    def careless(x):
        return (x.astype(jnp.float32) * 3.0).astype(x.dtype)

    x = np.random.default_rng(2).standard_normal(40)
    clean = prepare(careless, {"x": x}, cotangents=upstream).clean()
    np.testing.assert_array_equal(clean.outputs["output"], 3.0 * x)
    assert clean.dropped_casts
    assert not prepare(lambda x: 3.0 * x, {"x": x}, cotangents=upstream).clean().dropped_casts


def test_a_table_in_float32_is_a_constant_that_moves():
    table = np.float32(np.random.default_rng(3).standard_normal(40))
    x = drawn(40)
    held = prepare(lambda x: x * table, {"x": x}, cotangents=upstream)
    base = held.clean().outputs["output"]
    moved = [run.outputs["output"] for run in held.constants()]
    away = np.abs(np.stack(moved) - base).max(0) / np.abs(base)
    assert np.all(away < 2.0**-24 * 1.001)
    assert np.all(away > 2.0**-28)
    assert not prepare(lambda x: x * 2.0, {"x": x}, cotangents=upstream).constants()


def test_ties_go_either_way():
    """max(x, 0) + max(-x, 0) at 0: 0 to 1 of the cotangent for each, by the definition."""
    side = prepare(lambda x: jnp.maximum(x, 0.0), {"x": np.zeros(3)}, cotangents=upstream)
    dy = upstream("output", (3,))
    shares = np.stack([run.gradients["x"] / dy for run in side.ways("float32", 16)])
    assert {*np.unique(shares)} <= {0.0, 0.5, 1.0}
    assert {0.0, 1.0} <= {*np.unique(shares)}


def test_a_near_tie_leaves_no_noise_of_its_branch():
    x = np.array([1.0, 2.0, 3.0, 1e-9])

    def f(x):
        return jnp.maximum((x + 1.0) - 1.0, 0.0)

    side = prepare(f, {"x": x}, cotangents=upstream)
    replicas, base = side.noisy("float32"), side.clean()
    spread = [run.gradients["x"] - base.gradients["x"] for run in replicas]
    assert replicas[0].near
    assert root_mean_square(spread) < 1e-6


def test_what_has_no_rule_is_named():
    def f(x):
        return lax.regularized_incomplete_beta_p.bind(x, x, x * 0 + 0.5)

    x = np.abs(drawn(5)) + 0.5
    run, *_ = prepare(f, {"x": x}, wrt=(), cotangents=upstream).noisy("float32")
    assert run.unruled == ("regularized_incomplete_beta",)


def test_loops_follow_the_run_without_noise():
    given = {"a": drawn(4, 4), "x": drawn(4)}
    side = prepare(power_iteration, given, wrt=(), cotangents=upstream)
    base = side.by_numpy()
    value = given["x"]
    for _ in range(3):
        value = np.tanh(given["a"] @ value)
    np.testing.assert_allclose(base.outputs["output"], value, rtol=1e-12)


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [
        (lambda x, z: x, InputError, "takes no 'y'"),
        (lambda x, y: None, BackendError, "returned None"),
        (lambda x, y: "loss", BackendError, "returned 'str'"),
    ],
)
def test_bad_functions(function, error, text):
    with pytest.raises(error, match=text):
        prepare(function, {"x": drawn(2), "y": drawn(2)}, cotangents=upstream).plain("float32")


@jax.custom_vjp
def doubled(x):
    return gradcmp.tap("inside", 2 * x)


doubled.defvjp(lambda x: (doubled(x), None), lambda _, dy: (2 * dy,))


@pytest.mark.parametrize("mode", ["eager", "jit"])
def test_what_is_inside_of_what_jax_transforms_is_no_tap(mode):
    """It has no value outside: of a custom_vjp it had a gradient of zero, and of others failed."""

    def inner(x):
        return gradcmp.tap("inside", jnp.tanh(x))

    def function(x):
        carried, _ = lax.scan(lambda sum, row: (sum + inner(row), None), jnp.zeros_like(x[0]), x)
        h = jax.vmap(inner)(x) + jax.jit(inner)(x) + jax.checkpoint(inner)(x) + carried
        h = gradcmp.tap("outside", doubled(h)) * gradcmp.tap("whole", jnp.arange(4))
        return h + jax.grad(lambda x: inner(x).sum())(x)

    x, dy = drawn(3, 4), drawn(3, 4)
    found = prepare(function, {"x": x}, mode=mode, cotangents={"output": dy}).plain("float64")
    assert {*found.taps} == {"outside", "whole"}
    np.testing.assert_array_equal(found.taps["outside"].gradient, dy * np.arange(4))
    slope = 1 - np.tanh(x) ** 2
    sums = 6 * dy * slope + 2 * dy.sum(0) * slope  # of a row in the carry, each is in the sum
    bend = dy * -2 * np.tanh(x) * slope
    expected = np.arange(4) * sums + bend
    np.testing.assert_allclose(found.gradients["x"], expected, rtol=1e-12)
