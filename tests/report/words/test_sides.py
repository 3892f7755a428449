"""The reference has no privilege: beside one that is wrong, the right sides are not red."""

from __future__ import annotations

import dataclasses

import pytest

from gradcmp.judge.blame import Group, Groups, Ruling
from gradcmp.judge.comparison import Verdict
from gradcmp.judge.verdict import Finding, Pair
from gradcmp.report import REPORTS, report_named
from gradcmp.report.page.matrix import columns, row
from gradcmp.report.screen.matrix import matrix
from gradcmp.report.words.ink import DISAGREE, Ink
from gradcmp.report.words.sides import level_beside, wrong_in

LABELS = ("numpy", "torch", "jax")
PAIRS = [Pair("torch", "numpy"), Pair("jax", "numpy"), Pair("jax", "torch")]
NAME = "d Y"


@pytest.fixture
def blaming(make, flip):
    """A verdict in which these are wrong, and everybody else differs from them."""

    def made(*wrong, named=True):
        apart = {
            (pair.actual, pair.expected, NAME): flip()
            for pair in PAIRS
            if (pair.actual in wrong) != (pair.expected in wrong)
        }
        right = tuple(label for label in LABELS if label not in wrong)
        groups = Groups((1, 1), (Group(wrong, -3.5, named or None), Group(right, 3.5, False)))
        return dataclasses.replace(make(LABELS, apart), groups={NAME: groups})

    return made


def red(verdict):
    """The labels of the columns that have a red cell in the row of the tensor."""
    ink = Ink.on(*console())
    (table,) = matrix(ink, verdict, PAIRS[:2], verdict.tensors, False)
    heads = [column[0].plain.split("\n")[0] for column in table]
    line = 1 + verdict.tensors.index(NAME)
    return {
        head
        for head, column in zip(heads, table, strict=True)
        if column[line].style == DISAGREE or column[line].plain.startswith("✗")
    }


def console():
    from rich.console import Console

    made = Console(width=100, color_system=None)
    return made, made.options


@pytest.mark.parametrize("wrong", [("numpy",), ("torch",), ("jax",), ("torch", "jax")])
def test_on_screen_only_who_is_wrong_is_red(blaming, wrong):
    assert red(blaming(*wrong)) == {*wrong}


def test_where_both_sides_are_wrong_both_are_red(blaming):
    assert red(blaming("numpy", "torch")) == {"numpy"}
    verdict = blaming("numpy", "torch")
    apart = {**verdict.comparisons[PAIRS[0]], NAME: verdict.comparisons[PAIRS[1]][NAME]}
    comparisons = {**verdict.comparisons, PAIRS[0]: apart}
    assert red(dataclasses.replace(verdict, comparisons=comparisons)) == {"numpy", "torch"}


def test_where_nobody_is_named_whoever_differs_from_the_reference_is_red(blaming):
    assert red(blaming("numpy", named=False)) == {"torch", "jax"}
    assert not wrong_in(blaming("numpy", named=False))


def test_a_finding_names_where_no_groups_do(make, flip):
    verdict = make(("numpy", "torch"), {("torch", "numpy", NAME): flip()})
    finding = Finding((), "numpy", Ruling(("numpy",)))
    verdict = dataclasses.replace(verdict, findings={PAIRS[0]: {NAME: finding}})
    assert verdict.wrong_sides(PAIRS[0], NAME) == ("numpy",)
    assert level_beside(verdict, PAIRS[0], NAME) == "apart"
    assert level_beside(verdict, PAIRS[0], "d X") == "agree"


@pytest.mark.parametrize(
    ("wrong", "letters", "reference"),
    [(("numpy",), "drr", True), (("torch",), "oda", False), (("jax",), "oad", False)],
)
def test_in_the_matrix_of_the_page(blaming, wrong, letters, reference):
    verdict = blaming(*wrong)
    assert columns([verdict]) == LABELS
    found = row(verdict, LABELS)
    assert "".join(cell.letter for cell in found.cells) == letters
    assert found.letter == "d"
    if reference:
        assert found.cells[0].text == "numpy is wrong in d Y"
        assert found.cells[1].text.endswith("; wrong: numpy")


def test_a_pair_with_another_fault_stays_red(blaming, flip):
    verdict = blaming("numpy")
    spoiled = {**verdict.comparisons[PAIRS[0]], "d X": flip()}
    verdict = dataclasses.replace(verdict, comparisons={**verdict.comparisons, PAIRS[0]: spoiled})
    assert [cell.letter for cell in row(verdict, LABELS).cells] == ["d", "d", "r"]


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_still_fails(blaming, name):
    verdict = blaming("numpy")
    assert verdict.exit_code == 1
    assert report_named(name)([verdict])


@pytest.mark.parametrize("alone", [False, True])
def test_who_is_wrong_together_with_the_reference_is_red_where_others_are_right(blaming, alone):
    """A NaN of both warns between the two; where nobody has another number, it stays a warning."""
    verdict = blaming("numpy", "torch")
    both = verdict.comparisons[PAIRS[0]][NAME]
    both = dataclasses.replace(both, verdict=Verdict(True, "non-finite", "NaN in both"))
    pairs = {PAIRS[0]: {**verdict.comparisons[PAIRS[0]], NAME: both}}
    verdict = dataclasses.replace(
        verdict, comparisons=pairs if alone else {**verdict.comparisons, **pairs}
    )
    assert level_beside(verdict, PAIRS[0], NAME) == ("warn" if alone else "disagree")
    found = row(verdict, ("torch",))
    assert found.cells[0].letter == ("w" if alone else "d")
    assert found.cells[0].text.endswith("; wrong: torch and numpy") is not alone
    if not alone:
        assert red(verdict) == {"numpy", "torch"}
