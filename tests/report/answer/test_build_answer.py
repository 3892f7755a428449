"""Each kind of verdict, drawn: the first lines say it, on every screen."""

from __future__ import annotations

import re

import pytest
from kinds_of_verdicts import WORDS, by_kind
from rich.cells import cell_len

from gradcmp.report.answer.build import answer
from gradcmp.report.screen.several import screen
from gradcmp.report.screen.table import CaseTable


@pytest.fixture(params=WORDS)
def kind(request):
    """Each kind of verdict in turn."""
    return request.param


def squeezed(text):
    return " ".join(text.split())


@pytest.mark.parametrize("width", [80, 120])
def test_the_first_lines_say_it(make, show, kind, width):
    text = show(CaseTable(by_kind(make)[kind]), width)
    title, *more = WORDS[kind]
    assert squeezed(text).startswith(title)
    said = squeezed(text)
    assert [words for words in more if words not in said] == []
    assert max(map(cell_len, text.splitlines())) <= width
    if kind in ("bug", "suspect", "value", "reference", "nan"):  # the answer comes in a few lines
        assert text.index("with X") > text.index("worst")
        assert len(text[: text.index("\n\n")].splitlines()) <= 10


def test_ascii_is_enough_for_it(make, show, kind):
    text = show(CaseTable(by_kind(make)[kind]), encoding="ascii")
    assert text.isascii()
    assert re.match("ok |NO |! |[?] ", text)
    assert max(map(len, text.splitlines())) <= 80


def test_a_pipe_gets_the_same_words(make, show, kind):
    verdict = by_kind(make)[kind]
    plain, coloured = show(CaseTable(verdict)), show(CaseTable(verdict), color=True)
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_the_answer_is_a_record_for_others(make, kind):
    found = answer(by_kind(make)[kind])
    sign, _, title = WORDS[kind][0].partition(" seed: ")
    assert {"✗": "disagree", "!": "warn", "?": "unknown", "✓": "agree"}[sign] == found.level
    assert found.title.startswith(title)
    assert found.text.startswith(f"seed: {title}")
    for part in (part for line in found.lines for part in line.parts):
        assert all(0 <= start < end <= len(part.text) for start, end in part.marks)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [("bug", "torch"), ("value", "torch"), ("reference", "numpy"), ("nan", "numpy, torch, jax")],
)
def test_nobody_is_red_but_who_is_wrong(make, kind, wrong):
    (line,) = [one for one in answer(by_kind(make)[kind]).lines if one.label.startswith("worst")]
    red = [part.text for part in line.parts if part.level == "disagree"]
    assert len(red) == 1
    assert red[0].endswith(f": {wrong}")


def test_where_nobody_is_known_to_be_wrong_nobody_is_red(make):
    found = answer(by_kind(make)["tolerance"])
    assert not [p for line in found.lines for p in line.parts if p.level == "disagree"]


def test_the_worst_of_a_case_is_the_same_everywhere(make, show):
    verdict = by_kind(make)["bug"]
    for text in (show(CaseTable(verdict)), show(screen([verdict, verdict]), 200)):
        assert "1.7e7 ULP" in text
        assert "20 × noise" in text


def test_the_digits_that_differ_are_marked(make, show):
    text = show(CaseTable(by_kind(make)["bug"]), color=True)
    assert "\x1b[1;4m-\x1b[0m1: numpy" in text  # of two that differ by the sign, the sign
