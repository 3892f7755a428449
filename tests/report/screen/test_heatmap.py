"""The heat map of a small array says by signs what it shows by colours."""

from __future__ import annotations

import re

import numpy as np
import pytest

from gradcmp.report.screen.heatmap import LEVELS, level
from gradcmp.report.screen.table import CaseTable


def test_the_heat_map_marks_the_element_without_colour(verdicts, show):
    text = show(CaseTable(verdicts["hidden"]))
    assert re.search(r" 0  ⋅  ⋅  ⋅ *\n.* 1  ⋅  #  ⋅", text)
    assert "× what is allowed:" in text


@pytest.mark.parametrize(
    ("shape", "rows"), [((), 1), ((3,), 1), ((8, 8), 8), ((9, 2), 0), ((2, 2, 2), 0), ((0, 3), 0)]
)
def test_heat_maps_are_of_small_arrays(make, flip, show, shape, rows):
    comparison = flip().with_measured(excess=np.full(shape, 2.0))
    text = show(CaseTable(make(("numpy", "torch"), {("torch", "numpy", "d Y"): comparison})))
    assert len(re.findall(r"\d (?: x )* x *$", text, re.M)) == rows


@pytest.mark.parametrize(
    ("excess", "sign"),
    [(0, "⋅"), (1e-9, "+"), (1, "+"), (1.0001, "x"), (10.1, "%"), (1e4, "#"), (np.inf, "#")],
)
def test_the_scale_changes_sign_where_it_starts_to_disagree(excess, sign):
    assert level(excess).sign == sign


def test_nan_is_at_the_end_of_the_scale():
    assert level(np.nan) is LEVELS[-1]
