"""A browser that visits pages."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from importlib import import_module

import numpy as np
import pytest
from browsing import ARGUMENTS, CHROMIUM, REQUIRED

from gradcmp.case import Fixed
from gradcmp.judge import compare
from gradcmp.judge.verdict import Pair
from gradcmp.report import report_named


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Start a Chromium; where there is none the tests skip, or fail if it is required."""
    if CHROMIUM is None:
        way_out = "apt install chromium, or brew install --cask chromium"
        (pytest.fail if REQUIRED else pytest.skip)(f"chromium is not on the PATH: {way_out}")
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
