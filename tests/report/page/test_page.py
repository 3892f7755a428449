"""The page as a reader has it: in a real Chromium, headless, from a file."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from gradcmp.case import Expression, Fixed, InputSpec
from gradcmp.judge import compare
from gradcmp.judge.blame import Group, Groups
from gradcmp.judge.verdict import Pair
from gradcmp.report import report_named

REQUIRED = "chromium" in os.environ.get("GRADCMP_REQUIRE", "").split(",")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
EVIL = "<script>alert(1)</script></script><img src=x onerror=alert(2)>{{7*7}}\u2028\"'&"


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Start a Chromium; where there is none the tests skip, or fail if it is required."""
    if CHROMIUM is None:
        (pytest.fail if REQUIRED else pytest.skip)("chromium is not installed")
    if REQUIRED:
        api = import_module("playwright.sync_api")
    else:
        api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture
def visit(browser, tmp_path):
    """Open the page of some verdicts; whatever it logs, raises, asks or requests fails the test."""
    complaints: list[str] = []
    requests: list[str] = []
    contexts = []

    def opened(verdicts, **options):
        path = tmp_path / "report.html"
        path.write_text(report_named("html")(verdicts), "utf-8")
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
    assert set(requests) <= {(tmp_path / "report.html").as_uri(), "data:,"}


@pytest.fixture
def large(make):
    """A case whose `d Y` is 100×80 with one wrong element, at [70, 33]."""
    rng = np.random.default_rng(5)
    expected = rng.standard_normal((100, 80))
    actual = expected.astype(np.float32)
    actual[70, 33] *= -1
    verdict = make(("numpy", "torch"))
    pair = Pair("torch", "numpy")
    tolerance = Fixed(1e-5, 1e-6)
    arrays = {"numpy": expected, "torch": actual}
    outcomes = {
        label: dataclasses.replace(recording, gradients={**recording.gradients, "Y": arrays[label]})
        for label, recording in verdict.recordings.items()
    }
    by = {**verdict.comparisons[pair], "d Y": compare(actual, expected, tolerance)}
    case = dataclasses.replace(verdict.case, tolerance=tolerance)
    return dataclasses.replace(verdict, case=case, outcomes=outcomes, comparisons={pair: by})


def test_every_case_opens_without_a_complaint(visit, verdicts):
    page = visit(list(verdicts.values()))
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
    first, second = (page.locator(f".matrix tbody tr:nth-child({n})") for n in (1, 2))
    assert first.locator("td.d").count() == 1
    assert first.locator("td").last.inner_text() == "numpy is wrong in d Y"
    assert first.locator("td.r").count() == 2
    assert second.locator("td.d").count() == 0
    assert page.locator(".matrix thead th").last.inner_text() == "the reference"
    assert "reference that is wrong" in page.locator(".legend").inner_text()
    assert page.locator("#c0 .readout tr.off th").all_inner_texts() == ["numpy"]


def test_the_matrix_has_a_cell_for_each_case_and_pair(visit, verdicts):
    page = visit([verdicts["agree"], verdicts["disagree"], verdicts["crashed"]])
    assert page.locator(".matrix thead th").count() == 1 + 21
    assert page.locator(".matrix tbody td").count() == 3 * 21
    wrong = page.locator(".matrix tbody tr:nth-child(2) td.d")
    assert wrong.count() == 6
    wrong.first.hover()
    assert "d Y" in page.locator("#where").inner_text()
    assert page.locator(".matrix tbody tr:nth-child(3) td.u").count() == 6


def test_the_matrix_by_keyboard(visit, verdicts):
    page = visit([verdicts["disagree"], verdicts["agree"]])
    page.locator(".matrix td[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    said = page.locator("#where").inner_text()
    assert said.startswith("seed, tensorflow:graph – numpy: agree")
    page.keyboard.press("Enter")
    assert page.locator("#c1[open] .body").count() == 1
    assert page.evaluate("document.activeElement.closest('.case').id") == "c1"


def test_hovering_a_heat_map_shows_every_backend(visit, large):
    page = visit([large])
    grid = page.locator(".heat").first
    assert grid.locator("tbody td").count() == 32 * 32
    readout = page.locator(".readout").first
    assert "[70,33]" in readout.inner_text()  # the worst is shown until something is chosen
    worst = large.comparisons[Pair("torch", "numpy")]["d Y"].worst
    values = readout.locator("td:nth-child(2)").all_inner_texts()
    assert values == [repr(worst.expected), str(np.float32(worst.actual))]
    assert float(readout.locator("td:nth-child(3)").nth(1).inner_text()) == pytest.approx(
        worst.actual - worst.expected, rel=1e-3
    )
    grid.locator("tbody td").nth(0).hover()
    assert "rows 0–2" in readout.inner_text()
    assert "[70,33]" not in readout.inner_text()
    assert grid.locator("td.l4").count() == 1


def test_a_heat_map_by_keyboard(visit, large):
    page = visit([large])
    grid = page.locator(".heat").first
    assert grid.locator("td[tabindex='0']").count() == 1
    grid.locator("td[tabindex='0']").focus()
    worst = page.locator(".readout output").first.inner_text()
    page.keyboard.press("ArrowLeft")
    beside = page.locator(".readout output").first.inner_text()
    assert beside != worst
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")  # stays
    assert "columns 0" in page.locator(".readout output").first.inner_text()


def test_filters(visit, verdicts, make):
    page = visit([verdicts["agree"], verdicts["disagree"], make(name="another")])
    page.locator("#search").fill("anoth")
    assert page.locator(".case:visible").count() == 1
    assert page.locator(".matrix tbody tr:visible").count() == 1
    assert page.locator("#shown").inner_text() == "1 of 3 cases"
    page.locator("#search").fill("")
    page.locator("[name=show][value=a]").uncheck()
    assert page.locator(".case:visible").count() == 1
    assert page.locator("#c1").is_visible()


def test_another_pair_is_drawn(visit, verdicts):
    page = visit([verdicts["everything"]])
    select = page.locator(".tensor[open] select").first
    options = select.locator("option").all_inner_texts()
    assert len(options) > 1
    select.select_option(index=1)
    assert (
        page.locator(".tensor[open] .view").first.locator("select option:checked").inner_text()
        == options[1]
    )
    graph = page.locator(".graph").first
    before = graph.inner_html()
    page.locator("figure select").first.select_option(label="tensorflow:eager – numpy")
    assert graph.inner_html() != before


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


def test_paper_has_the_matrix_and_what_is_open(visit, verdicts):
    page = visit([verdicts["disagree"]])
    page.emulate_media(media="print")
    assert not page.locator(".filters").is_visible()
    assert page.locator(".matrix").is_visible()
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
    assert page.locator(".matrix tbody tr:visible").count() == 60
    box.evaluate("box => box.scrollTo(0, box.scrollHeight)")
    page.locator(".matrix tbody tr:visible").nth(60).wait_for()  # no eval: the page forbids it
