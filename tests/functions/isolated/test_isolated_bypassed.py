"""Taps beside whose return the value itself is used: no function is wrong for that alone."""

import numpy as np
import pytest
from isolated_nets import isolated, middles, states
from surroundings import framework

import gradcmp

torch, tf, jax = map(framework, ("torch", "tensorflow", "jax"))
pytestmark = pytest.mark.frameworks
TOTAL = {"torch": torch.sum, "jax": jax.numpy.sum, "tensorflow": tf.reduce_sum}
MIDDLE = {name: middles(name) for name in ("torch", "jax")}
PARTLY = "(what gradcmp.tap returns is used only in part: what came to it is used as well)"
UNUSED = "(what gradcmp.tap returns is not used)"
X = np.random.default_rng(0).standard_normal((6, 5))


def by_hand(x):
    h = gradcmp.tap("h", x * 2)
    g = gradcmp.tap("g", 2 * h + h * h)

    def pullback(dy):
        dg = gradcmp.tap("d g", np.full_like(g, 3 * dy))
        return {"x": 2 * gradcmp.tap("d h", dg * (2 + 2 * h))}

    return (3 * g).sum(), pullback


def after(total):
    def function(x):
        h = x * 2
        told = gradcmp.tap("h", h)
        return total(gradcmp.tap("g", 2 * told + h * h) * 3)

    return function


def before(total):
    def function(x):
        h = x * 2
        squares = h * h
        return total(gradcmp.tap("g", 2 * gradcmp.tap("h", h) + squares) * 3)

    return function


def ignored(total):
    def function(x):
        h = x * 2
        gradcmp.tap("h", h)
        return total(gradcmp.tap("g", 2 * h + h * h) * 3)

    return function


@pytest.mark.parametrize(
    ("made", "why"),
    [(after, PARTLY), (before, PARTLY), (ignored, UNUSED)],
    ids=["after", "before", "ignored"],
)
def test_who_uses_a_value_beside_its_tap_is_right(made, why):
    functions = {name: made(total) for name, total in TOTAL.items()}
    verdict = gradcmp.compare_functions(
        {**functions, "by_hand": by_hand},
        {"x": X},
        framework={**{name: name for name in functions}, "by_hand": "numpy"},
        layouts="off",
        isolate=True,
    )
    assert verdict.agrees
    assert [*verdict.isolated] == ["g", "output"]  # the other tap is isolated all the same
    for label in functions:
        assert {*states(verdict, label).values()} == {"right"}
        assert verdict.notes[label] == (f"is isolated, but not at h {why}",)
        # By the chain rule, 3 (2 + 2 h) with h = 2 x: whatever way it goes on.
        slope = verdict.recordings[label].gradients["h"]
        np.testing.assert_allclose(slope, 6 + 12 * X, rtol=1e-5)
    assert "by_hand" not in verdict.notes


def constant(total, made):
    def function(x):
        return total(x * gradcmp.tap("cut", made(x)) * 3)

    return function


def test_the_derivative_by_what_is_cut_off_is_told_by_nobody_or_right():
    """In torch nothing arrives there, which is not zero."""
    made = {
        "torch": torch.Tensor.detach,
        "jax": jax.lax.stop_gradient,
        "tensorflow": tf.stop_gradient,
    }
    functions = {name: constant(TOTAL[name], cut) for name, cut in made.items()}
    verdict = gradcmp.compare_functions(
        functions,
        {"x": X},
        framework={name: name for name in functions},
        layouts="off",
        isolate=True,
    )
    assert verdict.agrees
    assert verdict.notes["torch"] == ("is not isolated: cut (it has no gradient)",)
    for label in ("jax", "tensorflow"):
        slope = verdict.recordings[label].gradients["cut"]
        np.testing.assert_allclose(slope, 3 * X, rtol=1e-6)
    assert "cut" not in verdict.recordings["torch"].gradients


def beside(home, bug="", dtype="", wholly=False):
    """Return a net that goes on with its first layer's value in two places."""
    numbers = {"torch": torch, "jax": jax.numpy}[home]

    def function(x, w1, w2, w3):
        h = numbers.tanh(x @ w1)
        told = gradcmp.tap("h1", h)
        last = told if wholly else h
        h = gradcmp.tap("h2", MIDDLE[home](bug, dtype)(told, w2))
        return numbers.exp(gradcmp.tap("h3", h @ w3)).sum() + (last * last).sum()

    return function


@pytest.mark.parametrize(
    ("home", "bug", "only", "wholly"),
    [
        ("torch", "backward", "float32", False),
        ("torch", "backward", "float64", True),
        pytest.param("torch", "backward", "", True, marks=pytest.mark.thorough),
        pytest.param("torch", "forward", "", False, marks=pytest.mark.thorough),
        pytest.param("jax", "backward", "float32", True, marks=pytest.mark.thorough),
        pytest.param("jax", "forward", "", False, marks=pytest.mark.thorough),
        pytest.param("jax", "backward", "float64", False, marks=pytest.mark.thorough),
    ],
)
def test_a_bug_beside_such_a_tap_is_found_and_none_makes_a_tap_one(home, bug, only, wholly):
    functions = {"spoiled": beside(home, bug, only, wholly), "right": beside("torch")}
    verdict = isolated(functions, dtype=only or "float32")
    assert not verdict.agrees
    assert [*verdict.isolated] == ["h2", "h3", "output"]
    assert states(verdict, "spoiled")["h2"] == "wrong"
    assert states(verdict, "spoiled")["h3"] in ("right", "wrong input only")
    assert {*states(verdict, "right").values()} == {"right"}
    said = f"is isolated, but not at h1 {PARTLY}"
    assert verdict.notes == {"right": (said,), **({} if wholly else {"spoiled": (said,)})}
