"""Taps that can be isolated, and those that are left as they are, which is said."""

import numpy as np
import pytest
from isolated_nets import isolated, nets, states
from surroundings import framework

import gradcmp
from gradcmp.errors import UsageError

torch = framework("torch")
pytestmark = pytest.mark.frameworks
NET = {name: nets(name) for name in ("torch", "numpy")}


def newton(x):
    """A square root in a loop that never ends on NaN."""
    h = gradcmp.tap("h", x * x + 1)
    y = np.ones_like(h)
    while not np.max(np.abs(y * y - h)) < 1e-4:
        y = (y + h / y) / 2

    def pullback(dy):
        return {"x": gradcmp.tap("d h", dy / (2 * y)) * 2 * x}

    return y.sum(), pullback


def test_code_by_hand_is_asked_with_numbers_on_which_it_ends():
    def root(x):
        return gradcmp.tap("h", x * x + 1).sqrt().sum()

    verdict = gradcmp.compare_functions(
        {"numpy": newton, "torch": root}, {"x": "normal:6x5"}, layouts="off", isolate=True
    )
    assert states(verdict, "numpy")["h"] == "right"


def test_where_no_tap_is_shared_by_all_that_is_said():
    def first(x):
        return gradcmp.tap("a", torch.tanh(x)).exp().sum()

    def second(x):
        return gradcmp.tap("b", torch.tanh(x).exp()).sum()

    def both(x):
        return gradcmp.tap("b", gradcmp.tap("a", torch.tanh(x)).exp()).sum()

    functions = {"first": first, "second": second, "both": both}
    verdict = gradcmp.compare_functions(functions, {"x": "normal:6x5"}, layouts="off", isolate=True)
    assert not verdict.isolated
    assert {*verdict.notes.values()} == {
        ("is not isolated: no tap is shared by all functions that have some",)
    }


@pytest.mark.parametrize("bug", ["", "backward"])
def test_a_gradient_by_hand_is_isolated_where_its_taps_are_used(bug):
    verdict = isolated({"by_hand": NET["numpy"](bug), "torch": NET["torch"]()})
    parts = states(verdict, "by_hand")
    assert verdict.agrees == (not bug)
    assert set(parts.values()) == {"right"} if not bug else parts["h2"] == "wrong"
    assert parts["h3"] == "right"


def test_a_tap_whose_return_is_not_used_is_left_as_it_is_and_said():
    verdict = isolated({"by_hand": NET["numpy"]("", True), "torch": NET["torch"]()})
    assert [*verdict.isolated] == ["h2", "h3", "output"]
    (said,) = verdict.notes["by_hand"]
    assert "h1 (what gradcmp.tap returns is not used)" in said


def other_taps(x, w1, w2, w3):
    """The right net, with a tap less, one more, and one of another shape."""
    h = gradcmp.tap("h1", torch.sigmoid(x @ w1))
    h = gradcmp.tap("more", torch.tanh(h @ w2))
    return gradcmp.tap("h3", (h @ w3).T).exp().sum()


def untapped(x, w1, w2, w3):
    return (torch.tanh(torch.sigmoid(x @ w1) @ w2) @ w3).exp().sum()


def test_taps_that_are_not_shared_are_left_as_they_are_and_said():
    functions = {"other": other_taps, "untapped": untapped, "torch": NET["torch"]()}
    verdict = isolated(functions)
    assert [*verdict.isolated] == ["h1", "output"]
    assert states(verdict, "other") == {"h1": "right", "output": "right"}
    assert {*states(verdict, "untapped").values()} == {"not isolated"}
    (said,) = verdict.notes["other"]
    assert "more (no tap of 'torch')" in said
    assert "h3 (another shape in 'torch')" in said
    assert "h2 (it has no such tap)" in said
    assert verdict.notes["untapped"] == (
        "is not isolated: it has no tap; h = gradcmp.tap('h', h) makes one",
    )


def test_nothing_to_isolate_is_said_with_the_way_out():
    functions = {"bare": untapped, "torch": NET["torch"]()}
    verdict = isolated(functions)
    assert not verdict.isolated
    assert verdict.notes == {
        "bare": ("is not isolated: it has no tap; h = gradcmp.tap('h', h) makes one",),
        "torch": ("is not isolated: no other function shares a tap with it",),
    }
    verdict = isolated({"one": untapped, "other": untapped})
    assert not verdict.isolated
    assert all("gradcmp.tap" in said for (said,) in verdict.notes.values())


def test_other_derivatives_are_not_isolated():
    functions = {"one": NET["torch"](), "other": NET["torch"]()}
    with pytest.raises(UsageError, match="hvp"):
        isolated(functions, derivative="hvp", layouts="auto")
