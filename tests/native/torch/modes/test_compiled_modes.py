"""The engine of torch in other modes: what is compiled, and what lies about it."""

import numpy as np
import pytest
from surroundings import framework

from gradcmp.native.outcome import Outcome, around
from gradcmp.native.torch.engine import prepare

torch = framework("torch")
pytestmark = pytest.mark.frameworks

X = np.random.default_rng(3).standard_normal((4, 3))
DY = np.random.default_rng(4).standard_normal((4, 3))


def side(function, mode="aot_eager", **options):
    return prepare(function, {"x": X}, cotangents={"output": DY}, mode=mode, **options)


def squares(x):
    return torch.relu(x) * x.float().to(x.dtype)


def lost(x):
    return squares(x.detach() if torch.compiler.is_compiling() else x) + 0 * x


def test_the_noise_of_what_is_compiled_lies_about_its_own_run():
    """So that what a compiler has lost is no noise of its, and no branch."""
    compiled, eager = side(lost), side(lost, "eager")
    clean = compiled.clean().gradients["x"]
    assert not np.allclose(clean, eager.clean().gradients["x"])
    runs = compiled.noisy("float32", 4)
    assert len(runs) == 4
    for run in (*runs, *compiled.ways("float32", 4)):
        assert np.abs(run.gradients["x"] - clean).max() < 1e-5


def test_float64_has_no_casts():
    run, plain = side(squares).clean(), side(squares, "eager").clean()
    assert run.dropped_casts
    np.testing.assert_array_equal(run.outputs["output"], plain.outputs["output"])


def test_one_function_is_compiled_once_for_all_inputs():
    compiled = side(squares)
    for _ in range(3):
        found = compiled.plain("float32")
        compiled = compiled.at({"x": compiled.inputs["x"] * 2})
    assert found.facts["graphs"] == "1"
    np.testing.assert_allclose(found.outputs["output"], np.maximum(4 * X, 0) * 4 * X, 1e-6)


def test_an_autocast_ends_before_the_backward_pass():
    seen = []

    class Noted(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            seen.append(torch.is_autocast_enabled("cpu"))
            return x * 1

        @staticmethod
        def backward(ctx, dy):
            seen.append(torch.is_autocast_enabled("cpu"))
            return dy

    side(Noted.apply, "eager", autocast="bfloat16").plain("float32")
    assert seen == [True, False]


@pytest.mark.parametrize(
    ("run", "base", "expected"),
    [(2.5, 2.0, 10.5), (np.inf, np.inf, 10.0), (np.nan, np.nan, 10.0), (2.0, 2.0, 10.0)],
)
def test_around(run, base, expected):
    made = [Outcome({"output": np.array(one)}, {}) for one in (10.0, run, base)]
    (found,) = around(made[0], made[1:2], made[2])
    assert found.outputs["output"] == expected
