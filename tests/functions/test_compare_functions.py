"""Functions of the user, compared where they are."""

import numpy as np
import pytest
from surroundings import framework

import gradcmp
from gradcmp.errors import ExitCode, InputError, UsageError

torch = framework("torch")
jax = framework("jax")
pytestmark = pytest.mark.frameworks

import jax.numpy as jnp  # noqa: E402

INPUTS = {"x": "normal:8x6", "w": "normal:6x10", "b": "normal:10", "v": "normal:10x4"}


def by_torch(x, w, b, v):
    h = gradcmp.tap("h", torch.relu(x @ w + b))
    return ((h @ v) ** 2).mean()


def by_jax(x, w, b, v):
    h = gradcmp.tap("h", jnp.maximum(x @ w + b, 0))
    return jnp.mean((h @ v) ** 2)


def by_hand(x, w, b, v):
    z = x @ w + b
    h = np.maximum(z, 0)
    y = h @ v
    dy = 2 * y / y.size
    dz = dy @ v.T * (z > 0)
    return np.mean(y**2), {"x": dz @ w.T, "w": x.T @ dz, "b": dz.sum(0), "v": h.T @ dy}


def spoiled(**changes):
    """Return the function by hand with gradients that are wrong."""

    def function(x, w, b, v):
        value, gradients = by_hand(x, w, b, v)
        return value, {n: changes.get(n, lambda g: g)(g) for n, g in gradients.items()}

    return function


def reasons(verdict):
    return {
        name: comparison.verdict.reason
        for by in verdict.comparisons.values()
        for name, comparison in by.items()
        if not comparison.agrees
    }


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_three_frameworks_agree_without_a_tolerance(dtype):
    functions = {"numpy": by_hand, "torch": by_torch, "jax": by_jax}
    verdict = gradcmp.compare_functions(functions, INPUTS, dtype=dtype)
    assert verdict.agrees
    assert not verdict.warnings
    assert not verdict.weak


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda g: -g, "the sign is flipped"),
        (lambda g: g * 0, "zero"),
        (lambda g: g * 1.25, "factor"),
        (lambda g: np.roll(g, 1, 0), ""),
    ],
)
def test_a_wrong_gradient_is_found_and_named(dtype, change, cause):
    verdict = gradcmp.compare_functions(
        {"mine": spoiled(w=change), "torch": by_torch}, INPUTS, dtype=dtype
    )
    assert verdict.exit_code is ExitCode.DISAGREE
    assert reasons(verdict) == {"d w": "bug"}
    (pair, *_) = verdict.findings
    finding = verdict.findings[pair]["d w"]
    assert finding.side == "mine"
    assert cause in " ".join(one.text for one in finding.causes)


@pytest.mark.parametrize(("dtype", "factor"), [("float32", 1.01), ("bfloat16", -1.0)])
def test_wrong_in_one_dtype_alone_is_no_precision(dtype, factor):
    def only_there(g):
        return g if g.dtype == np.float64 else g * g.dtype.type(factor)

    functions = {"mine": spoiled(v=only_there), "torch": by_torch}
    verdict = gradcmp.compare_functions(functions, INPUTS, dtype=dtype)
    assert reasons(verdict) == {"d v": "bug"}


@pytest.mark.parametrize(("sign", "agrees"), [(1.0, True), (-1.0, False)])
def test_a_function_that_refuses_float64_is_judged_by_noise_alone(sign, agrees):
    def refuses(x, w, b, v):
        if x.dtype == np.float64:
            raise TypeError("float32 only")
        value, gradients = by_hand(x, w, b, v)
        return value, {**gradients, "w": sign * gradients["w"]}

    functions = {"mine": refuses, "torch": by_torch}
    verdict = gradcmp.compare_functions(functions, INPUTS, framework={"mine": "numpy"})
    assert verdict.agrees is agrees
    assert {*reasons(verdict).values()} <= {"suspect"}


@pytest.mark.parametrize("method", ["noisy", "ways", "constants"])
def test_an_engine_that_fails_lets_no_more_pass(method, monkeypatch):
    from gradcmp.native.torch.engine import Side

    def fails(*_, **__):
        raise NotImplementedError("no such operation")

    monkeypatch.setattr(Side, method, fails)
    for change, agrees in ((lambda g: g, True), (lambda g: 1.01 * g, False)):
        functions = {"mine": spoiled(w=change), "torch": by_torch}
        assert gradcmp.compare_functions(functions, INPUTS).agrees is agrees


def test_operations_without_a_rule_are_named():
    functions = {
        "off": lambda x: torch.cdist(x, x + 1) * 1.01,
        "torch": lambda x: torch.cdist(x, x + 1),
    }
    verdict = gradcmp.compare_functions(functions, {"x": "normal:4x3"})
    assert reasons(verdict)
    rules = {c.rule for by in verdict.comparisons.values() for c in by.values()}
    assert any("without a rule of its own" in rule and "cdist" in rule for rule in rules)


def test_an_output_is_compared_whatever_taps_are_called():
    def tapped(x):
        return {"loss": gradcmp.tap("loss", torch.tanh(x))}

    def wrong(x):
        return {"loss": torch.tanh(x) * 1.5}

    verdict = gradcmp.compare_functions({"wrong": wrong, "tapped": tapped}, {"x": "normal:4x3"})
    assert "loss" in reasons(verdict)


def test_a_cotangent_that_is_overwritten_is_told():
    class Rude(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, dy):
            return dy.mul_(2)

    functions = {"rude": Rude.apply, "torch": lambda x: x * 2}
    verdict = gradcmp.compare_functions(functions, {"x": "normal:4x3"}, framework="torch")
    assert verdict.recordings["rude"].environment["changes in place"] == "d output"


def test_right_in_float32_alone_is_seen_as_well():
    def only_there(g):
        return g * 1.01 if g.dtype == np.float64 else g

    functions = {"mine": spoiled(v=only_there), "torch": by_torch}
    verdict = gradcmp.compare_functions(functions, INPUTS)
    assert verdict.warnings or not verdict.agrees


def test_the_wrong_side_is_named_wherever_the_reference_is():
    for against in ("mine", "torch"):
        functions = {"mine": spoiled(w=lambda g: -g), "torch": by_torch}
        verdict = gradcmp.compare_functions(functions, INPUTS, against=against)
        sides = {f.side for by in verdict.findings.values() for f in by.values()}
        assert all("mine" in side for side in sides if side)
        assert any(sides)


def test_where_it_begins():
    def gated(x, w, b, v):
        h = gradcmp.tap("h", jax.nn.silu(x @ w + b))
        return jnp.mean((h @ v) ** 2)

    verdict = gradcmp.compare_functions({"jax": gated, "torch": by_torch}, INPUTS)
    assert {d.origin for by in verdict.divergences.values() for d in by.values()} == {"h"}


def test_another_subgradient_at_a_tie_is_a_kink():
    inputs = {"x": np.zeros((3, 4))}
    verdict = gradcmp.compare_functions(
        {"jax": lambda x: jnp.maximum(x, 0), "torch": lambda x: torch.relu(x)}, inputs
    )
    kinks = {c.verdict.reason for _, name, c in verdict.warnings}
    assert kinks == {"kink"}
    assert verdict.agrees


def test_a_wrong_sign_at_a_tie_is_a_bug():
    def negated(x):
        return np.maximum(x, 0), lambda dy: {"x": -dy}

    inputs = {"x": np.zeros((3, 4))}
    functions = {"numpy": negated, "torch": lambda x: torch.relu(x)}
    assert not gradcmp.compare_functions(functions, inputs, against="torch").agrees


def test_a_module_brings_its_parameters():
    torch.manual_seed(0)
    linear = torch.nn.Linear(6, 4)

    verdict = gradcmp.compare_functions(
        {"module": linear, "again": torch.nn.Linear(6, 4)}, {"input": "normal:5x6"}
    )
    assert verdict.agrees
    assert {"d weight", "d bias"} <= {*verdict.tensors}


def test_a_function_that_raises_is_its_own_verdict():
    def explodes(x, w, b, v):
        raise ValueError("no such luck")

    verdict = gradcmp.compare_functions(
        {"mine": explodes, "torch": by_torch, "jax": by_jax}, INPUTS, framework={"mine": "torch"}
    )
    (failure,) = verdict.failures
    assert failure.message.startswith("ValueError: no such luck (test_compare_functions.py:")
    assert failure.message.endswith(", in explodes)")
    assert verdict.exit_code is ExitCode.COULD_NOT_COMPARE
    assert len(verdict.comparisons) == 3  # the others are compared all the same


def test_inputs_of_any_framework():
    inputs = {
        "x": torch.randn(8, 6),
        "w": jnp.ones((6, 10)),
        "b": [0.0] * 10,
        "v": np.ones((10, 4), np.float32),
    }
    assert gradcmp.compare_functions({"jax": by_jax, "torch": by_torch}, inputs).agrees


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"functions": {"torch": by_torch}}, UsageError, "nothing to agree with"),
        ({"against": "torhc"}, UsageError, "Did you mean 'torch'"),
        ({"wrt": ["y"]}, UsageError, "no input 'y'"),
        ({"inputs": {**INPUTS, "x": "normal"}}, gradcmp.GradcmpError, "shape"),
        ({"inputs": {**INPUTS, "x": ["a"]}}, InputError, "not an array of numbers"),
        ({"functions": {"a": lambda x: x, "b": lambda x: x}}, UsageError, "cannot be told"),
    ],
)
def test_bad_questions(change, error, text):
    question = {"functions": {"jax": by_jax, "torch": by_torch}, "inputs": INPUTS, **change}
    with pytest.raises(error, match=text):
        gradcmp.compare_functions(**question)
