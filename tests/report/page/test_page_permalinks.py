"""Permalinks: a fragment names a case and one of its tensors, and opens them."""

from __future__ import annotations

import dataclasses

import pytest

from gradcmp.report import report_named

ODD = "a/b ü #1 100%~<b>"


@pytest.fixture
def run(verdicts):
    """Cases of which two share a name, one is called like the id of another, and one is odd."""

    def named(kind, name):
        verdict = verdicts[kind]
        return dataclasses.replace(verdict, case=dataclasses.replace(verdict.case, name=name))

    return [
        named("agree", "seed"),
        named("disagree", "seed"),
        named("agree", "c0"),
        named("agree", ODD),
        named("three", "seed~2"),
    ]


def at(page):
    return page.evaluate("location.hash")


def test_a_fragment_opens_its_case_and_its_tensor(visit, run):
    page = visit(run)
    page.goto(page.url.partition("#")[0] + "#c0/d%20X")
    assert page.locator("#c2[open] .tensor[open]").get_attribute("data-name") == "d X"
    assert page.evaluate("document.activeElement.closest('.tensor').dataset.name") == "d X"
    assert page.locator("#c2 .tensor[open] .heat").is_visible()


def test_a_fresh_page_opens_at_its_fragment(visit, run, browser):
    first = visit(run)
    page = browser.new_page()
    page.goto(first.url + "#a%2Fb%20%C3%BC%20%231%20100%25~%3Cb%3E/d%20Y")
    assert page.locator(".case[open] .name").all_inner_texts() == ["seed", ODD]
    tensor = page.locator("#c3 .tensor[open]")
    assert tensor.get_attribute("data-name") == "d Y"
    assert tensor.locator("summary").first.evaluate("e => e === document.activeElement")
    page.close()


@pytest.mark.thorough
def test_every_link_leads_back_to_what_it_was_copied_from(visit, run):
    page = visit(run)
    page.locator(".passes > summary").click()
    for case in page.locator(".case").all():
        summary = case.locator("summary").first
        summary.click()
        if case.get_attribute("open") is None:
            summary.click()
        link, number = at(page), case.get_attribute("id")
        fresh = visit(run)
        fresh.evaluate("link => { location.hash = link; }", link)
        fresh.locator(f"#{number}[open] .body").wait_for()
        found = fresh.evaluate("document.activeElement.closest('.case').id")
        assert (found, at(fresh)) == (number, link)


def test_what_is_opened_is_in_the_address(visit, run):
    page = visit(run)
    assert at(page) == ""
    page.locator(".scroll .matrix a").nth(1).click()
    assert at(page) == "#seed"  # the first of that name in the run, not in the list
    page.locator("#c0 a", has_text="d Z").click()
    assert at(page) == "#seed/d%20Z"
    page.locator("#c0 .tensor[data-name='d Y'] summary").first.click()
    assert at(page) == "#seed/d%20Y"
    assert page.locator("#c0 .tensor[data-name='d Y'] > .link").get_attribute("href") == at(page)


@pytest.mark.parametrize(
    "fragment", ["#nobody", "#seed~2/nothing", "#%E0%A4%A", "#c1", "#/", "#a%"]
)
def test_a_fragment_of_nothing_breaks_nothing(visit, run, fragment):
    page = visit(run)
    page.evaluate("link => { location.hash = link; }", fragment)
    page.wait_for_timeout(50)
    assert page.locator(".case[open]").count() == 1
    assert page.locator("#c1[open] .body").count() == 1


def test_without_a_script_links_lead_to_ids(run):
    text = report_named("html")(run)
    assert all(f'href="#c{number}"' in text and f'id="c{number}"' in text for number in range(5))
