"""Sabotage of judging side by side: what one tensor has must not serve another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from autocases import CASES, PAIR, case, draw, one_element, reasons, record, spoiled, verdict

from gradcmp.case import BackendSpec, Ulp
from gradcmp.graph import build
from gradcmp.judge import judge
from gradcmp.judge.auto.graph_noise import GraphNoise
from gradcmp.judge.auto.judge import NoiseJudge
from gradcmp.judge.auto.reference_error import RULE, ReferenceError
from gradcmp.judge.elementwise.arrays import compare
from gradcmp.judge.elementwise.segments import LONGEST, Segments
from gradcmp.judge.mutation.weak import sensitivity, surely_sensitive
from gradcmp.judge.verdict import Pair

CHAIN = case(a="tanh(x) * y", b="a + z", out="sum(exp(b))")
OTHER = Pair("jax", "torch")


def both(change=lambda label, recording: recording, chain=CHAIN):
    """Judge torch and jax, of which `change` may spoil recordings and twins."""
    chosen = replace(chain, backends=(*chain.backends, BackendSpec("jax")))
    inputs = draw(chosen)
    ours, fine = (
        {label: change(label, record(label, chosen, inputs, dtype)) for label in ("torch", "jax")}
        for dtype in ("float32", "float64")
    )
    outcomes = {"numpy": record("numpy", chosen, inputs, "float64"), **ours}
    return judge(chosen, "numpy", outcomes, fine)


def test_a_twin_of_another_shape_does_not_move_its_neighbours():
    """A bug in b stays one, though the twins' a is as long as what the next tensor lacks."""

    def change(label, recording):
        values, gradients = dict(recording.values), dict(recording.gradients)
        if label == "jax":
            values["b"] = values["b"].copy()
            values["b"][0] *= 1 + 2e-6
        if recording.dtype == "float64":
            values["a"] = values["a"][:, :1].copy()
            gradients["x"] = np.ones((5, 4))
        return replace(recording, values=values, gradients=gradients)

    by = both(change).comparisons[OTHER]
    assert by["b"].verdict.reason == "bug"


@pytest.mark.parametrize("shape", [(4, 6), (4, 1), (12,)])
def test_a_twin_of_another_shape_is_none(shape):
    def spoil(recording):
        if recording.dtype == "float32":
            return recording
        return replace(recording, values={**recording.values, "a": np.ones(shape)})

    judged = verdict(CHAIN, draw(CHAIN), spoil=spoil)
    assert reasons(judged)["a"] == "rounding"
    assert judged.comparisons[PAIR]["a"].rule != RULE


def test_a_strip_takes_only_arrays_of_its_shapes():
    strip = Segments([(4,), (2,)])
    with pytest.raises(ValueError, match="do not lie on"):
        strip.concatenate([np.ones(5), np.ones(1)])
    with pytest.raises(ValueError, match="do not lie on"):
        strip.concatenate([np.ones(4)])


def test_tensors_with_a_twin_and_without_are_not_mixed_up():
    def spoil(recording):
        recording = spoiled("x", one_element(1 + 1e-2))(recording)
        if recording.dtype == "float32":
            return recording
        rest = {name: dx for name, dx in recording.gradients.items() if name != "a"}
        return replace(recording, gradients=rest)

    judged = verdict(CHAIN, draw(CHAIN), spoil=spoil)
    assert reasons(judged)["d x"] == "bug"
    assert judged.comparisons[PAIR]["d a"].rule != RULE
    assert judged.comparisons[PAIR]["d y"].agrees


def test_the_same_bits_with_another_twin_are_another_tensor():
    """torch and jax agree to the bit in float32; only jax is wrong in float64."""

    def change(label, recording):
        if (label, recording.dtype) == ("jax", "float64"):
            return spoiled("x", one_element(1 + 1e-2))(recording)
        return recording

    held = both(change).comparisons
    assert held[Pair("torch", "numpy")]["d x"].verdict.reason == "rounding"
    assert held[Pair("jax", "numpy")]["d x"].verdict.reason == "note"


def test_an_infinite_error_of_the_reference_settles_nothing():
    """In float32 the reference overflows on its way; a backend that does not is judged for that."""
    hot = case(a="exp(x * y)", out="sum(log(a) * z)")
    inputs = draw(hot)
    inputs["x"][0, 0], inputs["y"][0, 0] = 100.0, 1.0
    truth, fine = (record(label, hot, inputs, "float64") for label in ("numpy", "torch"))
    assert ReferenceError(GraphNoise(build(hot), truth)).scale("d x") is None
    wrong = spoiled("x", one_element(1 + 1e-2))(fine)
    with np.errstate(over="ignore"):
        values, gradients = (
            {name: array.astype(np.float32) for name, array in arrays.items()}
            for arrays in (wrong.values, wrong.gradients)
        )
    ours = replace(wrong, dtype="float32", values=values, gradients=gradients)
    judged = judge(hot, "numpy", {"numpy": truth, "torch": ours}, {"torch": fine})
    assert judged.comparisons[PAIR]["d x"].rule != RULE


@pytest.mark.parametrize("twin", [True, False])
def test_one_element_of_a_long_tensor_is_found(twin):
    chain = case(a="tanh(x) * y", out="sum(exp(a) * z)")
    rng = np.random.default_rng(0)
    shape = (LONGEST // 16 + 1, 17)
    inputs = {name: rng.standard_normal(shape).astype(np.float32).astype(float) for name in "xyz"}
    chosen = replace(chain, inputs={n: replace(i, shape=shape) for n, i in chain.inputs.items()})
    whole = verdict(chosen, inputs, twin=twin)
    assert not whole.disagreements

    def change(dx):
        dx = dx.copy()
        dx[-1, -1] *= 1 + 1e-3
        return dx

    judged = verdict(chosen, inputs, twin=twin, spoil=spoiled("x", change))
    assert reasons(judged)["d x"] == ("bug" if twin else "suspect")
    assert judged.comparisons[PAIR]["d x"].worst.index == (shape[0] - 1, 16)


def test_what_only_some_backends_have_is_said_and_breaks_nothing():
    def change(label, recording):
        factor = 1.5 if label == "jax" else 1.0
        foo = (recording.values["a"] * factor).astype(recording.dtype)
        return replace(recording, values={**recording.values, "foo": foo})

    held = both(change).comparisons
    assert held[Pair("torch", "numpy")]["foo"].verdict.reason == "missing"
    assert not held[OTHER]["foo"].agrees


def test_two_backends_of_a_shape_that_the_reference_has_not():
    def change(label, recording):
        factor = 1.5 if label == "jax" else 1.0
        a = np.resize(recording.values["a"] * factor, (5, 4)).astype(recording.dtype)
        return replace(recording, values={**recording.values, "a": a})

    held = both(change).comparisons
    assert held[Pair("torch", "numpy")]["a"].verdict.reason == "shape"
    assert not held[OTHER]["a"].agrees


def test_an_infinite_difference_exceeds_zero_ulp():
    held = compare(np.array([1.7e308, 1.0]), np.array([-1.7e308, 1.0]), Ulp(0))
    assert (held.disagreeing, held.excess.tolist()) == (1, [np.inf, 0.0])


@pytest.mark.parametrize(
    ("gradient", "allowed"), [([0.0, 1, 2, 3], [np.nan, 0.01, 0.01, 0]), ([0.0, 0], [np.nan, 0])]
)
def test_an_allowance_that_is_nan_is_not_plain(gradient, allowed):
    strip, g, most = Segments([(len(gradient),)]), np.array(gradient), np.array(allowed)
    assert sensitivity(g, most, "float32").weak
    assert surely_sensitive(strip, g, most, "float32") == [False]


def test_one_backend_at_two_times_is_not_settled_by_the_baseline():
    """What changed in float32 alone is no other order of a sum, however little it is."""
    chosen, inputs = CASES["deep"], draw(CASES["deep"])
    now, fine = (record("torch", chosen, inputs, dtype) for dtype in ("float32", "float64"))
    truth = record("numpy", chosen, inputs, "float64")
    scale = ReferenceError(GraphNoise(build(chosen), truth)).scale("d x")
    moved = (now.gradients["x"] + 24 * scale).astype(np.float32)
    golden = spoiled("x", lambda _: moved)(now)
    both = {"numpy": truth, "torch": now, "golden": golden}
    rule = NoiseJudge(
        GraphNoise(build(chosen), truth), "numpy", both, {"torch": fine, "golden": fine}
    )
    found = rule.compare(Pair("torch", "golden"), {"d x": (now.gradients["x"], moved)})
    assert found["d x"].verdict.reason == "suspect"


def test_a_kink_of_two_backends_is_not_one_of_the_reference():
    """relu at 0 has any slope from 0 to 1; one of -1 is beyond, unless the other side's is free."""
    chosen = case(out="relu(x)")
    inputs = draw(chosen)
    inputs["x"][0, 0] = 0.0
    truth = record("numpy", chosen, inputs, "float64")

    def turned(dx):
        dx = dx.copy()
        dx[0, 0] = -record("numpy", chosen, inputs, "float64").gradients["out"][0, 0]
        return dx

    ours, fine = (
        spoiled("x", turned)(record("torch", chosen, inputs, dtype))
        for dtype in ("float32", "float64")
    )
    recordings = {"numpy": truth, "jax": replace(truth, backend="jax"), "torch": ours}
    wanted = {
        label: NoiseJudge(GraphNoise(build(chosen), truth), "numpy", recordings, {"torch": fine})
        .compare(Pair("torch", label), {"d x": (ours.gradients["x"], truth.gradients["x"])})["d x"]
        .verdict.reason
        for label in ("jax", "numpy")
    }
    assert wanted == {"jax": "kink", "numpy": "bug"}
    rule = NoiseJudge(GraphNoise(build(chosen), truth), "numpy", recordings, {"torch": fine})
    for label, reason in wanted.items():
        tensors = {"d x": (ours.gradients["x"], truth.gradients["x"])}
        assert rule.compare(Pair("torch", label), tensors)["d x"].verdict.reason == reason


def test_an_empty_tensor_beside_others_is_empty():
    chosen = case(a="tanh(y) * z", b="x * x", out="sum(a) + sum(b)")
    inputs = draw(chosen, x=np.zeros((0, 3)))
    shaped = replace(chosen.inputs["x"], shape=(0, 3))
    judged = verdict(replace(chosen, inputs={**chosen.inputs, "x": shaped}), inputs)
    assert reasons(judged)["d x"] == reasons(judged)["b"] == "empty"
    assert not judged.disagreements
    assert RULE in {c.rule for c in judged.comparisons[PAIR].values()}
