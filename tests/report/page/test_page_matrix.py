"""The matrix of cases, heat maps and filters, by mouse and by keyboard."""

from __future__ import annotations

import dataclasses

import ml_dtypes
import numpy as np
import pytest

from gradcmp.case import Fixed
from gradcmp.judge import compare
from gradcmp.judge.verdict import Pair
from gradcmp.report.page.matrix import columns, row


def test_the_matrix_has_a_cell_for_each_case_and_backend(visit, verdicts):
    page = visit([verdicts["agree"], verdicts["disagree"], verdicts["crashed"]])
    assert page.locator(".scroll .matrix thead th").count() == 1 + 7
    assert page.locator(".scroll .matrix tbody td").count() == 3 * 7
    wrong = page.locator(".scroll .matrix tbody tr:nth-child(1) td.d")
    assert wrong.count() == 1
    wrong.first.hover()
    assert "d Y" in page.locator("#where").inner_text()
    assert page.locator(".scroll .matrix tbody tr:nth-child(2) td.u").count() == 1


def test_a_backend_that_ran_alone_is_not_called_right(verdicts):
    labels = columns([verdicts["nothing"], verdicts["agree"]])
    cells = dict(zip(labels, row(verdicts["nothing"], labels).cells, strict=True))
    assert cells["numpy"].letter == "u"
    assert {cells[label].letter for label in labels if label != "numpy"} == {"n"}


def test_a_case_has_a_triangle_of_its_backends(visit, verdicts):
    """A cell for each pair, and what disagrees where nobody is off the reference is red in both."""
    page = visit([verdicts["hidden"]])
    assert page.locator(".scroll .matrix tbody td.d").count() == 2
    triangle = page.locator("#c0 .triangle")
    assert triangle.locator("tbody td:not(.none)").count() == 21
    wrong = triangle.locator("td.d")
    assert wrong.count() == 1
    wrong.hover()
    assert "jax:jit – torch: disagree: d Y" in page.locator("#c0 .where").inner_text()
    triangle.locator("td[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")  # above the diagonal there is nothing
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert "tensorflow:graph – tensorflow:eager: agree" in page.locator("#c0 .where").inner_text()


def test_what_is_the_same_in_every_environment_is_folded(visit, make, verdicts):
    verdict = make(("numpy", "torch"))
    torch = dataclasses.replace(
        verdict.recordings["torch"], environment={"numpy": "1.26", "threads": "2"}
    )
    outcomes = {**verdict.outcomes, "torch": torch}
    page = visit([dataclasses.replace(verdict, outcomes=outcomes)])
    section = page.locator("#c0 section[aria-label=Backends]")
    assert section.locator("tr:visible", has_text="1.26").count() == 1
    assert section.locator("tr:visible", has_text="threads").count() == 0
    section.locator("summary").click()
    assert section.locator("tr:visible", has_text="threads").count() == 1


def test_the_matrix_by_keyboard(visit, verdicts):
    page = visit([verdicts["disagree"], verdicts["agree"]])
    page.locator(".scroll .matrix td[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    said = page.locator("#where").inner_text()
    assert said.startswith("seed, tensorflow:eager: agree")
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
    assert "where 0 of 6 are beyond" in readout.inner_text()
    assert grid.locator("td.share").count() == 1
    assert "[70,33]" not in readout.inner_text()
    assert grid.locator("td.l4").count() == 1


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_the_readout_has_the_difference_of_the_exact_numbers(visit, make, dtype):
    """Each cell in turn, against float64 arithmetic: the shortest decimals give another."""
    rng = np.random.default_rng(8)
    expected = rng.standard_normal((3, 4))
    actual = (expected * (1 + 1e-7 * rng.standard_normal((3, 4)))).astype(dtype)
    actual[1, 2] *= -1
    verdict, pair = make(("numpy", "torch")), Pair("torch", "numpy")
    arrays = {"numpy": expected, "torch": actual}
    outcomes = {
        label: dataclasses.replace(one, gradients={**one.gradients, "Y": arrays[label]})
        for label, one in verdict.recordings.items()
    }
    by = {**verdict.comparisons[pair], "d Y": compare(actual, expected, Fixed(1e-5, 1e-6))}
    page = visit([dataclasses.replace(verdict, outcomes=outcomes, comparisons={pair: by})])
    readout = page.locator(".readout").first
    exact = actual.astype(np.float64) - expected
    shortest = [float(text) for text in actual.astype(np.float32).astype(str).reshape(-1)]
    shown = []
    for cell in range(12):
        page.locator(".heat").first.locator("tbody td").nth(cell).hover()
        shown.append(float(readout.locator("tbody tr").nth(1).locator("td").last.inner_text()))
    assert shown == pytest.approx(exact.reshape(-1).tolist(), rel=1e-5)
    if dtype is np.float32:  # the sabotage: what a reader of decimals would compute is caught
        assert np.array(shortest) - expected.reshape(-1) != pytest.approx(
            exact.reshape(-1), rel=1e-5
        )


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
    assert page.locator(".scroll .matrix tbody tr:visible").count() == 1
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
