"""Each part of a function alone: the wrong one is named, and no other."""

import pytest
from isolated_nets import INPUTS, TAPS, nets
from surroundings import framework

import gradcmp
from gradcmp.errors import UsageError
from gradcmp.report.screen.matrix import alone

torch, tf, jax = map(framework, ("torch", "tensorflow", "jax"))
pytestmark = pytest.mark.frameworks
NET = {name: nets(name) for name in ("torch", "jax", "tensorflow", "numpy")}
WRONG = {
    "forward": ("wrong input only", "wrong", "wrong input only", "wrong input only"),
    "backward": ("wrong input only", "wrong", "right", "right"),
}


def isolated(functions, **options):
    options = {"layouts": "off", "isolate": True, **options}
    return gradcmp.compare_functions(functions, INPUTS, **options)


def states(verdict, label):
    return {part: alone(verdict, part, label)[1] for part in verdict.isolated}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_right_nets_are_right_in_each_part(dtype):
    functions = {"jax": NET["jax"](), "tensorflow": NET["tensorflow"](), "torch": NET["torch"]()}
    verdict = isolated(functions, dtype=dtype)
    assert verdict.agrees
    assert [*verdict.isolated] == [*TAPS, "output"]
    for label in functions:
        assert {*states(verdict, label).values()} == {"right"}, label
    for part in verdict.isolated.values():
        assert part.agrees
        assert part.comparisons


@pytest.mark.parametrize(
    ("home", "bug", "dtype", "only"),
    [
        ("torch", "backward", "float32", ""),
        ("jax", "backward", "float32", "float32"),
        ("tensorflow", "forward", "float32", ""),
        ("tensorflow", "backward", "bfloat16", "bfloat16"),
        pytest.param("torch", "forward", "float32", "float32", marks=pytest.mark.thorough),
        pytest.param("torch", "backward", "bfloat16", "", marks=pytest.mark.thorough),
        pytest.param("jax", "forward", "float32", "", marks=pytest.mark.thorough),
        pytest.param("jax", "backward", "bfloat16", "bfloat16", marks=pytest.mark.thorough),
        pytest.param("tensorflow", "backward", "float32", "", marks=pytest.mark.thorough),
        pytest.param("tensorflow", "forward", "float32", "float32", marks=pytest.mark.thorough),
    ],
)
def test_the_wrong_part_is_named_and_no_other(home, bug, dtype, only):
    verdict = isolated({"spoiled": NET[home](bug, only), "right": NET["torch"]()}, dtype=dtype)
    assert tuple(states(verdict, "spoiled").values()) == WRONG[bug]
    assert {*states(verdict, "right").values()} == {"right"}
    assert [part for part, one in verdict.isolated.items() if one.disagreements] == ["h2"]
    assert not verdict.agrees


def test_what_a_part_is_made_of_is_told_by_its_gradients():
    verdict = isolated({"jax": NET["jax"](), "torch": NET["torch"]()})
    assert {part: {*one.edges[part]} for part, one in verdict.isolated.items()} == {
        "h1": {"x", "w1"},
        "h2": {"h1", "w2"},
        "h3": {"h2", "w3"},
        "output": {"h3"},
    }


def branches(wrong=1.0):
    """Two parts read one input, and one of them has a wrong gradient."""

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, dy):
            return 2 * wrong * dy

    def function(x):
        left = gradcmp.tap("left", torch.tanh(x))
        right = gradcmp.tap("right", Scaled.apply(x))
        return (left * right).sum()

    return function


def test_of_two_parts_that_read_an_input_the_wrong_one_is_named():
    functions = {"wrong": branches(1.5), "fine": branches()}
    verdict = gradcmp.compare_functions(functions, {"x": "normal:6x5"}, layouts="off", isolate=True)
    assert states(verdict, "wrong") == {
        "left": "wrong input only",
        "right": "wrong",
        "output": "right",
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
    assert verdict.notes["untapped"] == ("is not isolated: it has no tap",)


@pytest.mark.parametrize(
    ("functions", "said"),
    [
        ({"bare": untapped, "torch": NET["torch"]()}, "it has no tap"),
        ({"one": untapped, "other": untapped}, "it has no tap"),
    ],
)
def test_nothing_to_isolate_is_an_error_that_says_how_to_tap(functions, said):
    with pytest.raises(UsageError, match=said) as caught:
        isolated(functions)
    assert "gradcmp.tap" in str(caught.value)


def test_other_derivatives_are_not_isolated():
    functions = {"one": NET["torch"](), "other": NET["torch"]()}
    with pytest.raises(UsageError, match="hvp"):
        isolated(functions, derivative="hvp", layouts="auto")


class Block(torch.nn.Module):
    """Modules are taps, the one in place and the one that returns a tuple as well."""

    def __init__(self, wrong=1.0):
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Linear(5, 7)
        self.bend = torch.nn.ReLU(inplace=True)
        self.memory = torch.nn.GRU(7, 4)
        self.last = torch.nn.Linear(4, 3)
        self.wrong = wrong

    def forward(self, x):
        h, _ = self.memory(self.bend(self.first(x)))
        if h.requires_grad and self.wrong != 1:
            h = h + (self.wrong - 1) * (h - h.detach())  # the same value, another gradient
        return self.last(h)


def test_modules_are_isolated_by_their_names():
    functions = {"wrong": Block(1.5), "right": Block()}
    verdict = gradcmp.compare_functions(
        functions, {"x": "normal:3x6x5"}, layouts="off", isolate=True
    )
    parts = states(verdict, "wrong")
    assert [*parts] == ["first", "bend", "memory.0", "memory.1", "last", "output"]
    assert [name for name, state in parts.items() if state == "wrong"] == ["last"]
    assert verdict.isolated["last"].edges["last"] == ("last.weight", "last.bias", "memory.0")


def test_compiled_modes_with_taps_are_isolated():
    functions = {
        "tensorflow:graph": NET["tensorflow"]("backward"),
        "jax:jit": NET["jax"](),
        "torch": NET["torch"](),
    }
    verdict = isolated(functions)
    assert [p for p, s in states(verdict, "tensorflow:graph").items() if s == "wrong"] == ["h2"]
    assert {*states(verdict, "jax:jit").values()} == {"right"}
