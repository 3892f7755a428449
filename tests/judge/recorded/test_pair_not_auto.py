"""Which rule judged where auto was asked for, and why not auto; never where auto did."""

from dataclasses import replace

import numpy as np
import pytest
from test_pair import PAIR, loose, of, square

from gradcmp.case import Auto, DTypeTable, Expression
from gradcmp.judge import judge
from gradcmp.judge.recorded.pair import judge_pair
from gradcmp.recording import Failure

RNG = np.random.default_rng(8)
W = RNG.standard_normal((4, 3))


def other_graph():
    one = square()
    case = replace(one.origin.case, graph={"Y": Expression("X ** 2")})
    return replace(one, origin=replace(one.origin, case=case))


def test_two_files_have_no_graph():
    verdict = judge_pair(PAIR, loose(d=W), loose(d=W), Auto())
    assert "no graph" in verdict.not_auto
    assert verdict.case.tolerance == DTypeTable()


def test_two_graphs_have_no_common_noise():
    assert "different graphs" in judge_pair(PAIR, other_graph(), square(), Auto()).not_auto


def test_lost_inputs_are_told():
    assert "inputs" in judge_pair(PAIR, square(), square(), Auto()).not_auto
    mine = loose(**{"d X": square().gradients["X"]})
    assert "inputs" in judge_pair(PAIR, mine, square(), Auto()).not_auto


def test_a_reference_that_failed_is_told():
    recording = square()
    lost = Failure("numpy", "crashed", "it crashed")
    verdict = judge(
        replace(recording.origin.case, tolerance=Auto()),
        "numpy",
        {"numpy": lost, "torch": recording},
    )
    assert "reference" in verdict.not_auto


def test_where_auto_judges_or_was_not_asked_for_nothing_is_said():
    known = of(square("float64"), "numpy", given={})
    assert judge_pair(PAIR, square(), known, Auto()).not_auto == ""
    assert judge_pair(PAIR, loose(Y=known.values["Y"]), known, Auto()).not_auto == ""
    assert judge_pair(PAIR, loose(d=W), loose(d=W), DTypeTable()).not_auto == ""


@pytest.mark.parametrize(
    ("small", "told"),
    [
        (1e-6 * RNG.standard_normal(3), True),
        (np.ones(3), False),  # not small
    ],
)
def test_what_may_be_zero_in_theory_is_told(small, told):
    off = small + 1e-4 * RNG.standard_normal(3)
    verdict = judge_pair(PAIR, loose(w=W, b=off), loose(w=W, b=small), Auto())
    assert not verdict.agrees
    assert ("zero in theory" in verdict.comparisons[PAIR]["b"].verdict.detail) is told


def test_what_has_a_cause_is_no_zero():
    small = 1e-5 * np.arange(1.0, 6.0)
    verdict = judge_pair(PAIR, loose(w=1e3 * W, b=-small), loose(w=1e3 * W, b=small), Auto())
    assert verdict.findings[PAIR]["b"].causes
    assert verdict.comparisons[PAIR]["b"].verdict.detail == ""
