"""What Python and a notebook show of a verdict and of a comparison."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import gradcmp
from gradcmp.case import Case
from gradcmp.judge.verdict import CaseVerdict
from gradcmp.recording import Failure

LOST = {"torch": Failure("torch", "crashed", "it <crashed>\non two lines")}
NOTHING = CaseVerdict(Case("a <b> & c", {}, {}), "", LOST)


def compared(actual, expected):
    return gradcmp.compare(np.array(actual), np.array(expected))


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        (compared([1.0, 2.0], [1.0, 2.0]), "<Comparison agree (exact): 2 elements>"),
        (compared([1.0, 2.0], [1.0, 3.0]), "<Comparison disagree (tolerance): 1 of 2 elements>"),
        (compared([np.nan], [1.0]), "<Comparison disagree (non-finite): 1 of 1 elements>"),
        (compared([1.0], [[1.0]]), "<Comparison disagree (shape): nothing was compared>"),
        (NOTHING, "<CaseVerdict 'a <b> & c': could not compare: nothing was compared"),
    ],
)
def test_a_line(shown, line):
    assert repr(shown).startswith(line)
    assert "\n" not in repr(shown)
    assert repr(shown) in repr([shown])


def test_text_is_the_screen_without_colours():
    text = str(compared([1.0, 2.0], [1.0, 3.0]))
    assert "worst at [1]: actual 2.0, expected 3.0" in text
    assert "rule |a" in text
    assert "\x1b" not in text + str(NOTHING)
    assert "crashed" in str(NOTHING)


@pytest.mark.parametrize("shown", [compared([1.0, 2.0], [1.0, 3.0]), NOTHING])
def test_a_notebook_gets_html_in_which_nothing_is_obeyed(shown):
    html = shown._repr_html_()
    assert html.startswith("<pre ")
    assert "color: #" in html
    assert "<b>" not in html
    assert "<crashed>" not in html


def test_a_disagreement_is_never_shown_as_agreement():
    """Sabotage: the word follows the verdict, not the count."""
    wrong = compared([1.0, 2.0], [1.0, 3.0])
    forged = replace(wrong, disagreeing=0)
    assert repr(forged).startswith("<Comparison disagree")
    assert str(forged).startswith("✗")
