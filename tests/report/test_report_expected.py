"""A disagreement that is known does not fail; one that is gone does; a new one does."""

from __future__ import annotations

import dataclasses
from datetime import date

import pytest

from gradcmp.errors import ExitCode, Location
from gradcmp.judge.comparison import Verdict
from gradcmp.judge.expected import Known, excuse
from gradcmp.report import REPORTS, report_named
from gradcmp.report.words.sentence import brief, sentence

DAY = date(2030, 1, 2)


def known(**given):
    return Known("seed", "lost in bfloat16", DAY, where=Location("known.yaml", 3), **given)


@pytest.fixture
def wrong(make, flip):
    return make(("numpy", "torch", "jax:jit"), {("torch", "numpy", "d Y"): flip()})


@pytest.mark.parametrize(
    "entry",
    [
        known(),
        known(labels=("torch",)),
        known(labels=("numpy", "torch")),
        known(labels=("torch", "numpy"), tensor="d Y"),
    ],
)
def test_what_is_known_does_not_fail(wrong, entry):
    found = excuse(wrong, [entry])
    assert wrong.exit_code is ExitCode.DISAGREE
    assert found.exit_code is ExitCode.AGREE
    assert found.disagreements == wrong.disagreements  # it still disagrees, and is shown
    assert "known disagreements in 1 of 9 tensors" in sentence(found)
    assert "expected: lost in bfloat16 (until 2030-01-02)" in sentence(found)
    assert "agree in 9 tensors, but for what is expected: torch and numpy disagree" in brief(found)


@pytest.mark.parametrize(
    "entry",
    [
        dataclasses.replace(known(), case="other"),
        known(labels=("jax:jit",)),
        known(labels=("torch", "jax:jit")),
        known(tensor="d X"),
    ],
)
def test_what_is_not_meant_still_fails(wrong, entry):
    assert excuse(wrong, [entry]).exit_code is ExitCode.DISAGREE
    assert [found[1] for found in excuse(wrong, [entry]).unexpected] == ["d Y"]


def test_what_has_come_to_agree_fails_and_says_which_entry(make):
    found = excuse(make(), [known(tensor="d X")])
    assert found.exit_code is ExitCode.DISAGREE
    assert "known.yaml:3: 'lost in bfloat16' has come to agree" in sentence(found)
    assert "known.yaml:3" in brief(found)


def test_what_could_not_be_compared_has_not_come_to_agree(make):
    entry = known(labels=("torch",))
    assert excuse(make(("numpy", "jax:jit")), [entry]).exit_code is ExitCode.AGREE
    assert excuse(make(()), [known()]).exit_code is ExitCode.COULD_NOT_COMPARE


def test_under_strict_a_warning_can_be_known(make, flip):
    warned = dataclasses.replace(flip(), verdict=Verdict(True, "kink"))
    verdict = make(("numpy", "torch"), {("torch", "numpy", "d Y"): warned})
    strict = dataclasses.replace(verdict, case=dataclasses.replace(verdict.case, strict=True))
    assert strict.exit_code is ExitCode.DISAGREE
    assert excuse(strict, [known()]).exit_code is ExitCode.AGREE
    assert excuse(verdict, [known()]).exit_code is ExitCode.DISAGREE  # agrees without strict


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_gives_the_reason(wrong, name):
    assert "lost in bfloat16" in report_named(name)([excuse(wrong, [known()])])
