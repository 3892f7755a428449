"""Who is off: the truth is the function's own slope, and a majority counts for nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from gradcmp.case import Case, Expression, InputSpec
from gradcmp.graph import backward, build, forward
from gradcmp.judge.diagnose.arbitration import arbitrate, arbitrate_values
from gradcmp.judge.diagnose.derivative import Float
from gradcmp.judge.diagnose.graph_primal import CONSTANT, GraphPrimal
from gradcmp.judge.diagnose.slopes import Truth
from gradcmp.judge.verdict import Pair
from gradcmp.ops import OPS, Array
from gradcmp.ops.spec import Op

BODY = {
    "h": "tanh(X @ W + b)",
    "p": "softmax(h * h)",
    "y": "relu(p - 0.2) + sqrt(h * h + 1)",
}


class Scene:
    """A graph of several ops and the reference's gradients."""

    def __init__(self, body: dict[str, str] = BODY, output: str = "y", seed: int = 0) -> None:
        shapes = {"X": (5, 4), "W": (4, 3), "b": (3,)}
        shapes = {
            n: s
            for n, s in shapes.items()
            if any(re.search(rf"\b{n}\b", text) for text in body.values())
        }
        inputs = {name: InputSpec("normal", shape) for name, shape in shapes.items()}
        nodes = {name: Expression(text) for name, text in body.items()}
        rng = np.random.default_rng(seed)
        self.arrays = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
        self.graph = build(Case("case", inputs, nodes, output, tuple(inputs), ()))
        self.cotangent = rng.standard_normal(self.tape.values[output].shape)

    @property
    def tape(self):  # type: ignore[no-untyped-def]
        with np.errstate(all="ignore"):
            return forward(self.graph, self.arrays, CONSTANT)

    @property
    def gradients(self) -> dict[str, Float]:
        return backward(self.graph, self.tape, self.cotangent)

    @property
    def primal(self) -> GraphPrimal:
        return GraphPrimal(self.graph, self.arrays, self.cotangent)


def is_confirmed(
    primal: GraphPrimal, name: str, gradient: Float, index: tuple[int, ...]
) -> bool | None:
    """Return whether a gradient is the derivative along random directions and at one element."""
    rng = np.random.default_rng(0)
    unit = np.zeros(gradient.shape)
    unit[index] = 1.0
    verdicts = []
    for direction in (*rng.standard_normal((3, *gradient.shape)), unit):
        terms = gradient * direction
        truth = primal.along(name, direction, float(terms.sum()))
        if truth is not None:
            size = np.fmax(np.abs(terms).sum(), abs(truth.value))
            off = abs(float(terms.sum()) - truth.value)
            verdicts.append(bool(off <= 1e-7 * size + 4 * truth.error))
    return all(verdicts) if verdicts else None


def spoil_pullback(op: str, spoil: Callable[[Float], Float]) -> Op:
    """Return an op whose value is right and whose first cotangent is not."""
    reference = OPS[op].reference

    def spoiled(*operands, **static):  # type: ignore[no-untyped-def]
        value, pullback = reference(*operands, **static)
        return value, lambda dy: (spoil(pullback(dy)[0]), *pullback(dy)[1:])

    return replace(OPS[op], reference=spoiled)


@pytest.mark.parametrize("name", ["X", "W", "b", "h", "p", "y", "h/1"])
def test_a_right_reference_holds(name: str) -> None:
    scene = Scene()
    gradient = scene.gradients[name]
    assert is_confirmed(scene.primal, name, gradient, (0,) * gradient.ndim) is True
    truth = scene.primal.along(name, np.ones(gradient.shape))
    assert truth
    assert truth.method == "complex step"


SPOILS: dict[str, Callable[[Float], Float]] = {
    "negated": lambda d: -d,
    "a thousandth more": lambda d: d * 1.001,
    "a millionth more": lambda d: d * (1 + 1e-6),
    "zero": np.zeros_like,
    "reversed": lambda d: d[::-1],
    "not a number": lambda d: d * np.nan,
}


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("op", ["tanh", "softmax", "relu", "matmul", "sqrt"])
def test_a_spoiled_pullback_of_the_reference_is_blamed_on_it(
    op: str, spoil: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene()
    correct = scene.gradients
    monkeypatch.setitem(OPS._ops, op, spoil_pullback(op, SPOILS[spoil]))
    wrong = scene.gradients
    assert scene.tape.values.keys()  # the forward pass is untouched
    parts = np.abs(wrong["X"] - correct["X"])
    index = np.unravel_index(int(np.argmax(np.nan_to_num(parts, nan=np.inf))), parts.shape)
    assert is_confirmed(scene.primal, "X", wrong["X"], tuple(map(int, index))) is False
    # Every other backend is right; and then every other shares the reference's bug.
    values = {"torch": float(correct["X"][index]), "numpy": float(wrong["X"][index])}
    allowed = float(np.nan_to_num(parts[index] / 3, nan=1e-6))
    truth = scene.primal.at("X", tuple(map(int, index)), values["numpy"])
    assert arbitrate(values, truth, allowed).side == "numpy"
    swapped = {"torch": values["numpy"], "numpy": values["torch"]}
    assert arbitrate(swapped, truth, allowed).side == "torch"


def test_a_majority_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    right = float(scene.gradients["W"][1, 2])
    monkeypatch.setitem(OPS._ops, "tanh", spoil_pullback("tanh", lambda d: 2 * d))
    wrong = float(scene.gradients["W"][1, 2])
    truth = scene.primal.at("W", (1, 2), claimed=wrong)
    off = [
        arbitrate({label: wrong, "jax": right}, truth, 1e-6).side
        for label in ("numpy", "torch", "tensorflow")
    ]
    assert off == ["numpy", "torch", "tensorflow"]


def test_both_can_be_off_and_the_truth_may_not_tell() -> None:
    truth = Truth(1.0, 1e-9, "complex step")
    assert arbitrate({"a": 1.5, "b": 0.5}, truth, 1e-3).side == "a and b"
    assert arbitrate({"a": 1.5, "b": np.nan}, truth, 1e-3).side == "a and b"
    assert arbitrate({"a": 1.0, "b": np.inf}, truth, 1e-3).side == "b"
    assert arbitrate({"a": 1.0, "b": 1.5}, None, 1e-3).side is None
    assert arbitrate({"a": 1.0, "b": 1.5}, Truth(1.0, 0.1, "differences"), 0.4).off == ("b",)
    assert arbitrate({"a": 1.0, "b": 1.5}, Truth(1.3, 0.3, "differences"), 0.4).side is None


def told(value: float, other: float | None = None, end: bool = False) -> Truth:
    return Truth(value, 0.0, "differences", other, end)


@pytest.mark.parametrize(
    ("truth", "off"),
    [
        (told(2.0), "torch"),
        (told(1.0), "torch and jax"),  # a finite number beside a NaN can be wrong as well
        (told(np.inf), "torch and jax"),
        (told(1.0, 3.0), "torch"),
        (told(-1.0, 1.0), "torch and jax"),
        (told(2.0, end=True), None),
        (told(1.0, end=True), "jax"),
        (told(-np.inf, np.inf), None),
        (None, None),
    ],
)
def test_who_is_off_where_one_is_no_finite_number(truth: Truth | None, off: str | None) -> None:
    assert arbitrate({"torch": np.nan, "jax": 2.0}, truth, 1e-6).side == off


def test_an_infinity_is_held_against_a_slope_without_a_bound() -> None:
    for first, second, off in ((np.inf, np.inf, None), (np.inf, -np.inf, "jax")):
        assert arbitrate({"torch": first, "jax": second}, told(np.inf), 1e-6).side == off


def test_each_is_judged_by_itself() -> None:
    """The right one lies nearer to the truth than its error, which must not save the other."""
    truth = Truth(1.0, 3e-6, "differences")
    ruling = arbitrate({"torch": 2.0, "numpy": 1.0}, truth, 2e-7)
    assert (ruling.off, ruling.right) == (("torch",), ("numpy",))
    assert arbitrate({"torch": 1.00001, "numpy": 1.0}, truth, 2e-7).side is None


def test_a_nan_of_the_reference_where_the_function_has_a_slope_is_not_believed() -> None:
    """The known trap: ``where`` hides the NaN of a branch from the value, not from the gradient."""
    scene = Scene({"y": "where(X > 0, sqrt(X), 3 * X)"})
    scene.arrays["X"][2, 1] = -1.0
    truth = scene.primal.everywhere("X", (2, 1), np.nan, is_strange=True)
    assert truth is not None
    assert truth.value == pytest.approx(3 * scene.cotangent[2, 1], rel=1e-6)
    values = {"torch": truth.value, "numpy": np.nan}
    assert arbitrate(values, truth, np.nan).side == "numpy"


def at_zero(body: str) -> tuple[Truth | None, float]:
    """Return the slope where an element is 0 and the others are positive, and its cotangent."""
    scene = Scene({"y": body})
    scene.arrays["X"] = np.abs(scene.arrays["X"])
    scene.arrays["X"][2, 1] = 0.0
    truth = scene.primal.everywhere("X", (2, 1), np.nan, is_strange=True)
    return truth, float(scene.cotangent[2, 1])


@pytest.mark.parametrize(
    ("body", "slope"), [("sqrt(X)", np.inf), ("0.0 * sqrt(X)", 0.0), ("sqrt(X) ** 4", 0.0)]
)
def test_at_the_end_of_a_domain_the_slope_to_the_one_side_tells(body: str, slope: float) -> None:
    """A complex step off the pole finds a huge number there, and no infinity."""
    truth, cotangent = at_zero(body)
    assert truth is not None
    assert truth.end
    assert truth.value == pytest.approx(slope * cotangent, abs=1e-3)


@pytest.mark.parametrize(
    "body",
    ["X * log(X)", "log(X)", "1 / X", "where(X > 0, 1, X)", "where(X > 0, 1, 0.0 * sqrt(X))"],
)
def test_where_no_slope_settles_nobody_is_blamed(body: str) -> None:
    """Where the function has no value, and where it jumps, which is no pole."""
    assert at_zero(body)[0] is None


@pytest.mark.parametrize(
    ("body", "slopes"), [("abs(X)", (-1, 1)), ("relu(X)", (0, 1)), ("maximum(2*X, -X)", (-1, 2))]
)
def test_at_a_kink_all_between_the_slopes_to_both_sides_is_right(
    body: str, slopes: tuple[float, float]
) -> None:
    truth, cotangent = at_zero(body)
    assert truth is not None
    expected = sorted(cotangent * slope for slope in slopes)
    assert (truth.low, truth.high) == pytest.approx(tuple(expected), abs=1e-6)
    middle, beyond = sum(expected) / 2, expected[1] + 0.1
    assert arbitrate({"torch": middle, "jax": beyond}, truth, 1e-5).side == "jax"
    assert arbitrate({"torch": middle, "jax": expected[0]}, truth, 1e-5).side is None
    assert arbitrate({"torch": middle, "jax": np.nan}, truth, 1e-5).side == "jax"


def test_there_is_no_derivative_at_a_kink() -> None:
    scene = Scene({"y": "abs(X)"})
    scene.arrays["X"][2, 1] = 0.0
    assert scene.primal.at("X", (2, 1)) is None
    beside = scene.primal.at("X", (2, 2))
    assert beside is not None
    expected = scene.cotangent[2, 2] * np.sign(scene.arrays["X"][2, 2])
    assert beside.value == pytest.approx(expected, rel=1e-12)
    assert is_confirmed(scene.primal, "X", scene.gradients["X"], (2, 1)) is None


@pytest.mark.parametrize("seed", range(5))
def test_an_op_that_is_not_analytic_falls_back_on_differences(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def modulus(x: Array):  # type: ignore[no-untyped-def]
        y = np.tanh(np.abs(x) ** 2)  # of a complex number: not analytic
        return y, lambda dy: (dy * (1 - y * y),)

    def refuses(x: Array):  # type: ignore[no-untyped-def]
        if np.iscomplexobj(x):
            raise TypeError("real numbers only")
        return np.tanh(x), lambda dy: (dy,)

    for reference, slope in (
        (modulus, lambda x: (1 - np.tanh(x * x) ** 2) * 2 * x),
        (refuses, lambda x: 1 - np.tanh(x) ** 2),
    ):
        monkeypatch.setitem(OPS._ops, "tanh", replace(OPS["tanh"], reference=reference))
        scene = Scene({"y": "tanh(X)"}, seed=seed)
        gradient = scene.cotangent * slope(scene.arrays["X"])
        truth = scene.primal.along("X", np.ones((5, 4)))
        assert truth is not None
        assert truth.method == "differences"
        assert abs(truth.value - gradient.sum()) <= truth.error < 1e-8
        assert is_confirmed(scene.primal, "X", gradient, (1, 1)) is True
        assert is_confirmed(scene.primal, "X", -gradient, (1, 1)) is False
        assert is_confirmed(scene.primal, "X", scene.gradients["X"], (1, 1)) is False


def test_where_float64_loses_the_digits_nobody_is_blamed() -> None:
    scene = Scene({"y": "(X + 1e13) - 1e13"})
    assert is_confirmed(scene.primal, "X", scene.gradients["X"], (0, 0)) is not False


def test_the_reference_defines_the_values() -> None:
    agrees = {"torch": False, "jax": True, "tensorflow": False}
    assert arbitrate_values(Pair("torch", "numpy"), "numpy", agrees).side == "torch"
    assert arbitrate_values(Pair("jax", "torch"), "numpy", agrees).side == "torch"
    both = arbitrate_values(Pair("tensorflow", "torch"), "numpy", agrees)
    assert both.side == "tensorflow and torch"
    assert arbitrate_values(Pair("jax", "numpy"), "numpy", agrees).side is None
