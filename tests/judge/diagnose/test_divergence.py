"""Where two backends first part: told for each tensor, among those that it is made from."""

from dataclasses import replace

import pytest
from autocases import PAIR, case, draw, verdict

from gradcmp.case import Fixed
from gradcmp.graph import build
from gradcmp.judge.comparison import Comparison, Verdict
from gradcmp.judge.diagnose.divergence import divergences
from gradcmp.judge.verdict import Divergence

TWO = case(a="exp(x)", b="a * x", c="tanh(y)", d="c * y", out="sum(b) + sum(d)")
RIGHT = Comparison(Verdict(True, "exact"), "a = e")
WRONG = Comparison(Verdict(False, "bug"), "a = e")
VALUES = ("a", "b", "c", "d", "out")
GRADIENTS = ("d out", "d d", "d c", "d b", "d a", "d y", "d x")


def parted(*wrong, there=TWO):
    names = (*VALUES, *GRADIENTS)
    return divergences(build(there), {name: WRONG if name in wrong else RIGHT for name in names})


def test_two_independent_bugs_are_not_confused():
    """A wrong value in one branch, a wrong gradient in the other."""
    found = parted("a", "b", "out", "d c", "d y")
    assert found == {
        "a": Divergence("a", None),
        "b": Divergence("a", None),
        "out": Divergence("a", None),
        "d c": Divergence(None, "d c"),
        "d y": Divergence(None, "d c"),
    }


def test_two_wrong_values_are_not_confused():
    found = parted("a", "b", "c", "d", "out")
    assert [found[name].origin for name in ("b", "d")] == ["a", "c"]
    assert found["out"].origin == "a"  # from both; the first in the order of the graph


def test_two_wrong_gradients_are_not_confused():
    found = parted("d c", "d a", "d y", "d x")
    assert [found[name].origin for name in ("d y", "d x")] == ["d c", "d a"]


def test_a_gradient_that_reads_a_wrong_value_began_with_it():
    """``b = a x``: its pullback gives d x from a, which exp has got wrong."""
    found = parted("a", "d x", "d y")
    assert found["d x"] == Divergence("a", "d x")
    assert found["d y"] == Divergence(None, "d y")


def test_what_is_missing_has_not_parted():
    gone = Comparison(Verdict(False, "missing"), "a = e")
    by = {name: RIGHT for name in (*VALUES, *GRADIENTS)}
    found = divergences(build(TWO), {**by, "d d": gone, "d c": gone, "d y": WRONG})
    assert found == {"d y": Divergence(None, "d y")}


def test_a_value_that_agrees_hands_nothing_on():
    """The pullback of ``out`` reads b, which came out right although a did not."""
    assert parted("a", "d b")["d b"] == Divergence(None, "d b")


def test_the_order_is_that_of_the_graph_whatever_the_recording_has():
    """Adapters give gradients in the order of the values, inputs first."""
    names = ("a", "d x", "d a", "d b")
    there = {name: WRONG for name in names if name != "a"}
    assert divergences(build(TWO), there)["d x"].origin == "d b"


def test_nothing_parts_where_all_agrees():
    assert parted() == {}


def test_what_the_graph_does_not_know_parts_where_it_is():
    assert divergences(build(TWO), {"z": WRONG, "d z": WRONG}) == {
        "z": Divergence("z", None),
        "d z": Divergence(None, "d z"),
    }


@pytest.mark.parametrize(
    ("wrong", "tensor", "origin"),
    [
        ({"c": "tanh(y * 1.01)"}, "d y", "c"),
        ({"c": "tanh(y * 1.01)"}, "out", "c"),
        ({"a": "exp(x) * 1.01"}, "d x", "a"),
        ({"a": "exp(x) * 1.01"}, "b", "a"),
    ],
)
def test_the_judge_names_the_node_that_was_spoiled(wrong, tensor, origin):
    there = replace(TWO, tolerance=Fixed(1e-5, 1e-6))
    other = {name: wrong.get(name, expression.text) for name, expression in TWO.graph.items()}
    judged = verdict(there, draw(there), wrong=case(**other))
    assert judged.divergences[PAIR][tensor].origin == origin
    assert not {"b", "d a", "d b"} & judged.divergences[PAIR].keys() or origin == "a"
