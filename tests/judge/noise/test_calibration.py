"""The scale of the noise is that of errors that real float32 arithmetic makes, and never zero."""

import numpy as np
import pytest

from gradcmp.case import Case, Expression, InputSpec
from gradcmp.dtypes import FORMATS
from gradcmp.graph import backward, build, forward
from gradcmp.graph.walk import constants_of
from gradcmp.judge.auto.loudness import LIMITS, loudness
from gradcmp.judge.noise.calibration import calibrate, pool
from gradcmp.judge.noise.model import NoiseModel, NoisyArray

FLOAT32 = FORMATS["float32"]

# Chains of float32 roundings in NumPy itself, whose errors the scale must be the scale of.
GRAPHS = {
    "layers": "sum(square(x @ transpose(y)) @ y)",
    "softmax": "softmax(x * y * 3) * y",
    "loss": "mean(square(log_softmax(x @ transpose(y))))",
    "variance": "mean(square(x + 30), axis=-1) - square(mean(x + 30, axis=-1))",
    "normed": "(x - mean(x, axis=-1, keepdims=True)) * rsqrt(var(x, axis=-1, keepdims=True) + 1)",
}


def graph_of(text):
    inputs = {name: InputSpec("normal", (4, 3)) for name in "xy" if name in text}
    return build(Case("noise", inputs, {"z": Expression(text)}, "z", tuple(inputs), ()))


def run(graph, inputs, dtype, cotangent=None):
    held = {name: array.astype(dtype) for name, array in inputs.items()}
    tape = forward(graph, held, constants_of(np.dtype(dtype)))
    shape = tape.values["z"].shape
    dy = np.random.default_rng(9).standard_normal(shape) if cotangent is None else cotangent
    dy = np.asarray(np.float32(dy), np.float64)
    gradients = backward(graph, tape, np.asarray(dy, dtype))
    return {"z": tape.values["z"]} | {f"d {name}": gradients[name] for name in inputs}, dy


def draw(graph, seed, shape=(16, 24)):
    rng = np.random.default_rng(seed)
    return {
        name: rng.standard_normal(shape).astype(np.float32).astype(np.float64)
        for name in graph.inputs
    }


def scales_of(graph, inputs, dy, replicas=16, precision=FLOAT32, seed=0):
    names = ["z", *(f"d {name}" for name in inputs)]
    return calibrate(graph, inputs, dy, precision, names, replicas, seed=seed)


@pytest.mark.parametrize("text", GRAPHS.values(), ids=GRAPHS)
def test_the_scale_is_that_of_real_float32_errors(text):
    graph = graph_of(text)
    shares = []
    for seed in range(6):
        inputs = draw(graph, seed)
        truth, dy = run(graph, inputs, "float64")
        found, _ = run(graph, inputs, "float32")
        for name, scale in scales_of(graph, inputs, dy).items():
            np.testing.assert_array_equal(scale.base, truth[name])
            error = found[name] - truth[name]
            assert not loudness(error, scale, LIMITS).loud
            if np.any(error):
                shares.append(np.sqrt(np.mean(scale.s**2) / np.mean(error**2)))
    assert 0.8 < np.median(shares) < 6


def without_noise(monkeypatch):
    monkeypatch.setattr(NoiseModel, "jitter", lambda self, stack, *_, **__: NoisyArray(stack, self))
    monkeypatch.setattr(NoiseModel, "jitter_sum", lambda self, stack, *_: NoisyArray(stack, self))


def test_without_the_noise_a_correct_result_would_be_loud(monkeypatch):
    graph = graph_of(GRAPHS["variance"])
    inputs = draw(graph, 0)
    truth, dy = run(graph, inputs, "float64")
    found, _ = run(graph, inputs, "float32")
    without_noise(monkeypatch)
    scale = scales_of(graph, inputs, dy)["z"]
    assert loudness(found["z"] - truth["z"], scale, LIMITS).loud


@pytest.mark.parametrize("text", GRAPHS.values(), ids=GRAPHS)
def test_another_formula_is_loud(text):
    graph = graph_of(text)
    inputs = draw(graph, 0)
    truth, dy = run(graph, inputs, "float64")
    scales = scales_of(graph, inputs, dy)
    for wrong in (lambda g: -g, lambda g: 0 * g, lambda g: g * 1.001, lambda g: g + 1e-3):
        assert loudness(wrong(truth["d x"]) - truth["d x"], scales["d x"], LIMITS).loud


def test_a_verdict_repeats_and_another_seed_gives_other_noise():
    graph = graph_of(GRAPHS["layers"])
    inputs = draw(graph, 0)
    _, dy = run(graph, inputs, "float64")
    first, again, other = (scales_of(graph, inputs, dy, seed=s)["d x"].s for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert 0.5 < np.median(other / first) < 2


def ends(scale, name="d x"):
    """Return the interval that open branches leave each element."""
    (kinks,) = scale.kinks
    jumps = kinks.jumps[name]
    low, high = np.minimum(jumps.min(axis=0), 0), np.maximum(jumps.max(axis=0), 0)
    return scale.base + low, scale.base + high


TIED = np.array([[0.0, 1.0, -2.0], [0.0, -3.0, 4.0]])


@pytest.mark.parametrize(
    ("text", "free"),
    [
        ("relu(x)", TIED == 0),
        ("abs(x)", TIED == 0),
        ("maximum(x, y)", TIED[::-1] == TIED),
        ("minimum(x, y)", TIED[::-1] == TIED),
        ("max(x, axis=0)", np.array([[True, False, False], [True, False, False]])),
    ],
)
def test_exact_ties_leave_an_interval_and_nothing_else_does(text, free):
    graph = graph_of(text)
    inputs = {"x": TIED} | ({"y": TIED[::-1].copy()} if "y" in text else {})
    truth, dy = run(graph, inputs, "float64")
    scale = scales_of(graph, inputs, dy)["d x"]
    low, high = ends(scale)
    assert np.all((high - low)[free] > 0.01)
    assert np.all((high - low)[~free] <= 1e-12)
    assert np.all((low <= truth["d x"]) & (truth["d x"] <= high))


def test_relu_may_have_either_slope_at_zero():
    graph = graph_of("relu(x)")
    dy = np.array([[1.5, -2.0]])
    scale = scales_of(graph, {"x": np.zeros((1, 2))}, dy)["d x"]
    low, high = ends(scale)
    np.testing.assert_allclose(low, [[0.0, -2.0]])
    np.testing.assert_allclose(high, [[1.5, 0.0]])


def test_two_kinks_on_one_element_are_broken_each_its_own_way():
    graph = graph_of("maximum(x, y) - 0.5 * abs(x)")
    both = {"x": np.zeros((2, 50)), "y": np.zeros((2, 50))}
    scales = scales_of(graph, both, np.ones((2, 50)))
    low, high = ends(scales["d x"])
    assert np.mean(low < -0.49) > 0.9
    assert np.mean(high > 1.49) > 0.9
    scale = scales_of(graph, {n: x[:1, :1] for n, x in both.items()}, np.ones((1, 1)))["d x"]
    assert [end.item() for end in ends(scale)] == pytest.approx(
        [-0.5, 1.5]
    )  # of {0, 1} - 0.5 * {-1, 0, 1}


@pytest.mark.parametrize("text", ["exp(x) * y", "relu(x) * maximum(x, y)", "max(x, axis=-1)"])
def test_a_graph_that_meets_no_tie_has_no_interval(text):
    graph = graph_of(text)
    inputs = draw(graph, 0)
    _, dy = run(graph, inputs, "float64")
    assert scales_of(graph, inputs, dy)["d x"].kinks == ()


def test_replicas_that_agree_leave_half_a_step_of_the_dtype():
    base = np.array([1.0, -3.0, 0.0])
    scale = pool(np.repeat(base[None], 17, axis=0), FLOAT32)
    np.testing.assert_allclose(scale.s[:2], np.abs(base[:2]) * FLOAT32.u / np.sqrt(3))
    assert scale.s[2] == FLOAT32.eta > 0
    np.testing.assert_allclose(scale.coherent, FLOAT32.u / np.sqrt(3))


def test_what_is_flushed_to_zero_has_no_factor_of_zero():
    base = np.array([1e-45, -3e-50, 0.0])
    found = loudness(-base, pool(np.repeat(base[None], 17, axis=0), FLOAT32), LIMITS)
    assert not found.loud
    assert loudness(-base, pool(np.repeat(base[None], 17, axis=0), FORMATS["float64"]), LIMITS).loud


@pytest.mark.parametrize("replicas", [4, 8, 16])
def test_pooling_recovers_the_spread_of_normal_deviates(replicas):
    rng = np.random.default_rng(0)
    rows, columns = np.exp(rng.standard_normal((30, 1))), np.exp(rng.standard_normal(40))
    spread = 1e-4 * rows * columns  # as of a matrix: each row and each column has its own
    stack = np.concatenate(
        [np.ones((1, 30, 40)), 1 + spread * rng.standard_normal((replicas, 30, 40))]
    )
    share = pool(stack, FLOAT32).s / spread
    assert 0.9 < np.median(share) < 1.15
    assert share.min() > 0.3  # no element's scale collapses by chance


def test_what_is_not_finite_spoils_no_other_element():
    stack = np.repeat(np.array([[1.0, np.inf, np.nan]]), 17, axis=0)
    stack[1:, 0] += 1e-6
    scale = pool(stack, FLOAT32)
    assert 0 < scale.s[0] < 1e-5
    assert np.isfinite(scale.coherent)


@pytest.mark.parametrize("shape", [(8,), (8, 1), (1, 8), (1, 8, 1)])
def test_a_column_lends_as_a_vector_does(shape):
    """Axes of length 1 are none: one element that was lucky borrows from its neighbours."""
    base = np.ones((5, *shape))
    base[1:] += 1e-6 * np.random.default_rng(0).standard_normal((4, *shape))
    base.reshape(5, 8)[:, 3] = 1.0
    s = pool(base, FORMATS["float32"]).s
    assert s.reshape(-1)[3] > 0.3 * np.median(s)
