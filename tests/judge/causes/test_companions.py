"""Causes told by other tensors, by another formula, or by how a number is made."""

import numpy as np
import pytest

from gradcmp.case import Case, Expression, InputSpec
from gradcmp.graph import build
from gradcmp.judge.causes.diagnosis import diagnose
from gradcmp.judge.causes.emulation import rewritten
from gradcmp.judge.causes.evidence import Evidence

RNG = np.random.default_rng(41)
A, B = RNG.standard_normal((2, 6, 5))
NOISE = 1e-7


def causes(actual, expected, **more):
    return [one.text for one in diagnose(Evidence(actual, expected, NOISE, 8.0, **more))]


def test_another_tensor_as_a_whole_is_named():
    assert causes(B, A, others={"d b": B}, own={"d b": B}) == ["it is 'd b'"]
    assert causes(B, A, others={"d b": B}, own={"d b": A}) == ["interchanged with 'd b'"]
    assert causes(B[:4], A, others={"d b": B[:4]}, own={"d b": A}) == ["interchanged with 'd b'"]
    assert causes(B * 1.001, A, others={"d b": B}, own={"d b": A}) == []


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("index", [0, 2, 4])
def test_what_is_left_out_of_an_axis_is_named(axis, index):
    left = np.delete(A, index, axis)
    assert causes(left, A) == [f"index {index} of axis {axis} is missing"]
    left[1, 1] += 1
    assert causes(left, A) == []


def test_a_constant_that_is_added_is_named():
    assert causes(A + 0.25, A) == ["a constant, 0.25, is added to every element"]
    spoiled = A + 0.25
    spoiled[0, 0] += 0.01
    assert causes(spoiled, A) == []


def loss(x, w):
    return np.mean(np.tanh(x @ w) ** 2, dtype=w.dtype)


def numeric(x, w, step, back):
    """Return finite differences with respect to w, everything in float32."""
    found = np.zeros_like(w)
    for index in np.ndindex(w.shape):
        ahead, behind = w.copy(), w.copy()
        ahead[index] += np.float32(step)
        behind[index] -= np.float32(step) * back
        change = loss(x, ahead) - loss(x, behind)
        found[index] = change / np.float32((1 + back) * step)
    return found.astype("f8")


W = (RNG.standard_normal((5, 4)) / 2).astype("f4")
X = RNG.standard_normal((7, 5)).astype("f4")
H = np.tanh(X.astype("f8") @ W.astype("f8"))
RIGHT = X.T.astype("f8") @ (2 * H * (1 - H * H) / H.size)


@pytest.mark.parametrize("back", [0, 1], ids=["forward", "central"])
@pytest.mark.parametrize("step", [1e-3, 1e-4, 1e-5])
def test_finite_differences_in_float32_are_named(step, back):
    (cause,) = causes(numeric(X, W, step, back), RIGHT, output=float(loss(X, W)))
    assert "finite differences" in cause


@pytest.mark.parametrize("back", [0, 1], ids=["forward", "central"])
@pytest.mark.parametrize("step", [1e-3, 1e-4])
def test_finite_differences_are_named_where_the_loss_is_not_known(step, back):
    """Nothing but the numbers tells: they are multiples of some step of float32."""
    (cause,) = causes(numeric(X, W, step, back), RIGHT)
    assert cause.startswith("consistent with finite differences of a float32 loss, with a step of")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "numbers",
    [
        lambda rng: rng.standard_normal((5, 4)),
        lambda rng: rng.standard_normal((5, 4)).astype("f4").astype("f8"),
        lambda rng: rng.standard_normal((5, 4)).astype("f2").astype("f8"),
        lambda rng: 5.0 * rng.permutation(20).reshape(5, 4),
        lambda rng: 1000.0 * rng.permutation(20).reshape(5, 4),
        lambda rng: 2.5 * rng.permutation(20).reshape(5, 4),
        lambda rng: np.rint(1000 * rng.standard_normal((5, 4))) / 1000,
        lambda rng: np.rint(64 * rng.standard_normal((5, 4))) / 64,
    ],
    ids=["float64", "float32", "float16", "fives", "thousands", "halves", "decimals", "binary"],
)
def test_other_numbers_are_not_called_differences(numbers, seed):
    right = numbers(np.random.default_rng(seed))
    wrong = right.copy()
    wrong[2, 1] += 0.1 * np.max(np.abs(right))
    for gradient in (wrong, right + 0.01 * np.max(np.abs(right)) * (right > 0)):
        assert not any("finite" in text for text in causes(gradient, right))


@pytest.mark.parametrize(("n", "words"), [(16, "n/(n − 1) for n = 16"), (100, "for n = 100")])
def test_a_factor_of_a_variance_is_named(n, words):
    """That of numpy.var with ddof=1 over ddof=0, of numbers that are not given."""
    x = np.random.default_rng(1).standard_normal((n, 3))
    (cause,) = causes(x.var(0, ddof=1), x.var(0))
    assert cause.startswith("a factor of ")
    assert words in cause
    (cause,) = causes(x.var(0), x.var(0, ddof=1))
    assert f"(n − 1)/n for n = {n}" in cause
    (cause,) = causes(1.0711 * x.var(0), x.var(0))
    assert cause == "a factor of 1.0711"


@pytest.mark.parametrize(
    "gradient",
    [
        RIGHT + 1e-3 * RNG.standard_normal(RIGHT.shape),
        (RIGHT * 1.5).astype("f4").astype("f8") + np.float32(1e-3),
        np.rint(RIGHT * 64) / 64,  # of few digits, and no differences
        2 * numeric(X, W, 1e-4, 1),  # made of them, and wrong
    ],
    ids=["noisy", "float32", "few digits", "twice"],
)
def test_what_is_not_made_of_differences_is_not_called_so(gradient):
    assert not any("finite" in text for text in causes(gradient, RIGHT, output=float(loss(X, W))))


WEIGHT, BIAS = RNG.standard_normal((2, 5)) + 2
SAMPLES = RNG.standard_normal((6, 5))
UNBIASED, BIASED = (
    "a variance that divides by n − 1, not by n",
    "a variance that divides by n, not by n − 1",
)


def moments(x, less):
    centred = x - x.mean(0)
    return centred, (centred * centred).sum(0) / (len(x) - less)


def standardized(x, w, less):
    centred, variance = moments(x, less)
    return centred / np.sqrt(variance + 1e-5)


FORMULAS = {
    "var": ("var(x, axis=0)", UNBIASED, lambda x, w: moments(x, 1)[1]),
    "std": ("std(x, axis=0)", UNBIASED, lambda x, w: np.sqrt(moments(x, 1)[1])),
    "var of n - 1": ("var(x, axis=0, correction=1)", BIASED, lambda x, w: moments(x, 0)[1]),
    "batch_norm": (
        "batch_norm(x, w, b)",
        UNBIASED,
        lambda x, w: standardized(x, w, 1) * w + BIAS,
    ),
    "layer_norm": (
        "layer_norm(x, w, b)",
        UNBIASED,
        lambda x, w: standardized(x.T, w, 1).T * w + BIAS,
    ),
}


@pytest.mark.parametrize(("text", "words", "formula"), FORMULAS.values(), ids=FORMULAS)
def test_a_variance_that_divides_by_another_number_is_emulated(text, words, formula):
    """Value and gradients, the latter by complex step through the formula as written here."""
    inputs = {"x": SAMPLES, **({"w": WEIGHT, "b": BIAS} if "norm" in text else {})}
    graph = {"y": Expression(text), "out": Expression("sum(y * y)")}
    specs = {name: InputSpec("normal", x.shape) for name, x in inputs.items()}
    case = Case("variance", specs, graph, "out", tuple(inputs), ())
    found = rewritten(build(case), inputs, np.ones(()))
    assert list(found) == [words]
    np.testing.assert_allclose(found[words]["y"], formula(SAMPLES, WEIGHT), rtol=1e-12)
    for name, at in (("x", SAMPLES), ("w", WEIGHT)):
        for index in np.ndindex(at.shape) if name in inputs else ():
            near = {"x": SAMPLES + 0j, "w": WEIGHT + 0j}
            near[name][index] += 1e-30j
            slope = np.imag(np.sum(formula(near["x"], near["w"]) ** 2)) / 1e-30
            np.testing.assert_allclose(found[words][f"d {name}"][index], slope, rtol=1e-9)


def test_a_graph_without_a_variance_has_no_other_formula():
    case = Case(
        "sum", {"x": InputSpec("normal", (3,))}, {"y": Expression("sum(x)")}, "y", ("x",), ()
    )
    assert rewritten(build(case), {"x": np.ones(3)}, np.ones(())) == {}


def test_another_formula_is_a_cause_and_no_way_to_lose_digits():
    (cause,) = diagnose(Evidence(B, A, NOISE, 8.0, formulas={"another formula": B}))
    assert (cause.text, cause.of_rounding) == ("consistent with another formula", False)
    assert causes(B + 1e-3, A, formulas={"another formula": B}) == []
