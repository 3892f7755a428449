"""The noise in torch's stream of operations against the errors that torch makes."""

import numpy as np
import pytest
from surroundings import framework

framework("torch")
pytestmark = pytest.mark.frameworks

import torch  # noqa: E402
from torch.utils._python_dispatch import _disable_current_modes  # noqa: E402
from torch_families import FAMILIES, Family, measured, prepared, rms  # noqa: E402

from gradcmp.dtypes import FORMATS  # noqa: E402
from gradcmp.native.torch import noise  # noqa: E402
from gradcmp.native.torch.engine import prepare  # noqa: E402
from gradcmp.native.torch.rounding import Bfloat16Rounding, Rounding  # noqa: E402
from gradcmp.native.torch.run import Call  # noqa: E402

U = FORMATS["float32"].u
RUNS = [(name, "float32") for name in FAMILIES] + [
    (name, "bfloat16") for name, family in FAMILIES.items() if family.low
]
X = np.random.default_rng(5).normal(size=(8, 8)).astype(np.float32).astype(np.float64)
DY = np.random.default_rng(6).normal(size=(8, 8)).astype(np.float32).astype(np.float64)


@pytest.fixture
def exact_inputs(monkeypatch):
    """Leave the errors of operations alone."""
    for kind in (Rounding, Bfloat16Rounding):
        monkeypatch.setattr(kind, "enter", lambda self, x: x)


def check_product(dtype):
    """The errors of errors would make it 10^8 times as much."""
    side = prepared(FAMILIES["product"], dtype)
    clean = side.clean(dtype)
    for name, base in clean.tensors.items():
        strayed = [one.tensors[name] - base for one in side.noisy(dtype, 8)]
        assert 0.1 < rms(strayed) / rms(base) / FORMATS[dtype].u < 10


@pytest.mark.usefixtures("exact_inputs")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_plain_product_errs_by_about_one_roundoff(dtype):
    check_product(dtype)


def check(found, dtype):
    for one, base in found.clean.tensors.items():
        error, noise = np.abs(found.error(one)), found.noise[one]
        assert (error < 8 * noise + found.jumps.get(one, 0.0)).all(), one
        if one not in found.jumps and rms(error) > 0.05 * FORMATS[dtype].u * rms(base):
            assert 0.4 < found.ratio(one) < 40, one


@pytest.mark.parametrize(("name", "dtype"), RUNS)
def test_noise_is_as_large_as_the_error(name, dtype):
    check(measured(name, dtype), dtype)


@pytest.mark.parametrize(("dtype", "low", "high"), [("float32", 1.5, 6), ("bfloat16", 0.8, 3)])
def test_noise_is_in_the_median_a_few_times_the_error(dtype, low, high):
    ratios = [
        found.ratio(one)
        for name, kind in RUNS
        if kind == dtype
        for found in [measured(name, dtype)]
        for one in found.clean.tensors
    ]
    assert low < np.median(ratios) < high


@pytest.mark.parametrize("name", FAMILIES)
def test_every_operation_of_the_families_has_a_rule(name):
    assert not measured(name, "float32").replicas[0].unruled


@pytest.fixture
def disabled(monkeypatch):
    """The sabotage: operations run as they are."""

    def plain(self, func, args, kwargs):
        return func(*args, **kwargs)

    monkeypatch.setattr(noise.Noise, "apply", plain)


@pytest.mark.usefixtures("disabled", "exact_inputs")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_check_of_the_product_can_fail(dtype):
    with pytest.raises(AssertionError):
        check_product(dtype)


@pytest.mark.usefixtures("disabled")
@pytest.mark.parametrize("name", ["softmaxes", "LSTM", "encoder", "batch norm"])
def test_errors_of_the_inputs_alone_are_not_enough(name):
    with pytest.raises(AssertionError):
        check(measured.__wrapped__(name, "float32"), "float32")


@pytest.fixture
def forward_only(monkeypatch):
    """The sabotage: the backward pass is outside of the mode."""
    gradients = Call._gradients

    def outside(self, *args):
        with _disable_current_modes():
            return gradients(self, *args)

    monkeypatch.setattr(Call, "_gradients", outside)


@pytest.mark.usefixtures("forward_only", "exact_inputs")
def test_without_the_backward_pass_there_is_no_noise_of_gradients():
    with pytest.raises(AssertionError):
        check_product("float32")


def test_replicas_repeat_and_differ():
    side = prepared(FAMILIES["matmuls"], "float32")
    first, again, other = (side.noisy("float32", 4, seed) for seed in (0, 0, 1))
    for left, right, third in zip(first, again, other, strict=True):
        assert np.array_equal(left.outputs["output"], right.outputs["output"])
        assert not np.array_equal(left.outputs["output"], third.outputs["output"])
    assert not np.array_equal(first[0].outputs["output"], first[1].outputs["output"])


def test_equal_numbers_have_equal_errors():
    side = prepare(lambda x: (x * 3.3).exp(), {"x": np.full((4, 4), 0.7)}, cotangents=_alike(4))
    for replica in side.noisy("float32", 4):
        assert len(np.unique(replica.outputs["output"])) == 1


def _alike(n):
    return {"output": np.full((n, n), DY[0, 0])}


def test_a_product_with_a_mask_is_exact():
    side = prepare(lambda x, m: x * m, {"x": X, "m": X > 0}, cotangents={"output": DY})
    for replica in side.noisy("float32", 2):
        assert not replica.outputs["output"][X <= 0].any()
        moved = replica.outputs["output"][X > 0] / X[X > 0] - 1
        assert np.abs(moved).max() < 2 * U  # the input's own error


def test_what_is_written_into_out_has_noise():
    def written(x):
        with torch.no_grad():
            y = torch.empty_like(x)
            torch.mm(x, x, out=y)
            torch.exp(y, out=y)
        return x * y

    side = prepare(written, {"x": X / 4}, cotangents={"output": DY})
    clean = side.clean().outputs["output"]
    strayed = [one.outputs["output"] - clean for one in side.noisy("float32", 4)]
    assert 1 < rms(strayed) / rms(clean) / U < 30


def test_transforms_and_complex_numbers_have_noise():
    side = prepared(
        Family(lambda x: torch.fft.fft(x).abs() + torch.fft.irfft(x, 8), {"x": X}), "float32"
    )
    clean = side.clean()
    for name, base in clean.tensors.items():
        strayed = [one.tensors[name] - base for one in side.noisy("float32", 8)]
        error = side.plain("float32").tensors[name] - base
        assert 0.5 < rms(strayed) / rms(error) < 20


def test_matmuls_of_coarser_units():
    """TF32 units round the operands first."""
    side = prepared(FAMILIES["matmuls"], "float32")
    clean = side.clean().outputs["output"]
    fine, coarse = (
        rms([one.outputs["output"] - clean for one in side.noisy("float32", 4, operands=operands)])
        for operands in (None, FORMATS["float16"])
    )
    assert 100 < coarse / fine < 1e5


def test_views_share_what_is_written_into_them():
    def written(x):
        h = x * 1
        h[0].mul_(3)
        h.t()[1].add_(h[2])
        return h

    side = prepare(written, {"x": X}, cotangents={"output": DY})
    for replica in side.noisy("float32", 2):
        np.testing.assert_allclose(
            replica.outputs["output"], side.clean().outputs["output"], rtol=1e-5
        )


def test_running_statistics_stay_under_noise():
    module = FAMILIES["batch norm"].function
    before = {name: one.clone() for name, one in module.state_dict().items()}
    prepared(FAMILIES["batch norm"], "float32").noisy("float32", 2)
    assert all(torch.equal(one, before[name]) for name, one in module.state_dict().items())


def test_an_operation_without_a_rule_is_named_and_errs_as_its_kernel():
    @torch.library.custom_op("gradcmp_test::cube", mutates_args=())
    def cube(x: torch.Tensor) -> torch.Tensor:
        return x * x * x

    @cube.register_fake
    def _(x):
        return torch.empty_like(x)

    cube.register_autograd(
        lambda ctx, dy: 3 * dy * ctx.saved_tensors[0] ** 2,
        setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs),
    )
    side = prepared(Family(cube, {"x": X}), "float32")
    replicas = side.noisy("float32")
    assert replicas[0].unruled == ("gradcmp_test.cube.default",)
    strayed = [one.outputs["output"] - side.clean().outputs["output"] for one in replicas]
    error = side.plain("float32").outputs["output"] - side.clean().outputs["output"]
    assert 0.5 < rms(strayed) / rms(error) < 20
