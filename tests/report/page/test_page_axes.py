"""Of an array with more than two axes any two can be drawn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from gradcmp.judge import compare
from gradcmp.judge.verdict import Pair


@pytest.fixture
def deep(large):
    """The case of `large` with a `d Y` of 8×3×5, wrong at index 4 of the last axis alone."""
    rng = np.random.default_rng(6)
    expected = rng.standard_normal((8, 3, 5))
    actual = expected.astype(np.float32)
    actual[..., 4] *= -1
    pair, arrays = Pair("torch", "numpy"), {"numpy": expected, "torch": actual}
    outcomes = {
        label: dataclasses.replace(recording, gradients={**recording.gradients, "Y": arrays[label]})
        for label, recording in large.recordings.items()
    }
    by = {**large.comparisons[pair], "d Y": compare(actual, expected, large.case.tolerance)}
    return dataclasses.replace(large, outcomes=outcomes, comparisons={pair: by})


def test_two_axes_are_chosen(visit, deep):
    page = visit([deep])
    tensor = page.locator(".tensor[data-name='d Y']")
    select = tensor.locator(".axes select")
    assert select.locator("option").all_inner_texts() == [
        "axis 0 down, axes 1 and 2 across",
        "axis 0 down, axis 1 across, the worst along axis 2",
        "axis 0 down, axis 2 across, the worst along axis 1",
        "axis 1 down, axis 2 across, the worst along axis 0",
    ]
    wrong = tensor.locator(".heat td[class*='l']:not(.l0):not(.l1)")
    assert wrong.count() == 24
    select.select_option(index=3)
    assert tensor.locator(".heat td[data-i]").count() == 15
    assert [cell.get_attribute("data-i") for cell in wrong.all()] == ["4", "9", "14"]
    wrong.nth(1).hover()
    said = tensor.locator("output").inner_text()
    assert said.startswith("d Y [")
    assert "rows 1, columns 4, where 8 of 8 are beyond what is allowed" in said
