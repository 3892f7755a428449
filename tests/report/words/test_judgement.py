"""What tolerance auto says on screen: reason, multiple of the noise, cause, side."""

import json
import math
from dataclasses import replace

import pytest

from gradcmp.case import Auto
from gradcmp.judge.blame import Group, Groups
from gradcmp.judge.comparison import Element, Noise, Statistics, Verdict
from gradcmp.judge.mutation.mutants import MUTANTS
from gradcmp.judge.verdict import Cause, Divergence, Finding, Pair, Sensitivity
from gradcmp.report.json import report
from gradcmp.report.screen.table import CaseTable
from gradcmp.report.words.weak import FEW, UNNOTICED, listed

PAIR = Pair("torch", "numpy")
NOISE = Noise(20.0, 3.0, 8.0, 6.0, 4e5, 5.4, 6.7)
WORST = Element((1, 2), 1.0, 1.0001, 1e-4, 1e-4, 53.5, 4e-5)


def with_comparisons(verdict, changes, **facts):
    by = dict(verdict.comparisons[PAIR])
    for name, change in changes.items():
        said = {what: change[what] for what in ("verdict", "disagreeing") if what in change}
        measured = {what: one for what, one in change.items() if what not in said}
        by[name] = replace(by[name].with_measured(**measured), **said)
    case = replace(verdict.case, tolerance=Auto())
    comparisons = {**verdict.comparisons, PAIR: by}
    return replace(verdict, case=case, comparisons=comparisons, **facts)


@pytest.fixture
def bug(make):
    wrong = {
        "verdict": Verdict(False, "bug", "in float64 the difference stays: it is not rounding"),
        "noise": NOISE,
        "worst": WORST,
        "statistics": Statistics(total=6, max_ulp=53.5),
        "disagreeing": 1,
    }
    found = Finding((Cause("the sign is flipped", 0.7),), "torch")
    first = Divergence(None, "d node1")
    return with_comparisons(
        make(("numpy", "torch")),
        {"d node1": wrong, "d Y": wrong},
        findings={PAIR: {"d Y": found}},
        divergences={PAIR: {"d node1": first, "d Y": first}},
    )


def test_a_bug_in_a_sentence(bug, show):
    text = " ".join(show(CaseTable(bug, True), 100).split())
    assert (
        "✗ BUG d Y[1,2] 20 × noise (limit 8), 54 ULP, 5.4 digits agree of 6.7 expected "
        "(torch – numpy); in float64 the difference stays: it is not rounding; wrong: torch; "
        "first divergence: at node 'node1', in the backward pass (its value agrees)" in text
    )
    assert (
        "first divergence: here, in the backward pass; the values that it is made from agree"
        in text
    )
    assert "likely cause: the sign is flipped" in text
    assert "d Y bug 20× ✗ 54" in text


@pytest.mark.parametrize("digits", [-0.3, 0.0, 0.04])
def test_fewer_digits_than_none_cannot_agree(bug, show, digits):
    changed = {"d Y": {"noise": replace(NOISE, digits=digits)}}
    text = " ".join(show(CaseTable(with_comparisons(bug, changed), True), 100).split())
    assert "no digit agrees of 6.7 expected" in text
    assert f"{digits:.1f} digits" not in text


def test_values_that_nobody_compared_are_not_said_to_agree(bug, show):
    gradients = {n: c for n, c in bug.comparisons[PAIR].items() if n.startswith("d ")}
    alone = replace(bug, comparisons={PAIR: gradients})
    text = " ".join(show(CaseTable(alone, True), 100).split())
    assert "first divergence: here, in the backward pass" in text
    assert "first divergence backward, at d node1 worst" in text
    assert "agrees)" not in text
    assert "values agree" not in text
    assert "that it is made from agree" not in text


def test_a_warning_is_no_plain_success(make, show):
    note = {"verdict": Verdict(True, "note", "in float64 a difference stays"), "noise": NOISE}
    verdict = with_comparisons(make(("numpy", "torch")), {"d Y": {**note, "worst": WORST}})
    text = show(CaseTable(verdict, True), 100)
    assert text.startswith("! seed: numpy and torch agree in 9 tensors, with a warning: a real ")
    assert "! NOTE  d Y[1,2]" in text
    strict = replace(verdict, case=replace(verdict.case, strict=True))
    assert show(CaseTable(strict), 100).startswith("✗ seed: under strict: a real difference hides")


def test_a_weak_check_is_named_with_what_would_go_unnoticed(make, show):
    teeth = {"d Y": Sensitivity({"zero": 1.0}), "d X": Sensitivity()}
    text = show(CaseTable(with_comparisons(make(("numpy", "torch")), {}, sensitivity=teeth)), 100)
    assert text.startswith("! seed: numpy and torch agree in 9 tensors, by 1 weak check\n")
    assert "weak check        d Y: a gradient of zero would go unnoticed" in text
    assert "d X:" not in text


def test_an_upper_bound_is_called_one(make, show):
    settled = {
        "verdict": Verdict(True, "rounding"),
        "noise": replace(NOISE, multiple=1.9, bound=True),
    }
    verdict = with_comparisons(make(("numpy", "torch")), {"d Y": {**settled, "worst": WORST}})
    assert "rounding <1.9×" in show(CaseTable(verdict), 100)


def test_a_direction_that_is_off_is_told(make, show, verdicts):
    verdict = verdicts["hidden"]
    (pair, name, wrong), *_ = verdict.disagreements
    for cosine, told in ((-1.0, True), (1.0, False)):
        counted = replace(wrong.statistics, aa=4.0, ee=4.0, ae=4 * cosine)
        changed = wrong.with_measured(statistics=counted)
        by = {**verdict.comparisons[pair], name: changed}
        found = replace(verdict, comparisons={**verdict.comparisons, pair: by})
        assert (
            "cosine -1.000000, norms 2 and 2" in " ".join(show(CaseTable(found, True)).split())
        ) is told


def grouped(bug, *groups, truth=(0.0, 0.0)):
    """Return the sentences of a verdict whose backends have computed several things."""
    return replace(bug, groups={"d Y": Groups((1, 2), groups, truth)})


def test_who_computed_the_same_and_who_is_wrong_is_told(bug, show):
    wrong = Group(("numpy", "torch", "jax"), math.nan, True)
    verdict = grouped(bug, wrong, Group(("tensorflow",), 0.0, False))
    assert (
        "at [1,2] NaN: numpy, torch, jax; 0: tensorflow; the derivative is 0: wrong are numpy "
        "(the reference), torch, jax" in " ".join(show(CaseTable(verdict, True), 100).split())
    )


@pytest.mark.parametrize(
    ("wrong", "truth", "words"),
    [
        (True, (2.0, 2.0), "1: numpy, jax; 1.0001: torch; the derivative is 2: wrong is torch"),
        (None, (0.0, 2.0), "1: numpy, jax; 1.0001: torch; 0 to 2 would be right"),
        (None, None, "1: numpy, jax; 1.0001: torch"),
        (True, None, "1: numpy, jax; 1.0001: torch; wrong is torch"),
    ],
)
def test_groups_are_told_apart_by_as_many_digits_as_it_takes(wrong, truth, words, bug, show):
    both = Group(("numpy", "jax"), 1.0, False), Group(("torch",), 1.0001, wrong)
    text = " ".join(show(CaseTable(grouped(bug, *both, truth=truth), True), 100).split())
    assert f"at [1,2] {words} " in text


def test_of_two_the_sentence_has_said_it_unless_the_reference_is_wrong(bug, show):
    for reference_is_wrong in (True, False):
        one = Group(("numpy",), 1.0, reference_is_wrong)
        verdict = grouped(bug, one, Group(("torch",), 2.0, not reference_is_wrong))
        assert ("at [1,2] 1: numpy" in show(CaseTable(verdict, True), 100)) is reference_is_wrong


def test_groups_are_in_the_report_for_programs(bug):
    verdict = grouped(bug, Group(("numpy",), math.nan, True), Group(("torch",), 0.0, None))
    (case,) = json.loads(report([verdict]))["cases"]
    assert case["groups"] == {
        "d Y": {
            "index": [1, 2],
            "derivative": [0.0, 0.0],
            "groups": [
                {"labels": ["numpy"], "value": "NaN", "wrong": True},
                {"labels": ["torch"], "value": 0.0, "wrong": None},
            ],
            "wrong": ["numpy"],
        }
    }


def test_a_line_names_a_few_weak_checks_and_counts_the_rest(make):
    few = {f"d x{i}": Sensitivity({"zero": 1.0}) for i in range(FEW)}
    verdict = with_comparisons(make(("numpy", "torch")), {}, sensitivity=few)
    assert listed(verdict).count("is a weak check") == FEW
    more = replace(verdict, sensitivity={**few, "d y": Sensitivity({"zero": 1.0})})
    assert listed(more).endswith(". And 1 more")
    assert listed(replace(verdict, sensitivity={"d X": Sensitivity()})) == ""


def test_every_mutant_has_its_words():
    assert {*MUTANTS} < {*UNNOTICED}
