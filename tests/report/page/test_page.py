"""The page as a reader has it: in a real Chromium, headless, from a file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gradcmp.case import Expression, InputSpec
from gradcmp.judge.blame import Group, Groups
from gradcmp.judge.verdict import Pair
from gradcmp.report import report_named

EVIL = "<script>alert(1)</script></script><img src=x onerror=alert(2)>{{7*7}}\u2028\"'&"


def test_every_case_opens_without_a_complaint(visit, verdicts):
    page = visit(list(verdicts.values()))
    page.locator(".passes > summary").click()
    for number in range(len(verdicts)):
        if page.locator(f"#c{number}[open]").count() == 0:
            page.locator(f"#c{number} > summary").click()
    assert page.locator(".case[open] > .body").count() == len(verdicts)
    assert page.locator(".graph svg").count() == len(verdicts)
    tensors = page.locator("#c0 .tensor")
    for number in range(tensors.count()):
        tensors.nth(number).locator("summary").first.click()
    assert page.locator("#c0 .tensor[open] .view").count() == tensors.count() > 0


def test_no_case_makes_a_page(visit):
    assert "no case was run" in visit([]).locator("header").inner_text()


def test_what_disagrees_is_open_and_says_so(visit, verdicts):
    page = visit([verdicts["agree"], verdicts["disagree"]])
    assert page.locator("h1").inner_text().endswith("disagree")
    assert page.locator("#c0").get_attribute("open") is None
    body = page.locator("#c1[open] .body")
    assert "d Y" in body.locator(".said").inner_text()
    assert body.locator(".tensor[open] summary").inner_text().startswith("d Y")
    first = body.locator("svg .node.first")
    assert first.get_attribute("aria-label").startswith(
        "Y = ones, value not compared, gradient disag"
    )
    assert first.locator(".flag").text_content() == "first to part, backward"
    assert body.locator("svg .node").count() == 6


def test_what_is_not_known_is_shown_and_why_auto_did_not_judge(visit, make):
    verdict = make(("numpy", "torch"))
    pair = Pair("torch", "numpy")
    by = {name: one for name, one in verdict.comparisons[pair].items() if name != "node1"}
    torch = verdict.recordings["torch"]
    values = {name: array for name, array in torch.values.items() if name != "node1"}
    outcomes = {**verdict.outcomes, "torch": dataclasses.replace(torch, values=values)}
    page = visit(
        [
            dataclasses.replace(
                verdict,
                outcomes=outcomes,
                comparisons={pair: by},
                not_given={pair: ("node1",)},
                not_auto="the table judges, not auto",
            )
        ]
    )
    body = page.locator("#c0[open] .body")
    assert body.locator("p.note").inner_text() == "the table judges, not auto"
    assert "torch did not give node1" in body.locator(".said li.u").inner_text()
    line = body.locator("section[aria-label='Tensors'] tr", has_text="did not give it")
    assert line.inner_text().split("\t")[:2] == ["node1", "unknown"]
    node = body.locator("svg .node[aria-label^='node1 = ']")
    assert ", value not given, gradient agrees" in node.get_attribute("aria-label")


def test_beside_a_wrong_reference_nobody_else_is_red(visit, make, flip):
    pair = ("torch", "numpy", "d Y")
    groups = Groups((1, 1), (Group(("numpy",), 3.5, True), Group(("torch", "jax"), -3.5, False)))
    verdict = make(("numpy", "torch", "jax"), {pair: flip(), ("jax", *pair[1:]): flip()})
    page = visit([dataclasses.replace(verdict, groups={"d Y": groups}), make(("numpy", "torch"))])
    first, second = (page.locator(f".scroll .matrix tbody tr:nth-child({n})") for n in (1, 2))
    assert first.locator("td.d").count() == 1
    assert first.locator("td").first.inner_text() == "numpy is wrong in d Y"
    assert first.locator("td.r").count() == 2
    assert second.locator("td.d").count() == 0
    assert second.locator("td.o").count() == 1
    choices = page.locator("#c0 .tensor[open] .view table.figures")
    assert page.locator("#c0 .tensor[open] select").count() == 0 < choices.count()  # two groups
    assert "torch, jax – numpy" in page.locator("#c0 section[aria-label=Tensors]").inner_text()
    assert "reference that is wrong" in page.locator(".legend").inner_text()
    assert page.locator("#c0 .readout tr.off th").all_inner_texts() == ["numpy"]


def test_nothing_from_a_case_is_run(visit, make, verdicts):
    spoilt = make(("numpy", "torch", EVIL), name=EVIL)
    lost = dataclasses.replace(
        verdicts["crashed"].failures[0], backend=EVIL + "2", message=EVIL, stderr=EVIL
    )
    case = dataclasses.replace(
        spoilt.case,
        description=EVIL,
        inputs={**spoilt.case.inputs, EVIL: InputSpec(EVIL, (2,))},
        graph={**spoilt.case.graph, EVIL + "x": Expression("X")},
    )
    page = visit(
        [dataclasses.replace(spoilt, case=case, outcomes={**spoilt.outcomes, lost.backend: lost})]
    )
    assert page.locator(".case[open] .body").count() == 1
    assert page.locator("img").count() == 0
    assert "{{7*7}}" in page.locator("summary .name").first.inner_text()
    assert page.locator(".failure pre").inner_text().startswith("<script>alert(1)")


def test_an_injected_script_would_not_run(browser, verdicts, tmp_path):
    """The sabotage: markup that did get in is refused by the page's own policy."""
    path = tmp_path / "spoilt.html"
    text = report_named("html")([verdicts["agree"]])
    evil = "<script>window.evil = 1</script><img src=x onerror='window.evil = 2'><img src=http://127.0.0.1:9/x>"
    path.write_text(text.replace("</main>", f"{evil}</main>"), "utf-8")
    page = browser.new_page()
    requests: list[str] = []
    page.on("requestfinished", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    assert page.evaluate("window.evil") is None
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    page.close()


def test_dark_and_light(visit, verdicts):
    def brightness(scheme):
        page = visit([verdicts["disagree"]], color_scheme=scheme)
        return page.evaluate(
            "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
            ".reduce((a, b) => a + b)"
        )

    assert brightness("light") > 600 > 150 > brightness("dark")


@pytest.mark.parametrize("width", [320, 400, 1280])
def test_no_screen_is_too_narrow(visit, verdicts, large, width):
    """What is wide scrolls in its own box; the page does not."""
    page = visit(
        [large, verdicts["disagree"], verdicts["long"], verdicts["crashed"]],
        viewport={"width": width, "height": 800},
    )
    for number in range(4):
        page.evaluate("id => { location.hash = id; }", f"c{number}")
        page.locator(f"#c{number}[open] .body").wait_for()
    assert page.locator(".tensor[open] .heat").count() > 1
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


def test_paper_has_the_matrix_and_what_is_open(visit, verdicts):
    page = visit([verdicts["disagree"]])
    page.emulate_media(media="print")
    assert not page.locator(".filters").is_visible()
    assert page.locator(".scroll .matrix").is_visible()
    assert page.locator(".heat").first.is_visible()


def test_readers_without_eyes(visit, large):
    """Tables have headings with a scope, pictures a name, and the first stop skips ahead."""
    page = visit([large])
    assert page.locator("table th:not([scope])").count() == 0
    assert page.locator("svg:not([aria-label])").count() == 0
    assert page.locator(".heat").first.get_attribute("aria-label").startswith("d Y, 100×80")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the cases"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "cases"
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input, select, button')]"
        ".filter(e => !e.labels?.length && !e.textContent.trim()).length"
    )
    assert unnamed == 0


@pytest.mark.thorough
def test_of_a_thousand_cases_only_those_in_view_are_laid_out(visit, browser, verdicts, large):
    """What it saves is measured in benchmarks/page.py."""
    page = visit([])
    text = report_named("html")([verdicts["agree"], *[large] * 99] * 10)
    assert len(text.encode()) < 10_000_000
    Path(page.url.removeprefix("file://")).write_text(text, "utf-8")
    page.reload()
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    assert page.locator(".case").count() == 1000
    box = page.locator(".scroll")
    assert page.locator(".scroll tbody tr:visible").count() == 60
    box.evaluate("box => box.scrollTo(0, box.scrollHeight)")
    page.locator(".scroll tbody tr:visible").nth(60).wait_for()  # no eval: the page forbids it
