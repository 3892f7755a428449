"""A user's torch function, run plain and in float64 without casts."""

import numpy as np
import pytest
from surroundings import framework

import gradcmp
from gradcmp.errors import BackendError, InputError

torch = framework("torch")
pytestmark = pytest.mark.frameworks

from gradcmp.native.torch.engine import prepare  # noqa: E402

X = np.random.default_rng(1).normal(size=(4, 6))
W = np.random.default_rng(2).normal(size=6)
DY = np.random.default_rng(3).normal(size=(4, 6))


def rms_norm(x, w):
    """As in Llama."""
    h = x.float()
    h = h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-6)
    return w * h.to(x.dtype)


def test_a_function_by_the_names_of_its_inputs():
    side = prepare(lambda w, x: x * w, {"x": X, "w": W}, cotangents={"output": DY})
    outcome = side.plain("float64")
    np.testing.assert_array_equal(outcome.outputs["output"], X * W)
    np.testing.assert_array_equal(outcome.gradients["x"], DY * W)
    np.testing.assert_allclose(outcome.gradients["w"], (DY * X).sum(0), rtol=1e-12)
    assert not outcome.unused
    assert not outcome.changed


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64"])
def test_everything_is_in_the_dtype(dtype):
    outcome = prepare(lambda x: x * 0.1, {"x": X}, cotangents={"output": DY}).plain(dtype)
    assert outcome.dtypes == {"output": dtype, "d x": dtype}
    assert {array.dtype.name for array in outcome.tensors.values()} == {dtype}


def test_the_apply_of_a_function_has_no_names():
    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w, twice=2.0):
            ctx.save_for_backward(x, w)
            return twice * x * w

        @staticmethod
        def backward(ctx, dy):
            x, w = ctx.saved_tensors
            return 2 * dy * w, (2 * dy * x).sum(0), None

    side = prepare(Scaled.apply, {"w": W, "x": X}, cotangents={"output": DY})
    outcome = side.plain("float64")
    np.testing.assert_allclose(outcome.gradients["x"], 2 * DY * W, rtol=1e-15)


def test_outputs_have_names():
    scalar = prepare(lambda x: x.sum(), {"x": X}).plain("float64")
    assert list(scalar.outputs) == ["output"]
    several = {"x": X}, {"output[0]": DY}
    assert list(
        prepare(lambda x: (x, x.sum()), several[0], cotangents=several[1]).plain("float64").outputs
    ) == ["output[0]", "output[1]"]
    named = prepare(lambda x: {"loss": x.sum(), "rank": x.argmax()}, {"x": X}).plain("float64")
    assert list(named.outputs) == ["loss", "rank"]


def test_a_number_scales_the_gradient_of_a_loss():
    side = prepare(lambda x: x.sum(), {"x": X}, cotangents={"output": 3.0})
    np.testing.assert_array_equal(side.plain("float32").gradients["x"], np.full((4, 6), 3.0))


def test_parameters_are_inputs_and_statistics_stay():
    module = torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.BatchNorm1d(6))
    weight = np.ones((6, 6))
    side = prepare(module, {"input": X, "0.weight": weight}, cotangents={"output": DY})
    outcome = side.clean()
    assert set(outcome.gradients) == {"input", "0.weight", "0.bias", "1.weight", "1.bias"}
    bias = module[0].bias.detach().double().numpy()
    np.testing.assert_allclose(outcome.taps["0"].value, X @ weight.T + bias, rtol=1e-13)
    assert not module[1].running_mean.any()
    assert module[1].num_batches_tracked == 0
    assert module[0].weight.dtype == torch.float32
    assert not side.unsteady("float32")


def test_a_method_of_a_module_has_its_parameters():
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(6, 1)

        def loss(self, x):
            return self.linear(x).square().mean()

    outcome = prepare(Model().loss, {"x": X}).plain("float32")
    assert set(outcome.gradients) == {"x", "linear.weight", "linear.bias"}


def test_a_subset_is_differentiated():
    outcome = prepare(rms_norm, {"x": X, "w": W}, wrt=["w"], cotangents={"output": DY}).clean()
    assert list(outcome.gradients) == ["w"]


def test_whole_numbers_and_what_is_not_used_have_no_gradient():
    index = np.array([0, 0, 1])
    side = prepare(lambda x, index, w: x[index].sum(), {"x": X, "index": index, "w": W})
    outcome = side.plain("float32")
    assert set(outcome.gradients) == {"x", "w"}
    assert outcome.unused == {"w"}
    assert not outcome.gradients["w"].any()


def test_a_change_in_place_is_seen():
    side = prepare(lambda x, w: x.mul_(2) * w, {"x": X, "w": W}, cotangents={"output": DY})
    outcome = side.plain("float32")
    assert outcome.changed == {"x"}
    np.testing.assert_allclose(outcome.gradients["x"], 2 * DY * W, rtol=1e-6)


def test_a_change_that_only_numpy_knows_of_is_seen():
    class Hidden(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.detach().numpy()[0] = 0
            return x * 2

        @staticmethod
        def backward(ctx, dy):
            return dy * 2

    outcome = prepare(Hidden.apply, {"x": X}, cotangents={"output": DY}).plain("float32")
    assert outcome.changed == {"x"}


def test_shapes_are_known_before_there_are_cotangents():
    side = prepare(lambda x: {"y": x[0], "loss": x.sum(), "rank": x.argmax()}, {"x": X})
    assert side.shapes() == {"y": (6,), "loss": ()}


def test_nested_outputs_have_names():
    lstm = torch.nn.LSTM(6, 3)
    assert list(prepare(lstm, {"input": X}).shapes()) == [
        "output[0]",
        "output[1][0]",
        "output[1][1]",
    ]


def test_a_cotangent_changed_in_place_is_seen():
    class Rude(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, dy):
            return dy.mul_(2)

    outcome = prepare(Rude.apply, {"x": X}, cotangents={"output": DY}).plain("float32")
    assert outcome.changed == {"d output"}


def test_dropped_casts_are_counted_and_their_digits_kept():
    side = prepare(rms_norm, {"x": X, "w": W}, cotangents={"output": DY})
    exact = X / np.sqrt(np.square(X).mean(-1, keepdims=True) + 1e-6) * W
    clean, plain = side.clean(), side.plain("float64")
    assert clean.dropped_casts == 1
    np.testing.assert_allclose(clean.outputs["output"], exact, rtol=1e-14)
    assert np.abs(plain.outputs["output"] / exact - 1).max() > 1e-9


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.tensor([0.1]),
        lambda: torch.tensor([0.1], dtype=torch.float32),
        lambda: torch.full((1,), 0.1, dtype=torch.float32),
        lambda: torch.ones(1, dtype=torch.float32) / 10,
        lambda: torch.arange(1, 2, dtype=torch.float32) / 10,
        lambda: torch.ones(1, dtype=torch.int64).float() / 10,
        lambda: torch.ones(1).to(torch.bfloat16) / 10,
    ],
    ids=["literal", "tensor", "full", "ones", "arange", "float", "bfloat16"],
)
def test_constants_made_inside_keep_their_digits(make):
    side = prepare(lambda x: x * make(), {"x": X}, cotangents={"output": DY})
    np.testing.assert_allclose(side.clean().gradients["x"], DY * 0.1, rtol=1e-15)
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize(
    "draw",
    [
        lambda x: torch.nn.functional.dropout(x, 0.5),
        lambda x: x * torch.rand(6),
        lambda x: x * torch.randn(x.shape, dtype=x.dtype),
        lambda x: x * torch.rand_like(x),
        lambda x: x * torch.empty_like(x).normal_(),
        lambda x: x * torch.empty_like(x).uniform_(),
    ],
    ids=["dropout", "rand", "randn", "rand_like", "normal", "uniform"],
)
def test_the_clean_run_draws_what_the_plain_one_does(draw, dtype):
    side = prepare(draw, {"x": X}, cotangents={"output": DY}, seed=5)
    plain, clean = side.plain(dtype), side.clean(dtype)
    assert clean.random
    found = plain.outputs["output"].astype(np.float64)
    np.testing.assert_allclose(found, clean.outputs["output"], rtol=0.02, atol=0.02)
    assert not side.unsteady(dtype)


def test_the_generators_of_the_caller_stay_as_they_are():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    prepare(lambda x: (x * torch.rand(6)).sum(), {"x": X}).plain("float32")
    assert torch.equal(torch.rand(3), expected)


def test_what_draws_from_elsewhere_is_unsteady():
    state = iter(range(100))
    assert prepare(lambda x: (x * next(state)).sum(), {"x": X}).unsteady("float32") == (
        "output",
        "d x",
    )


def test_taps_have_a_value_and_a_gradient():
    def twice(x):
        h = gradcmp.tap("h", x * 2)
        h = gradcmp.tap("h", h * 3)
        gradcmp.tap("aside", h.detach())
        return h.sum()

    outcome = prepare(twice, {"x": X}).plain("float64")
    assert list(outcome.taps) == ["h", "h[1]", "aside"]
    np.testing.assert_array_equal(outcome.taps["h"].gradient, np.full((4, 6), 3.0))
    np.testing.assert_array_equal(outcome.taps["h[1]"].value, X * 6)
    assert outcome.taps["aside"].gradient is None  # nobody tells what has no graph
    assert gradcmp.tap("h", 3) == 3


def test_a_tap_keeps_what_is_changed_in_place_later():
    def changed(x):
        h = gradcmp.tap("h", x * 1)
        h.mul_(2)
        return h.sum()

    outcome = prepare(changed, {"x": X}).plain("float64")
    np.testing.assert_array_equal(outcome.taps["h"].value, X)
    np.testing.assert_array_equal(outcome.taps["h"].gradient, np.full((4, 6), 2.0))


@pytest.mark.parametrize(
    ("function", "error", "says"),
    [
        (lambda x: None, BackendError, "returned None"),
        (lambda x: (x.sum(), 3), BackendError, r"returned 'int' as 'output\[1\]'"),
        (lambda x: x.sum().to(torch.complex64), BackendError, "complex"),
        (lambda xx: xx.sum(), InputError, "takes no 'x'. Did you mean 'xx'?"),
        (lambda x, eps: x.sum(), InputError, "'eps'"),
        (lambda x: x * 2, InputError, r"output 'output' of shape 4×6 has no cotangent"),
    ],
)
def test_what_cannot_be_compared_is_said(function, error, says):
    with pytest.raises(error, match=says):
        prepare(function, {"x": X}).plain("float32")


def test_names_to_differentiate_are_checked():
    with pytest.raises(InputError, match="has no input 'y'"):
        prepare(lambda x: x, {"x": X}, wrt=["y"])
    with pytest.raises(InputError, match="not real"):
        prepare(lambda x: x, {"x": np.arange(3)}, wrt=["x"])


def test_a_cotangent_of_another_shape_is_refused():
    side = prepare(lambda x: x * 2, {"x": X}, cotangents={"output": DY[0]})
    with pytest.raises(InputError, match="shape 6, and the output 4×6"):
        side.plain("float32")
