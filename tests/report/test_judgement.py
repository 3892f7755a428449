"""What tolerance auto says on screen: reason, multiple of the noise, cause, side."""

from dataclasses import replace

import pytest

from gradcmp.case import Auto
from gradcmp.judge.comparison import Element, Noise, Statistics, Verdict
from gradcmp.judge.verdict import Cause, Divergence, Finding, Pair, Sensitivity
from gradcmp.report.table import CaseTable

PAIR = Pair("torch", "numpy")
NOISE = Noise(20.0, 3.0, 8.0, 6.0, 4e5, 5.4, 6.7)
WORST = Element((1, 2), 1.0, 1.0001, 1e-4, 1e-4, 53.5, 4e-5)


def with_comparisons(verdict, changes, **facts):
    by = dict(verdict.comparisons[PAIR])
    for name, change in changes.items():
        by[name] = replace(by[name], **change)
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
    text = " ".join(show(CaseTable(bug), 100).split())
    assert (
        "✗ BUG d Y[1,2] 20 × noise (limit 8), 54 ULP, 5.4 digits agree of 6.7 expected "
        "(torch – numpy); in float64 the difference stays: it is not rounding; side: torch; "
        "they first part at node 'node1', going backward (its value agrees)" in text
    )
    assert "they first part here, going backward; the values that it is made from agree" in text
    assert "likely cause: the sign is flipped" in text
    assert "d Y bug 20× ✗ 54" in text


def test_values_that_nobody_compared_are_not_said_to_agree(bug, show):
    gradients = {n: c for n, c in bug.comparisons[PAIR].items() if n.startswith("d ")}
    alone = replace(bug, comparisons={PAIR: gradients})
    text = " ".join(show(CaseTable(alone), 100).split())
    assert "they first part here, going backward" in text
    assert "its value agrees" not in text
    assert "that it is made from agree" not in text


def test_a_warning_is_no_plain_success(make, show):
    note = {"verdict": Verdict(True, "note", "in float64 a difference stays"), "noise": NOISE}
    verdict = with_comparisons(make(("numpy", "torch")), {"d Y": {**note, "worst": WORST}})
    text = " ".join(show(CaseTable(verdict), 100).split())
    assert "! NOTE d Y[1,2]" in text
    assert "1 warning" in text
    strict = replace(verdict, case=replace(verdict.case, strict=True))
    assert "✗ disagree" in show(CaseTable(strict), 100)


def test_a_vacuous_tensor_is_named_with_what_would_have_passed(make, show):
    teeth = {"d Y": Sensitivity({"zero": 1.0}), "d X": Sensitivity()}
    text = show(CaseTable(with_comparisons(make(("numpy", "torch")), {}, sensitivity=teeth)), 100)
    assert "! d Y is vacuous: it would also have passed zero (100%)" in text
    assert "d X is vacuous" not in text


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
        changed = replace(
            wrong, statistics=replace(wrong.statistics, aa=4.0, ee=4.0, ae=4 * cosine)
        )
        by = {**verdict.comparisons[pair], name: changed}
        found = replace(verdict, comparisons={**verdict.comparisons, pair: by})
        assert (
            "cosine -1.000000, norms 2 and 2" in " ".join(show(CaseTable(found)).split())
        ) is told
