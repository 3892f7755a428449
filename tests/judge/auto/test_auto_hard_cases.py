"""Cases on which fixed tolerances fail, each with the verdict that it must get."""

from dataclasses import replace

import numpy as np
import pytest
from autocases import PAIR, case, draw, reasons, spoiled, verdict

import gradcmp
from gradcmp.case import Auto, BackendSpec, Case, Expression, InputSpec
from gradcmp.config import parse_input
from gradcmp.errors import ExitCode

QUIET = {"exact", "rounding"}


def of(shapes, **graph):
    """Make a case with inputs of these shapes."""
    return Case(
        "hard",
        {name: InputSpec("normal", shape) for name, shape in shapes.items()},
        {name: Expression(text) for name, text in graph.items()},
        list(graph)[-1],
        tuple(shapes),
        (BackendSpec("numpy"), BackendSpec("torch")),
        Auto(),
    )


def drawn(there, seed=0, **means):
    rng = np.random.default_rng(seed)
    return {
        name: (rng.standard_normal(spec.shape) + means.get(name, 0.0)).astype("f4").astype("f8")
        for name, spec in there.inputs.items()
    }


def test_a_layer_norm_at_mean_300_by_the_unstable_formula_is_precision():
    there = of(
        {"x": (8, 16)},
        out="(x - mean(x, axis=-1, keepdims=True)) "
        "* rsqrt(mean((x - mean(x, axis=-1, keepdims=True)) ** 2, axis=-1, keepdims=True) + 1e-5)",
    )
    unstable = of(
        {"x": (8, 16)},
        out="(x - mean(x, axis=-1, keepdims=True)) "
        "* rsqrt(mean(x * x, axis=-1, keepdims=True) "
        "- mean(x, axis=-1, keepdims=True) ** 2 + 1e-5)",
    )
    judged = verdict(there, drawn(there, x=300.0), wrong=unstable)
    assert reasons(judged)["out"] == "precision"
    assert "bug" not in reasons(judged).values()


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize(
    ("equal", "allowed"), [(False, {"precision", "rounding"}), (True, {"bug"})]
)
def test_a_sequential_sum_of_a_million_terms(equal, allowed):
    """Of equal terms it stands still: a loss that does not move with the inputs."""
    there = of({"x": (1_000_000,)}, out="sum(x)")
    x = np.full(1_000_000, 0.1) if equal else np.random.default_rng(0).standard_normal(1_000_000)
    inputs = {"x": x.astype("f4").astype("f8")}

    def one_by_one(recording):
        x = recording.values["x"]
        total = np.add.accumulate(x, dtype=x.dtype)[-1]
        return replace(recording, values={**recording.values, "out": np.asarray(total)})

    comparison = verdict(there, inputs, spoil=one_by_one).comparisons[PAIR]["out"]
    assert comparison.verdict.reason in allowed
    if equal:
        assert comparison.noise.multiple > 100


def test_a_flush_to_zero_is_rounding():
    there = case(out="sum(x * y)")
    inputs = {"x": np.full((4, 3), 2.0**-130), "y": np.full((4, 3), 0.75)}
    flush = spoiled("y", lambda d: np.where(np.abs(d) < 2.0**-126, 0, d).astype(d.dtype))
    assert (
        reasons(verdict(there, inputs, spoil=lambda r: flush(r) if r.dtype == "float32" else r))[
            "d y"
        ]
        in QUIET
    )


@pytest.mark.parametrize("seed", range(5))
def test_a_saturated_softmax_is_rounding(seed):
    there = of({"x": (6, 10), "y": (6, 10)}, p="softmax(x * 20, axis=-1)", out="sum((p - y) ** 2)")
    judged = verdict(there, drawn(there, seed))
    assert set(reasons(judged).values()) <= QUIET


def test_cancellation_is_rounding():
    there = case(a="x + 1000", out="sum((a - 1000) * y)")
    assert set(reasons(verdict(there, draw(there))).values()) <= QUIET


def test_an_eps_off_by_ten_is_a_bug_although_ulp_alone_mislead():
    shapes = {"x": (8, 32), "w": (32,), "b": (32,)}
    right = of(shapes, norm="layer_norm(x, w, b, eps=1e-5)", out="sum(norm * norm * norm)")
    wrong = of(shapes, norm="layer_norm(x, w, b, eps=1e-6)", out="sum(norm * norm * norm)")
    judged = verdict(right, drawn(right), wrong=wrong)
    assert "bug" in reasons(judged).values()
    assert judged.divergences[PAIR]["norm"].forward == "norm"
    assert set(reasons(verdict(right, drawn(right))).values()) <= QUIET


def test_bfloat16_matmuls_are_named():
    there = case(out="x @ transpose(y)")

    def truncated(recording):
        if recording.dtype == "float64":
            return recording
        x, y = (recording.values[n].view("u4") for n in "xy")
        x, y = (((n + 0x8000) & 0xFFFF0000).astype("u4").view("f4") for n in (x, y))
        return replace(recording, values={**recording.values, "out": x @ y.T})

    comparison = verdict(there, draw(there), spoil=truncated).comparisons[PAIR]["out"]
    assert comparison.verdict.reason == "precision"
    assert "bfloat16" in comparison.verdict.detail


def test_a_bug_that_the_reference_shares_cannot_be_seen():
    wrong = case(out="sum(x * y * 2)")
    assert verdict(wrong, draw(wrong), wrong=wrong).exit_code is ExitCode.AGREE


REAL = {
    "tensorflow's gelu carries a float32 constant": (
        {"x": "normal:64"},
        {"out": 'sum(gelu(x, approximate="tanh"))'},
        "tensorflow",
        "note",
    ),
    "tensorflow's maximum gives the whole gradient to one of two equals": (
        {"x": "ones:6", "y": "ones:6"},
        {"m": "maximum(x, y)", "out": "sum(m * m)"},
        "tensorflow",
        "kink",
    ),
    "jax has a derivative of |x| at 0": (
        {"x": "zeros:6", "y": "normal:6"},
        {"out": "sum(abs(x) * y)"},
        "jax",
        "kink",
    ),
}


@pytest.mark.usefixtures("every_framework")
@pytest.mark.parametrize("name", REAL)
def test_real_frameworks(name):
    inputs, graph, backend, reason = REAL[name]
    there = Case(
        "real",
        {key: parse_input(key, text) for key, text in inputs.items()},
        {key: Expression(text) for key, text in graph.items()},
        "out",
        tuple(inputs),
        (BackendSpec("numpy"), BackendSpec(backend)),
    )
    judged = gradcmp.run(there)
    found = {
        comparison.verdict.reason
        for by in judged.comparisons.values()
        for comparison in by.values()
    }
    assert reason in found
    assert found <= {*QUIET, reason}
    assert judged.exit_code is ExitCode.AGREE


def test_a_tie_may_be_broken_either_way_whatever_the_cotangent():
    there = case(out="abs(x) * y")
    other = case(out="where(x >= 0, x, -x) * y")  # as JAX: the derivative at 0 is 1
    inputs = {**draw(there), "x": np.zeros((4, 3))}
    assert reasons(verdict(there, inputs, wrong=other))["d x"] == "kink"


def test_a_node_without_inputs_has_no_noise_and_no_warning():
    there = case(out="sum(x ** 10 ** 10 ** 10)")
    assert "d x" in reasons(verdict(there, draw(there)))
