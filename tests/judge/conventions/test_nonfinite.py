"""NaN or an infinity of finite inputs is never passed over, also where all sides have it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from autocases import PAIR, UPSTREAM, case, draw, reasons, record, spoiled, verdict

from gradcmp.dtypes.arrays import BFLOAT16
from gradcmp.judge.conventions.nonfinite import nonfinite
from gradcmp.ops.registry import OPS
from gradcmp.recording import Recording


def negative(inputs):
    inputs["x"] = np.abs(inputs["x"]) + 0.5
    inputs["x"][1, 2] = -2.0
    return inputs


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("live", [True, False])
def test_nan_on_both_sides_warns_is_counted_and_its_birth_named(dtype, live):
    there = case(r="sqrt(x)", out="r * y")
    judged = verdict(there, negative(draw(there)), dtype=dtype, live=live)
    comparison = judged.comparisons[PAIR]["out"]
    assert comparison.verdict.warns
    assert "1 of 12 elements" in comparison.verdict.detail
    assert "from node 'r' on" in comparison.verdict.detail
    assert {name for _, name, _ in judged.warnings} == {"r", "out", "d x", "d y"}
    assert judged.exit_code == 0


@pytest.mark.parametrize("size", [3, 5000])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, BFLOAT16])
def test_one_element_is_seen_among_many_arrays(dtype, value, size):
    arrays = {f"y{i}": np.ones(n, dtype) for i, n in enumerate((1, 3, 5000, 3, 5000))}
    name = next(name for name, array in reversed(arrays.items()) if array.size == size)
    outline = SimpleNamespace(inputs=("x",), outputs=("y4",), reads=dict.fromkeys(arrays, ("x",)))
    inputs = {"x": np.ones(3, dtype)}
    sound = Recording("torch", "float32", values=inputs | arrays, gradients={})
    assert nonfinite(outline, {"torch": sound}) == {}
    arrays[name][-1] = value
    found = nonfinite(outline, {"torch": sound})
    assert found["torch"].counts == {name: 1}


def test_under_strict_it_fails():
    there = case(strict=True, r="sqrt(x)", out="r * y")
    assert verdict(there, negative(draw(there))).exit_code == 1


def test_the_pullback_that_makes_it_is_named():
    """sqrt has an infinite slope at 0, and 0 times it is NaN."""
    there = case(r="sqrt(x)", s="r * 0", out="s + y")
    inputs = {**draw(there), "x": np.zeros((4, 3))}
    judged = verdict(there, inputs)
    detail = judged.comparisons[PAIR]["d x"].verdict.detail
    assert reasons(judged)["d x"] == "non-finite"
    assert "pullback of node 'r'" in detail or "at every element" in detail
    assert reasons(judged)["d r"] == "exact"


def test_nan_beside_a_wrong_number_is_no_mere_warning():
    there = case(r="sqrt(x)", out="r * y")
    wrong = spoiled(
        "y", lambda d: d * np.where(np.arange(12).reshape(4, 3) == 7, -1, 1).astype(d.dtype)
    )
    judged = verdict(there, negative(draw(there)), spoil=lambda r: wrong(r))
    assert reasons(judged)["d y"] == "bug"
    assert judged.exit_code == 1


def test_of_inputs_that_are_not_finite_nothing_is_said():
    there = case(out="x * y")
    inputs = draw(there)
    inputs["x"][0, 0] = np.inf
    assert not verdict(there, inputs).warnings


def masked(inputs, mask):
    inputs["y"] = np.where(np.arange(12).reshape(4, 3) < 3, -np.inf, 0.0) if mask else inputs["y"]
    return inputs


def test_nan_that_a_mask_of_infinities_makes_warns():
    """A row that is masked as a whole has no softmax."""
    there = case(s="x + y", a="softmax(s)", out="a * z")
    judged = verdict(there, masked(draw(there), True))
    said = {name for _, name, _ in judged.warnings}
    assert {"a", "out", "d x"} <= said
    assert "s" not in said  # the infinities are meant
    detail = judged.comparisons[PAIR]["a"].verdict.detail
    assert "3 of 12 elements" in detail
    assert "from node 'a' on" in detail


def test_a_mask_that_leaves_something_is_not_mentioned():
    there = case(s="x + y", a="softmax(s)", out="a * z")
    inputs = draw(there)
    inputs["y"] = np.where(np.arange(12).reshape(4, 3) % 3 == 1, -np.inf, 0.0)
    assert not verdict(there, inputs).warnings


def test_of_nan_in_an_input_no_node_is_the_maker():
    there = case(out="x * y")
    inputs = draw(there)
    inputs["x"][0, 0] = np.nan
    assert not verdict(there, inputs).warnings


@pytest.mark.parametrize(
    ("graph", "value", "slope"),
    [
        ("relu(x)", np.nan, 0),
        ("clip(x, -1, 1)", np.nan, 0),
        ("abs(x)", np.nan, 0),
        ("sign(x)", np.nan, 0),
        ("maximum(x, 0.5)", np.nan, 0),
        ("minimum(x, 0.5)", np.nan, 0),
        ("max(x)", np.nan, 0),
        ("min(x)", np.nan, 0),
        ("sum(max_pool(x, 2))", np.nan, 1),
    ],
)
def test_the_conventions_at_nan_are_those_of_the_manual(graph, value, slope):
    there = case(out=f"sum({graph})")
    x = np.array([[[[np.nan, 0.25], [0.25, 0.25]]]]) if "pool" in graph else np.array([np.nan])
    recording = record("numpy", there, {"x": x}, "float64")
    assert np.array_equal(recording.values["out"], value, equal_nan=True)
    assert recording.gradients["x"].flat[0] == slope * UPSTREAM


@pytest.mark.parametrize(
    "op", [op for op in OPS.values() if op.name != "nan_sum"], ids=lambda op: op.name
)
def test_an_op_that_does_not_compare_passes_nan_on(op):
    """Its value or its gradient at NaN is NaN, or does not depend on the number there.

    What a NaN means to `nan_sum` is no convention.
    """
    operands = [name for name in op.signature.parameters if name in op.operands]
    if op.compares or operands != ["x"] or "(x)" not in op.examples[0].expression:
        return
    there = case(out=op.examples[0].expression)
    x = np.full(op.examples[0].shapes["x"], 0.5)
    strange, one, other = (
        record(
            "numpy",
            there,
            {"x": np.where(np.arange(x.size).reshape(x.shape) == 0, at, x)},
            "float64",
        )
        for at in (np.nan, 0.3, 0.7)
    )
    depends = one.gradients["x"].flat[0] != other.gradients["x"].flat[0]
    assert np.isnan(strange.values["out"]).any()
    assert np.isnan(strange.gradients["x"].flat[0]) or not depends


def test_a_number_for_nan_is_wrong_where_nothing_compares():
    """The slope of x^2 at NaN is NaN; that relu is elsewhere in the graph changes nothing."""
    there = case(r="relu(y)", out="x * x + r")
    inputs = draw(there)
    inputs["x"][0, 0] = np.nan

    def wrong(array):
        return np.where(np.isnan(array), 1.0, array).astype(array.dtype)

    judged = verdict(there, inputs, spoil=spoiled("x", wrong))
    assert reasons(judged)["d x"] == "non-finite"
    assert judged.exit_code == 1


def test_another_convention_at_nan_is_a_kink_and_counted():
    there = case(out="relu(x) * y")
    inputs = draw(there)
    inputs["x"][0, 0] = inputs["x"][1, 2] = np.nan
    where = np.isnan(inputs["x"])
    judged = verdict(
        there, inputs, spoil=spoiled("x", lambda d: np.where(where, 1, d).astype(d.dtype))
    )
    assert reasons(judged)["d x"] == "kink"
    assert "2 of 12 elements" in judged.comparisons[PAIR]["d x"].verdict.detail
    assert judged.exit_code == 0
    flipped = verdict(
        there, inputs, spoil=spoiled("x", lambda d: np.where(where, 1, -d).astype(d.dtype))
    )
    assert reasons(flipped)["d x"] == "bug"
