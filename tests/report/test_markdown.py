"""Markdown: a disagreement is on top, everything fits into a comment, nothing is injected."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from gradcmp.errors import ExitCode
from gradcmp.judge.verdict import Sensitivity
from gradcmp.recording import Failure
from gradcmp.report.markdown import report
from gradcmp.report.words.weak import UNNOTICED

OURS = {"details", "summary", "code"}
COMMENT = 65_536  # characters that GitHub takes for a comment


def tokens(text):
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text):
        yield token
        yield from token.children or ()


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, tuple(attributes)))


def html(text):
    """Return all tags that a browser would see in what is passed on as HTML."""
    seen = Tags()
    for token in tokens(text):
        if token.type in ("html_block", "html_inline"):
            seen.feed(token.content)
    return seen.found


def shape(text):
    """Return what Markdown sees, without what the code says."""
    return [token.type for token in tokens(text)]


def test_every_verdict_has_its_word_in_the_title(verdict):
    title = report([verdict]).splitlines()[0]
    count = {
        ExitCode.AGREE: "1 agree,",
        ExitCode.DISAGREE: "1 disagree,",
        ExitCode.COULD_NOT_COMPARE: "1 could not",
    }
    assert count[verdict.exit_code] in title
    assert title.startswith("### ✓") == (verdict.exit_code is ExitCode.AGREE)


def test_no_case_is_no_success():
    assert "nothing was compared" in report([])
    assert "✓" not in report([])


def test_a_disagreement_comes_before_what_agrees(verdicts):
    text = report([verdicts["agree"], verdicts["disagree"]])
    assert text.index("| ✗ disagree | ` seed `") < text.index("| ✓ agree | ` seed `")
    told = "disagree in the gradient of Y (beyond the tolerance)"
    assert re.search(rf"^\| ✗ disagree .* {re.escape(told)}; worst 2\.9e7 ULP", text, re.M)
    assert re.search(rf"^✗ seed: .* {re.escape(told)}$", text, re.M)  # drawn, behind a summary
    assert "agree: 1 case" in text


def test_it_is_a_table_and_folded_code(verdicts):
    found = shape(report([verdicts["disagree"]]))
    assert found.count("table_open") == 1
    assert found.count("fence") == 1
    assert [tag for tag, _ in html(report([verdicts["disagree"]]))] == [
        "details",
        "summary",
        "code",
    ]


def test_however_many_there_are_they_fit_and_are_counted(make, flip):
    wrong = {("torch", "numpy", "d Y"): flip()}
    many = [make(("numpy", "torch"), wrong, name="n" * 500) for _ in range(300)]
    many += [make(("numpy", "torch"), name="a" * 500) for _ in range(300)]
    text = report(many)
    assert len(text) < COMMENT
    assert text.count("and 250 cases more") == 2
    assert "600 cases: 300 agree, 300 disagree" in text


def test_weak_checks_are_folded_by_themselves_and_fit_too(make, flip):
    wrong = {("torch", "numpy", "d Y"): flip()}
    survivors = Sensitivity(dict.fromkeys(UNNOTICED, 1.0))
    weak = dict.fromkeys(("d X", "d Y"), survivors)
    many = [make(("numpy", "torch"), wrong, name="n" * 500) for _ in range(300)]
    many += [make(("numpy", "torch"), name="a" * 500) for _ in range(300)]
    found = [make(("numpy", "torch"), name="w" * 500) for _ in range(300)]
    text = report([*many, *(replace(one, sensitivity=weak) for one in found)])
    assert len(text) < COMMENT
    assert "agree by weak checks: 300 cases" in text
    assert "and 280 cases more" in text
    assert "agree: 300 cases" in text
    assert text.splitlines()[0].endswith("; 600 weak checks")
    assert "weak" not in report(many)


HOSTILE = [
    "<script>alert(1)</script>",
    "</code></summary></details><img src=x onerror=alert(1)>",
    "a | b",
    "a \\| b",
    "`a` ``` b ````` c",
    "a\n\n# title\n\n| x |",
    "@someone #1 https://example.org [x](http://example.org)",
    "**bold** ![i](x)",
    "]]> ::error:: %0A",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_stay_names(make, flip, name):
    lost = Failure(name, "error", name, f"{name}\n```\n<script>")

    def of(text):
        wrong = {(text, "numpy", "d Y"): flip()}
        failure = Failure(text, "error", text, text)
        return report([make(("numpy", text), wrong, failures=[failure], name=text)])

    text = of(name)
    assert shape(text) == shape(of("plain"))
    assert {tag for tag, attributes in html(text)} == OURS
    assert not any(attributes for _, attributes in html(text))
    assert not re.search("link_open|image", " ".join(shape(text)))
    rows = [token for token in tokens(text) if token.type == "td_open"]
    assert len(rows) == 4
    assert report([make(("numpy",), failures=[lost])])
