"""Each node alone: who is wrong there, and who only handed on what was wrong before."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

from gradcmp.report.screen.matrix import alone
from gradcmp.report.screen.table import CaseTable

EDGES = {"node1": ("X", "Y"), "node2": ("node1", "Z"), "node3": ("node2",)}


@pytest.fixture
def verdict(make, flip):
    """torch's node1 is wrong by itself; in the whole run it and node2 are wrong, and d X."""
    wrong = {("torch", "numpy", name): flip() for name in ("node1", "node2", "d X")}
    whole = make(("numpy", "torch", "jax"), wrong)
    spoilt = make(("numpy", "torch", "jax"), {("torch", "numpy", "d X"): flip()})
    right = make(("numpy", "torch", "jax"))
    isolated = {"node1": spoilt, "node2": right, "node3": right}
    return dataclasses.replace(whole, isolated=isolated, edges=EDGES)


def test_wrong_right_and_wrong_input_only(verdict):
    found = {
        (node, label): alone(verdict, node, label)[1]
        for node in EDGES
        for label in ("torch", "jax")
    }
    assert found == {
        ("node1", "torch"): "wrong",
        ("node1", "jax"): "right",
        ("node2", "torch"): "wrong input only",
        ("node2", "jax"): "right",
        ("node3", "torch"): "right",
        ("node3", "jax"): "right",
    }


def test_the_screen_has_a_row_for_each_node_and_a_column_for_each_backend(verdict):
    file = io.StringIO()
    Console(file=file, width=80, color_system=None).print(CaseTable(verdict))
    lines = file.getvalue().splitlines()
    place = lines.index("each node alone, on the reference's operands and cotangent")
    assert lines[place + 1].split() == ["node", "torch", "jax"]
    assert lines[place + 2].split() == ["node1", "✗", "wrong", "✓", "right"]
    assert lines[place + 3].split() == ["node2", "≠", "wrong", "input", "only", "✓", "right"]


def test_who_was_not_compared_alone_does_not_look_right(verdict):
    lost = {
        node: dataclasses.replace(one, comparisons={}) for node, one in verdict.isolated.items()
    }
    missing = dataclasses.replace(verdict, isolated=lost)
    assert {alone(missing, node, "torch")[1] for node in EDGES} == {"not isolated"}


def test_what_is_wrong_in_the_whole_alone_is_not_cleared(make, flip):
    whole = make(("numpy", "torch"), {("torch", "numpy", "d node1"): flip()})
    right = make(("numpy", "torch"))
    verdict = dataclasses.replace(whole, isolated=dict.fromkeys(EDGES, right), edges=EDGES)
    found = [alone(verdict, node, "torch")[1] for node in EDGES]
    assert found == ["right", "wrong, not by itself", "right"]


def test_a_part_that_no_gradient_reaches_was_not_tested(make):
    right = dataclasses.replace(make(("numpy", "torch")), edges={"h": ()})
    case = dataclasses.replace(right.case, graph={})
    verdict = dataclasses.replace(right, case=case, isolated={"h": right})
    assert alone(verdict, "h", "torch")[1] == "not tested backwards"
    reached = dataclasses.replace(right, edges={"h": ("X",)})
    assert alone(dataclasses.replace(verdict, isolated={"h": reached}), "h", "torch")[1] == "right"
