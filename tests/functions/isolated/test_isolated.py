"""Each part of a function alone: the wrong one is named, and no other."""

import json
import re
from pathlib import Path

import pytest
from isolated_nets import INPUTS, TAPS, isolated, nets, source, states
from surroundings import framework

import gradcmp
from gradcmp.cli import main
from gradcmp.errors import ExitCode

torch, tf, jax = map(framework, ("torch", "tensorflow", "jax"))
pytestmark = pytest.mark.frameworks
NET = {name: nets(name) for name in ("torch", "jax", "tensorflow", "numpy")}
WRONG = {
    "forward": ("wrong input only", "wrong", "wrong input only", "wrong input only"),
    "backward": ("wrong input only", "wrong", "right", "right"),
}


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
        ("torch", "backward", "bfloat16", "bfloat16"),
        pytest.param("torch", "forward", "float32", "float32", marks=pytest.mark.thorough),
        pytest.param("tensorflow", "backward", "bfloat16", "bfloat16", marks=pytest.mark.thorough),
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


def doubling(wrong):
    """Return x -> 2 x, whose gradient is off by a factor."""

    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, dy):
            return 2 * wrong * dy

    return Doubled.apply


def branches(wrong=1.0):
    """Two parts read one input, and one of them has a wrong gradient."""
    doubled = doubling(wrong)

    def function(x):
        left = gradcmp.tap("left", torch.tanh(x))
        right = gradcmp.tap("right", doubled(x))
        return (left * right).sum()

    return function


def test_of_two_parts_that_read_an_input_the_wrong_one_is_named():
    functions = {"wrong": branches(1.5), "fine": branches()}
    verdict = gradcmp.compare_functions(functions, {"x": "normal:6x5"}, layouts="off", isolate=True)
    assert states(verdict, "wrong") == {
        "left": "right",
        "right": "wrong",
        "output": "right",
    }


def doubled_twice(wrong=1.0, limit=0.0):
    """Two parts that read one input; its gradient, which is 4, may be clamped as a whole."""
    doubled = doubling(wrong)

    def function(x):
        if limit:
            x = 1 * x
            x.register_hook(lambda dx: dx.clamp(-limit, limit))
        left, right = gradcmp.tap("left", 2 * x), gradcmp.tap("right", doubled(x))
        return left.sum() + right.sum()

    return function


@pytest.mark.parametrize("others", [{}, {"scaled": doubled_twice(1.5)}], ids=["alone", "beside"])
def test_who_is_wrong_in_no_part_alone_is_cleared_by_nobody_else(others):
    functions = {**others, "clamped": doubled_twice(limit=3.0), "fine": doubled_twice()}
    verdict = gradcmp.compare_functions(functions, {"x": "normal:6x5"}, layouts="off", isolate=True)
    parts = states(verdict, "clamped")
    assert parts["left"] == parts["right"] == "wrong"
    if others:
        assert states(verdict, "scaled") == {"left": "right", "right": "wrong", "output": "right"}


class Two(torch.nn.Module):
    """A module that returns a tuple."""

    def forward(self, x):
        return torch.tanh(x), 2 * x


class Block(torch.nn.Module):
    """Modules are taps: also one that works in place, and one that returns a tuple."""

    def __init__(self, wrong=1.0):
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Linear(5, 7)
        self.bend = torch.nn.ReLU(inplace=True)
        self.two = Two()
        self.last = torch.nn.Linear(7, 3)
        self.wrong = wrong

    def forward(self, x):
        one, other = self.two(self.bend(self.first(x)))
        if self.wrong != 1:
            one = one + (self.wrong - 1) * (one - one.detach())  # the value is right
        return self.last(one * other)


def test_modules_are_isolated_by_their_names():
    functions = {"wrong": Block(1.5), "right": Block()}
    verdict = gradcmp.compare_functions(functions, {"x": "normal:6x5"}, layouts="off", isolate=True)
    parts = states(verdict, "wrong")
    assert [*parts] == ["first", "bend", "two.0", "two.1", "last", "output"]
    assert [name for name, state in parts.items() if state == "wrong"] == ["last"]
    assert {*verdict.isolated["last"].edges["last"]} == {
        "last.weight",
        "last.bias",
        "two.0",
        "two.1",
    }


@pytest.mark.parametrize("bug", ["", pytest.param("backward", marks=pytest.mark.thorough)])
def test_compiled_modes_whose_taps_are_seen_are_isolated(bug):
    functions = {
        "tensorflow:graph": NET["tensorflow"](bug),
        "jax:jit": NET["jax"](),
        "torch": NET["torch"](),
    }
    verdict = isolated(functions)
    wrong = [
        part for part, state in states(verdict, "tensorflow:graph").items() if state == "wrong"
    ]
    assert wrong == (["h2"] if bug else [])
    assert {*states(verdict, "jax:jit").values()} == {"right"}


PAGE = Path(__file__).parents[3] / "docs" / "functions.md"


def written(beginning):
    """Return the screen of the manual that begins so."""
    return re.search(
        rf"^```text\n({beginning}.*?)^```$", PAGE.read_text("utf-8"), re.S | re.M
    ).group(1)


CONFIG = """
name: net
inputs: {x: normal:6x5, w1: normal:5x7, w2: normal:7x7, w3: normal:7x3}
code:
  port: {torch: torch_nets.py:backward}
  original: {torch: torch_nets.py:right}
reference: original
layouts: "off"
"""


def test_workers_isolate_as_well(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "torch_nets.py").write_text(source("torch"))
    (tmp_path / "net.yaml").write_text(CONFIG)
    assert main(["run", "net.yaml", "--isolate", "--report", "json=out.json"]) == ExitCode.DISAGREE
    assert written("each part alone") in capfd.readouterr().out  # as the manual says
    (case,) = json.loads((tmp_path / "out.json").read_text())["cases"]
    found = {part: one["verdict"] for part, one in case["isolated"].items()}
    assert found == {"h1": "agree", "h2": "disagree", "h3": "agree", "output": "agree"}


@pytest.mark.thorough
def test_a_call_isolates_where_it_is_asked_to(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "torch_nets.py").write_text(source("torch"))
    given = [text for name, spec in INPUTS.items() for text in ("-i", f"{name}={spec}")]
    asked = ["call", "torch_nets.py:forward", "--against", "torch_nets.py:right", *given]
    assert main([*asked, "--layouts", "off", "--isolate"]) == ExitCode.DISAGREE
    lines = [line.split() for line in capfd.readouterr().out.splitlines()]
    assert ["h2", "✓", "right", "✗", "wrong"] in lines
