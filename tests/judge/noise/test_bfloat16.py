"""bfloat16: replicas are numbers of the dtype, and stray as one rounding does."""

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
from autocases import CASES, case, draw, record

from gradcmp.backends.torch import TorchBackend
from gradcmp.dtypes import FORMATS
from gradcmp.graph import build
from gradcmp.judge.auto.graph_noise import GraphNoise
from gradcmp.judge.auto.judge import NoiseJudge
from gradcmp.judge.auto.loudness import BFLOAT16_LIMITS, loudness
from gradcmp.judge.auto.noise_floor import FLOORS
from gradcmp.judge.auto.tensors.pair import RecordingPair
from gradcmp.judge.noise.bfloat16 import ANY, Bfloat16Model
from gradcmp.judge.noise.calibration import calibrate
from gradcmp.judge.noise.model import NoiseModel, NoisyArray
from gradcmp.judge.noise.rules.arithmetic import KAPPA
from gradcmp.judge.verdict import Pair
from gradcmp.ops.erf import erf_value
from gradcmp.ops.primitives import convolved_product, total_as
from gradcmp.recording import Recording

REPLICAS = 16
TORCH = TorchBackend.coarse_sums["eager"]
KINDS = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
ELEMENTARY = [ufunc for ufunc in KAPPA if ufunc.nin == 1]


def model_of(dtype, coarse=ANY, replicas=REPLICAS):
    return Bfloat16Model(FORMATS[dtype], replicas, np.random.default_rng(0), coarse=coarse)


def numbers(dtype, low, high, shape=2000, seed=0):
    return np.random.default_rng(seed).uniform(low, high, shape).astype(KINDS[dtype])


def exact(x, model):
    """Take an array in without the error of an input."""
    wide = np.asarray(x, np.float64)
    return NoisyArray(np.repeat(wide[None], model.replicas + 1, axis=0), model)


def rms(x):
    return float(np.sqrt(np.mean(np.square(x))))


def spread(noisy):
    return (noisy.stack[1:] - noisy.stack[0]) / np.sqrt(Bfloat16Model.roundings)


@pytest.mark.parametrize("dtype", [known.name for known in FORMATS.values() if known.only_stores])
@pytest.mark.parametrize(
    "function",
    [
        np.exp,
        erf_value,
        lambda x: x * x,
        lambda x: x + 0.1,
        lambda x: np.sum(x, axis=-1),
        lambda x: np.add.accumulate(x, -1),
        lambda x: x @ np.ones((8, 5)),
        lambda x: x.model.wrap(x.stack[0]),
    ],
)
def test_replicas_are_numbers_of_the_dtype(function, dtype):
    x = numbers(dtype, 0.3, 2, (6, 8))
    replicas = function(exact(x, model_of(dtype))).stack[1:]
    np.testing.assert_array_equal(replicas.astype(KINDS[dtype]).astype(np.float64), replicas)
    assert np.any(replicas != replicas[:1])


@pytest.mark.parametrize("ufunc", ELEMENTARY, ids=lambda ufunc: ufunc.__name__)
def test_an_elementary_function_rounds_once_from_float32(ufunc):
    x = numbers("bfloat16", 1.1, 1.4)
    expected = ufunc(x.astype(np.float64))
    once = ufunc(x.astype(np.float32)).astype(x.dtype).astype(np.float64)
    noisy = ufunc(exact(x, model_of("bfloat16")))
    assert 0.7 < rms(spread(noisy)) / rms(once - expected) < 1.6


def test_what_the_dtype_holds_stays_as_it_is():
    x = numbers("bfloat16", 1, 2)
    noisy = exact(x, model_of("bfloat16")) * 2.0
    np.testing.assert_array_equal(noisy.stack, np.broadcast_to(noisy.stack[:1], noisy.stack.shape))


def test_small_terms_get_lost_and_differences_are_exactly_zero():
    large = exact(np.full(200, 1.0), model_of("bfloat16"))
    small = np.linspace(2.0**-13, 2.0**-12, 200)
    left = (large + small - 1.0).stack[1:]
    assert np.mean(left == 0) > 0.3  # continuous noise would leave none
    assert np.all((left == 0) | (np.abs(left) >= 2.0**-9))


def in_itself(x):
    """Add up one after the other in the dtype itself, as compiled JAX does."""
    total = np.zeros(x.shape[:-1], x.dtype)
    for i in range(x.shape[-1]):
        total = total + x[..., i]
    return total.astype(np.float64)


@pytest.mark.parametrize("terms", [5, 50, 200])
@pytest.mark.parametrize("low", [-1.0, 0.2])
def test_a_coarse_sum_strays_as_far_as_one_in_the_dtype(low, terms):
    x = numbers("bfloat16", low, 1, (300, terms))
    expected = np.sum(x.astype(np.float64), axis=-1)
    error = rms(in_itself(x) - expected)
    model = model_of("bfloat16")
    assert rms(spread(np.sum(exact(x, model), axis=-1))) < 0.7 * error  # forwards, by float32
    assert 0.7 < rms(spread(total_as("bare", exact(x, model), -1))) / error < 3
    model.begin_backward()
    assert 0.7 < rms(spread(np.sum(exact(x, model), axis=-1))) / error < 3


def test_a_long_coarse_sum_of_alike_terms_stands_still():
    x = np.ones((4, 2000), ml_dtypes.bfloat16)
    assert np.all(in_itself(x) == 256)  # 257 is no bfloat16
    lost = spread(total_as("bare", exact(x, model_of("bfloat16")), -1))
    assert 0.1 * 2000 < rms(lost) < 2000
    either = numbers("bfloat16", -1, 1, (50, 2000))  # these hardly stand still
    error = in_itself(either) - np.sum(either.astype(np.float64), axis=-1)
    noise = rms(spread(total_as("bare", exact(either, model_of("bfloat16")), -1)))
    assert 0.3 < noise / rms(error) < 3


@pytest.mark.parametrize("rows", [40, 2000])
def test_torch_adds_up_the_gradient_of_a_bias_in_bfloat16(adapter, rows):
    """Of a layer_norm, and there alone; of 2000 ones a thread gets no further than 256."""
    adapter("torch")
    import torch

    rng = np.random.default_rng(rows)
    x, w = rng.standard_normal((rows, 8)), np.ones(8)
    dy = rng.uniform(0.2, 1.0, (rows, 8)).astype(ml_dtypes.bfloat16).astype(np.float64)
    there = case(out="layer_norm(x, y, z)")
    found = {}
    for torchs in (TORCH, TORCH - {"affine"}):
        given = {"x": x, "y": w, "z": w}
        scales = calibrate(build(there), given, dy, FORMATS["bfloat16"], ["d z"], coarse=torchs)
        found["affine" in torchs] = scales["d z"]
    b = torch.zeros(8, dtype=torch.bfloat16, requires_grad=True)
    held = (torch.tensor(a).to(torch.bfloat16) for a in (x, w))
    y = torch.nn.functional.layer_norm(next(held), (8,), next(held), b)
    y.backward(torch.tensor(dy).to(torch.bfloat16))
    error = np.abs(b.grad.double().numpy() - dy.sum(axis=0))
    assert np.max(error / found[True].s) < 8
    assert np.max(error / found[False].s) > (1.5 if rows == 40 else 8)


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("bare", lambda x: total_as("bare", x, -1)),
        ("affine", lambda x: total_as("affine", x, -1)),
        ("running", lambda x: np.add.accumulate(x, -1)),
        ("convolved", lambda x: convolved_product(x, np.ones((200, 3)))),
    ],
)
def test_a_kind_of_sum_is_coarse_where_it_is_named(kind, function):
    x = numbers("bfloat16", 0.2, 1, (40, 200))
    fine, coarse = (
        rms(spread(function(exact(x, model_of("bfloat16", frozenset(which))))))
        for which in ((), (kind,))
    )
    assert coarse > 2 * fine


@pytest.mark.parametrize(
    ("said", "coarse"), [(None, ANY), (TORCH, TORCH), (frozenset(), frozenset())]
)
def test_what_a_recording_does_not_say_may_add_up_in_the_dtype(said, coarse):
    reference = Recording("numpy", "float64", {}, {})
    recording = Recording("somebody", "bfloat16", {}, {}, coarse_sums=said)
    sides = RecordingPair(Pair("somebody", "numpy"), (recording, reference), {}, "numpy")
    assert sides.sums == (coarse,)


def test_the_gradient_of_a_bias_has_more_noise_where_it_is_added_up_in_bfloat16():
    there = case(out="x + sum(y, axis=0)")
    graph, inputs = build(there), {"x": np.ones((64, 3)), "y": np.ones((4, 3))}
    dy = np.random.default_rng(0).uniform(0.2, 1, (64, 3)).astype("f2").astype("f8")
    torch, jax = (
        calibrate(graph, inputs, dy, FORMATS["bfloat16"], ["d y"], coarse=coarse)["d y"].s
        for coarse in (TORCH, ANY)
    )
    assert np.all(jax > 2 * torch)


GELU = case(a="gelu(x @ transpose(y))", out="softmax(a, axis=-1) * a")


def test_a_factor_that_the_noise_of_float32_would_hide_is_loud(monkeypatch):
    inputs = draw(GELU, x=np.linspace(-1, 1, 12).reshape(4, 3))
    reference = record("numpy", GELU, inputs, "float64")
    scales = []
    for model in (Bfloat16Model, lambda *rest, coarse: NoiseModel(*rest)):
        monkeypatch.setattr("gradcmp.judge.noise.calibration.Bfloat16Model", model)
        dy = reference.gradients["out"]
        found = calibrate(build(GELU), inputs, dy, FORMATS["bfloat16"], ["d x"])
        scales.append(found["d x"])
    g = reference.gradients["x"]
    half, whole = (loudness(0.023 * g, scale, BFLOAT16_LIMITS) for scale in scales)
    assert half.loud
    assert not whole.loud


def test_without_rounding_a_correct_bfloat16_result_would_be_loud(monkeypatch):
    there = CASES["cancellation"]
    inputs = draw(there)
    reference = record("numpy", there, inputs, "float64")
    error = record("torch", there, inputs, "bfloat16").gradients["y"].astype(np.float64)
    error = error - reference.gradients["y"]

    def found():
        dy = reference.gradients["out"]
        scale = calibrate(build(there), inputs, dy, FORMATS["bfloat16"], ["d y"])["d y"]
        return loudness(error, scale, BFLOAT16_LIMITS)

    assert not found().loud
    monkeypatch.setattr(Bfloat16Model, "_settle", lambda self, stack, _: NoisyArray(stack, self))
    assert found().loud


@pytest.mark.parametrize("dtype", FLOORS)
def test_what_is_settled_without_a_calibration_cannot_be_loud(dtype):
    floor = FLOORS[dtype]
    assert floor.units * np.sqrt(3) < floor.limits.p  # a factor on all: sd at least u / sqrt(3)
    assert floor.most < floor.limits.r


def test_the_limits_of_half_precision_need_a_lower_floor():
    assert FLOORS["float32"].units * np.sqrt(3) > BFLOAT16_LIMITS.p


def test_the_same_bits_of_two_backends_have_each_its_own_noise():
    there = case(out="x + sum(y, axis=0)")
    inputs = draw(there)
    reference = record("numpy", there, inputs, "float64")
    recordings = {label: record(label, there, inputs, "bfloat16") for label in ("torch", "jax")}
    recordings["torch"] = replace(recordings["torch"], coarse_sums=TORCH)
    rule = NoiseJudge(
        GraphNoise(build(there), reference), "numpy", {"numpy": reference, **recordings}, {}
    )
    torch, jax = (
        rule.compare(
            Pair(label, "numpy"),
            {
                "d y": (
                    (recordings[label].gradients["y"].astype(float) * 1.3).astype(
                        KINDS["bfloat16"]
                    ),
                    reference.gradients["y"],
                )
            },
        )["d y"]
        for label in ("torch", "jax")
    )
    assert torch.noise.multiple > jax.noise.multiple


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_three_kinks_on_one_element_are_broken_each_its_own_way(dtype):
    there = case(out="minimum(x[0:1], x[1:4])")
    dy = np.repeat([[1.0], [-1.0], [1.0]], 200, axis=1)
    tied = {"x": np.ones((4, 200))}
    found = calibrate(build(there), tied, dy, FORMATS[dtype], ["d x"])["d x"]
    (kinks,) = found.kinks
    spans = np.mean(found.base[0] + kinks.jumps["d x"].max(axis=0)[0] > 1.9)
    assert spans > 0.95  # x2 < x0 < x1, x3: two orders of 24, 1 - (11 / 12)^64 = 0.996


def test_near_ties_are_broken_alike_in_half_of_the_replicas():
    """A library that gives all ties of a sum to one side is no bug."""
    model = model_of("bfloat16", replicas=400)
    shares = np.asarray(model.tie_probability(3)).reshape(-1)
    assert {*shares.tolist()} == {0.0, 0.5, 1.0}
    assert 0.15 < np.mean(shares == 0) < 0.35
    assert 0.15 < np.mean(shares == 1) < 0.35
    assert NoiseModel(FORMATS["float32"], 4, np.random.default_rng(0)).tie_probability(3) == 0.5
