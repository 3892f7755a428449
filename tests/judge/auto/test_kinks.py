"""Open branches explain the gradients that some convention gives, and nothing else.

The lawful gradients are those of the textbook: a convex combination of the one-sided ones, the
same for all operands of a tied comparison (Clarke, Optimization and Nonsmooth Analysis, 2.5).
"""

from __future__ import annotations

import numpy as np
import pytest
from autocases import PAIR, UPSTREAM, case, draw, reasons, record, spoiled, verdict

from gradcmp.case import Case, Expression, InputSpec
from gradcmp.judge import judge
from gradcmp.recording import Recording

FAILS = {"bug", "suspect"}


def of(arrays: dict[str, list], text: str, **more: str) -> tuple[Case, dict[str, np.ndarray]]:
    inputs = {name: np.asarray(array, np.float64) for name, array in arrays.items()}
    there = case(**more, out=text)
    shapes = {name: InputSpec("normal", array.shape) for name, array in inputs.items()}
    nodes = {name: Expression(one) for name, one in {**more, "out": text}.items()}
    return Case(
        "kink", shapes, nodes, "out", tuple(inputs), there.backends, there.tolerance
    ), inputs


def judged(
    there: Case, inputs: dict[str, np.ndarray], dtype: str = "float32", unit=UPSTREAM, **wrong
) -> dict:
    """Judge torch with these gradients, in its dtype and in float64.

    They are written for a cotangent of 1, and multiplied by the one that there is.
    """

    def spoil(recording: Recording) -> Recording:
        for name, gradient in wrong.items():
            recording = spoiled(name, lambda d, g=gradient: (unit * np.asarray(g)).astype(d.dtype))(
                recording
            )
        return recording

    return reasons(verdict(there, inputs, spoil=spoil, dtype=dtype))


@pytest.mark.parametrize(
    ("gradient", "lawful"),
    [
        ([1, 0, 0], True),
        ([0, 1, 0], True),
        ([0.5, 0.5, 0], True),
        ([0.25, 0.75, 0], True),
        ([1, 1, 0], False),
        ([0, 0, 0], False),
        ([0.25, 0.25, 0], False),
        ([2, -1, 0], False),
        ([1, 0, 0.001], False),
        ([-1, 0, 0], False),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", ["max", "min"])
def test_tied_maxima_share_one_cotangent(gradient, lawful, dtype, op):
    there, inputs = of({"x": [3, 3, 1] if op == "max" else [3, 3, 5]}, f"{op}(x)")
    reason = judged(there, inputs, dtype, x=gradient)["d x"]
    assert (reason in {"kink", "exact", "rounding"}) is lawful, reason
    assert lawful or reason in FAILS


@pytest.mark.parametrize(
    ("dx", "dy", "lawful"),
    [
        ([1, 0.0, 0], [0, 1.0, 1], True),
        ([0, 0.0, 0], [1, 1.0, 1], True),
        ([0.5, 0.0, 0.3], [0.5, 1.0, 0.7], True),
        ([1, 0.0, 0], [1, 1.0, 1], False),
        ([0, 0.0, 0], [0, 1.0, 1], False),
        ([0, 0.0, 1], [1, 1.0, 1], False),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tied_operands_of_maximum_share_one_cotangent(dx, dy, lawful, dtype):
    there, inputs = of({"x": [2, 1, 4], "y": [2, 3, 4]}, "sum(maximum(x, y))")
    found = {*judged(there, inputs, dtype, x=dx, y=dy).values()}
    assert (not found & FAILS) is lawful, found


A = {"x": [[1.0, 3.0], [3.0, 4.0]], "a": [[0.3], [-0.1]]}  # x[0] @ a is 0 but for rounding


@pytest.mark.parametrize("factor", [1.5, 1.1, 1.001, -1.0])
def test_an_element_near_a_branch_does_not_make_its_tensor_deaf(factor):
    there, inputs = of(A, "sum(relu(x @ a))")
    inputs = {name: x.astype(np.float32).astype(np.float64) for name, x in inputs.items()}
    right = record("numpy", there, inputs, "float64").gradients["a"]
    assert not {*judged(there, inputs).values()} & FAILS
    wrong = right * [[1.0], [factor]]
    assert judged(there, inputs, unit=1, a=wrong)["d a"] in FAILS


@pytest.mark.parametrize(
    ("da", "lawful"),
    [([3, 4], True), ([4, 7], True), ([3.5, 5.5], True), ([3, 6], False), ([4, 6], False)],
)
def test_a_tie_behind_a_matrix_product_moves_along_one_row(da, lawful):
    """x[0] @ a = 0: the derivative is x[1] plus any share of x[0]."""
    there, inputs = of({"x": [[1, 3], [3, 4]], "a": [[3], [-1]]}, "sum(relu(x @ a))")
    share = da[0] - 3  # of x[0], and so of a in the gradient of x[0]
    dx = [[3 * share, -share], [3, -1]]
    reason = judged(there, inputs, a=np.reshape(da, (2, 1)), x=dx)["d a"]
    assert (reason not in FAILS) is lawful, reason
    if share:
        assert judged(there, inputs, a=np.reshape(da, (2, 1)))["d a"] in FAILS


def test_the_other_branch_within_rounding_is_a_kink_and_no_rounding():
    """0.1 is more than 0.1 as float32 has it is less: backends of float32 take the other branch."""
    there, inputs = of({"x": [np.float32(0.1), 0.5, 2, 3]}, "sum(where(x > 0.1, x * x, 0))")
    right = record("numpy", there, inputs, "float64").gradients["x"]
    other = right.copy()
    other[0] = 0.0 if right[0] else 2 * inputs["x"][0]

    def spoil(recording):
        changed = other if recording.dtype == "float32" else right
        return spoiled("x", lambda d: changed.astype(d.dtype))(recording)

    assert reasons(verdict(there, inputs, spoil=spoil))["d x"] == "kink"
    thousandth = other * [1, 1, 1, 1.001]

    def worse(recording):
        return spoiled("x", lambda d: thousandth.astype(d.dtype))(recording)

    assert reasons(verdict(there, inputs, spoil=worse))["d x"] in FAILS


def test_the_largest_of_many_zeros_of_a_relu_may_be_any_of_them():
    """A chain of two kinks: the frameworks give the first zero all, the reference each a share."""
    there, inputs = of({"x": [[-1.0, -2, -3, 0.5], [-1, -1, 2, -4]]}, "sum(max(relu(x), axis=0))")
    # column 0: both relu to 0, the maximum ties, and relu is flat there: nothing may flow back
    assert judged(there, inputs, x=[[0, 0, 0, 1], [0, 0, 1, 0]])["d x"] in {"exact", "rounding"}
    assert judged(there, inputs, x=[[1, 0, 0, 1], [0, 0, 1, 0]])["d x"] in FAILS
    first = {"r": [[1.0, 1, 0, 1], [0, 0, 1, 0]]}
    there, inputs = of({"x": inputs["x"].tolist()}, "sum(max(r, axis=0))", r="relu(x)")
    assert judged(there, inputs, **first)["d r"] == "kink"
    both = {"r": [[1.0, 1, 0, 1], [1, 0, 1, 0]]}
    assert judged(there, inputs, **both)["d r"] in FAILS


def test_relu_and_lost_digits_on_one_tensor_are_no_bug():
    there, inputs = of(
        {"x": np.random.default_rng(0).standard_normal((8, 16)).astype(np.float32).tolist()},
        "z + abs(a)",
        a="relu(x)",
        m="a + 300",
        z="(m - mean(m, axis=1, keepdims=True)) / std(m, axis=1, keepdims=True)",
    )
    other = {"abs": np.where(np.asarray(inputs["x"]) > 0, 0, 1.0)}
    dy = record("numpy", there, inputs, "float64").gradients["out"]

    def jax(recording):  # the derivative of |a| at 0 is 1, as jax has it
        return spoiled("a", lambda d: (d + other["abs"] * dy).astype(d.dtype))(recording)

    assert reasons(verdict(there, inputs, spoil=jax))["d a"] in {"kink", "precision"}
    assert reasons(verdict(there, inputs, spoil=lambda r: spoiled("a", np.negative)(r)))["d a"] in (
        FAILS
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("text", ["maximum(x, y) * z", "minimum(x, y) * z", "relu(x - y) * z"])
def test_any_winner_of_each_tie_is_lawful(seed, text):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(-1, 2, (2, 4, 3)).astype(np.float64)
    there = case(out=text)
    inputs = draw(there, x=x, y=y)
    right = record("numpy", there, inputs, "float64")
    dz = right.gradients["out"] * inputs["z"]
    share = np.where(x == y, rng.uniform(0, 1, x.shape), right.gradients["x"] / dz)
    dx = dz * share
    dy = -dx if "relu" in text else dz - dx
    found = judged(there, inputs, unit=1, x=dx, y=dy)
    assert not {*found.values()} & FAILS, found
    apart = judged(there, inputs, unit=1, x=dx, y=dy + 0.5 * dz * (x == y))
    assert {*apart.values()} & FAILS or not np.any(x == y)


def test_the_verdict_of_a_pair_does_not_depend_on_which_tensor_is_asked_first():
    there, inputs = of({"x": [2, 1, 4], "y": [2, 3, 4]}, "sum(maximum(x, y))")
    reference = record("numpy", there, inputs, "float64")
    ours = record("torch", there, inputs, "float32")
    for name in "xy":
        ours = spoiled(name, lambda d: (UPSTREAM * np.array([1, 0, 1])).astype(d.dtype))(ours)
    found = judge(there, "numpy", {"numpy": reference, "torch": ours}, {}).comparisons[PAIR]
    assert {found[name].verdict.reason for name in ("d x", "d y")} & FAILS


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("text", "slope", "lawful"),
    [
        ("sum(relu(x))", 1.0, True),
        ("sum(relu(x))", 0.5, True),
        ("sum(relu(x))", 1.5, False),
        ("sum(relu(x))", -0.5, False),
        ("sum(abs(x))", 1.0, True),
        ("sum(abs(x))", -1.0, True),
        ("sum(abs(x))", 1.5, False),
    ],
)
def test_a_slope_at_a_kink_lies_between_those_beside_it(text, slope, lawful, dtype):
    there, inputs = of({"x": [0, 1, 2]}, text)
    reason = judged(there, inputs, dtype, x=[slope, 1, 1])["d x"]
    assert (reason not in FAILS) is lawful, reason
