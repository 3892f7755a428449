"""The answer under the big word: the lines of the terminal, what fails first, passes folded."""

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser

import pytest
from pages import page

from gradcmp.judge.verdict import Finding, Pair
from gradcmp.report import report_named
from gradcmp.report.answer.build import answer
from gradcmp.report.answer.records import Line, Part
from gradcmp.report.page.answers import drawn, pieces


class Answers(HTMLParser):
    """The text of what stands under the big word, a heading and each line in turn."""

    def __init__(self, text):
        super().__init__()
        self.lines, self.inside, self.taken = [], False, False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.inside |= ("class", "answers") in attrs
        if self.inside and tag in ("h2", "div"):
            self.lines.append("")
        self.taken = self.inside and (self.taken or tag in ("h2", "div"))

    def handle_endtag(self, tag):
        self.taken &= tag not in ("h2", "div")
        self.inside &= tag != "section"

    def handle_data(self, data):
        if self.taken:
            self.lines[-1] += data


def bare(text):
    return "".join(text.split())


def test_under_the_big_word_stands_what_the_terminal_says(verdict):
    """Each verdict alone: title and lines, in full."""
    found = answer(verdict)
    shown = Answers(report_named("html")([verdict])).lines
    wanted = [f"{found.name}: {found.title}", *(line.text for line in found.lines)]
    if "\x1b" not in found.text:  # what would steer a terminal is spelt out
        assert list(map(bare, shown)) == list(map(bare, wanted))
    assert len(shown) == len(wanted)


def test_a_command_and_a_mark_are_drawn_as_such():
    part = Part("torch -3.5", ((6, 7),), "disagree")
    assert list(pieces(part)) == [("torch ", False), ("-", True), ("3.5", False)]
    assert list(pieces(Part("plain"))) == [("plain", False)]
    line = drawn(Line("reproduce", (Part("gradcmp run"),)))
    assert (line["command"], line["parts"][0]["before"]) == (True, "")
    assert drawn(Line("worst", (part, part)))["parts"][1]["before"].isspace()
    assert drawn(Line("worst", (part,)))["parts"][0]["wrong"]


def test_where_all_of_it_lies_is_said_in_words(verdicts):
    """Under the big word, and beside the heat map of its tensor."""
    verdict, pair = verdicts["disagree"], Pair("torch", "numpy")
    places = "all of it lies at index 5 of axes 2 and 3"
    found = dataclasses.replace(verdict, findings={pair: {"d Y": Finding(where=places)}})
    assert any(places in line for line in Answers(report_named("html")([found])).lines)
    (tensor,) = [one for one in page(found).facts[0]["tensors"] if one["name"] == "d Y"]
    assert any(places in view["said"] for view in tensor["views"])


def test_every_case_has_its_answer_among_its_facts(verdict):
    (facts,) = page(verdict).facts
    assert len(facts["answer"]["lines"]) == len(answer(verdict).lines)


def named(verdict, name):
    return dataclasses.replace(verdict, case=dataclasses.replace(verdict.case, name=name))


def test_what_fails_comes_first_and_passes_are_folded(visit, verdicts):
    right = [named(verdicts["agree"], f"right{n}") for n in range(3)]
    run = [*right, verdicts["crashed"], named(verdicts["disagree"], "wrong")]
    seen = visit(run)
    order = seen.locator(".case .name").all_text_contents()
    assert order == ["wrong", "seed", "right0", "right1", "right2"]
    assert seen.locator(".case").first.get_attribute("id") == "c4"
    assert seen.locator(".scroll .matrix tbody th").all_inner_texts() == order
    assert seen.locator(".answers h2").count() == 2
    assert not seen.locator(".passes .case").first.is_visible()
    assert seen.locator(".passes > summary").inner_text() == "3 cases agree"
    seen.locator(".passes > summary").click()
    assert seen.locator(".passes .case:visible").count() == 3
    seen.locator("#c4 .answer .lead").wait_for()


def test_a_folded_pass_opens_from_the_matrix_and_the_search(visit, verdicts):
    run = [verdicts["disagree"], *(named(verdicts["agree"], f"right{n}") for n in range(3))]
    seen = visit(run)
    seen.locator(".scroll .matrix a", has_text="right1").click()
    assert seen.locator("#c2[open] .body").is_visible()
    seen = visit(run)
    seen.locator("#search").fill("right2")
    assert seen.locator(".case:visible").count() == 1
    seen.locator("#search").fill("seed")
    assert not seen.locator(".passes").is_visible()


def test_where_all_agree_nothing_is_folded(visit, verdicts):
    seen = visit([verdicts["agree"], verdicts["three"]])
    assert seen.locator(".case:visible").count() == 2
    assert seen.locator(".answers").count() == 0


@pytest.mark.parametrize("count", [3, 4, 23, 24, 30])
def test_many_that_fail_are_named_and_then_counted(verdicts, count):
    text = report_named("html")([named(verdicts["disagree"], f"wrong{n}") for n in range(count)])
    assert text.count('<article class="answer') == 3
    above = text[: text.index('class="filters"')]
    assert above.count('<li class="d">') == min(count - 3, 20)
    assert (f"and {count - 23} more" in above) == (count > 23)
