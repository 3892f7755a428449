"""Heat maps: a tile shows the worst of its elements, in the room that there is."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise

import ml_dtypes
import numpy as np
import pytest
from pages import page, refuse

from gradcmp.case import Auto, Case, DTypeTable, Expression, Fixed, InputSpec, Ulp
from gradcmp.judge import compare
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Recording
from gradcmp.report import report_named
from gradcmp.report.html import ROOM
from gradcmp.report.page.facts import of_case, size
from gradcmp.report.page.grids import SIDE, layout, planes
from gradcmp.report.page.maps import (
    LARGE,
    OWN,
    WORST,
    further_maps,
    heat_map,
    numbers,
    shortened,
)


def compared(actual, expected, tolerance, name="big", backends=2):
    """A case of one tensor, `d W`, held against numpy."""
    arrays = {"numpy": expected, "torch": actual}
    arrays |= {f"more{number}": actual for number in range(backends - 2)}
    recordings = {
        label: Recording(label, array.dtype.name, {}, {"W": array})
        for label, array in arrays.items()
    }
    case = Case(name, {"W": InputSpec("normal", actual.shape)}, {"y": Expression("sum(W)")},
                "y", ("W",), (), tolerance)  # fmt: skip
    pairs = {
        Pair(label, "numpy"): {"d W": compare(array, expected, tolerance)}
        for label, array in arrays.items()
        if label != "numpy"
    }
    return CaseVerdict(case, "numpy", recordings, pairs)


def drawn(verdict, room=10**6):
    (pair,) = list(verdict.comparisons)[:1]
    return heat_map(verdict, pair, "d W", verdict.comparisons[pair]["d W"], room)


@pytest.mark.parametrize("tolerance", [Fixed(1e-5, 1e-6), DTypeTable(), Ulp(3), Auto()])
@pytest.mark.parametrize("shape", [(300, 200), (70_000,), (16, 3, 5, 5), (40, 40)])
def test_a_tile_shows_its_worst_element(tolerance, shape):
    rng = np.random.default_rng(3)
    expected = rng.standard_normal(shape).astype(np.float32)
    actual = expected * (1 + rng.standard_normal(shape).astype(np.float32) * np.float32(1e-6))
    where = tuple(n // 2 for n in shape)
    actual[where] = -expected[where]
    picture = drawn(compared(actual, expected, tolerance))
    excess = np.array(picture["excess"])
    assert excess.size <= SIDE * SIDE
    worst = int(excess.argmax())
    at = picture.get("at", range(expected.size))
    assert np.unravel_index(at[worst], shape) == where
    # Every tile holds the largest |a − e| / allowed of what lies in it, as arithmetic by hand
    # has it for a tolerance made of two numbers.
    if isinstance(tolerance, Fixed | DTypeTable):
        assert picture["units"] == OWN
        a, e = actual.astype(np.float64), expected.astype(np.float64)
        by_hand = np.abs(a - e) / (1e-6 + 1e-5 * np.abs(e))
        assert excess.max() == pytest.approx(by_hand.max(), rel=0.01)
        assert excess.min() >= np.sort(by_hand.reshape(-1))[0]
        assert np.flatnonzero(excess > 1).tolist() == [worst]


@pytest.mark.parametrize("shape", [(300, 200), (70_000,), (16, 3, 5, 50)])
def test_a_tile_counts_what_is_beyond_the_allowance(shape):
    """Against a count by hand; a NaN that is not matched counts."""
    rng = np.random.default_rng(4)
    expected = rng.standard_normal(shape).astype(np.float32)
    actual = np.where(rng.random(shape) < 0.01, -expected, expected)
    actual.reshape(-1)[0] = np.nan
    picture = drawn(compared(actual, expected, Fixed(1e-5, 1e-6)))
    down, across = picture["down"], picture["across"]
    wrong = (actual != expected).reshape(down[-1], across[-1])
    by_hand = [
        int(wrong[top:bottom, left:right].sum())
        for top, bottom in pairwise(down)
        for left, right in pairwise(across)
    ]
    assert picture["beyond"] == by_hand
    assert sum(by_hand) == wrong.sum() > 10


def test_under_auto_the_allowance_of_the_worst_element_stands_for_all():
    expected = np.ones((50, 50), np.float32)
    actual = expected + np.float32(1e-3) * (np.arange(2500).reshape(50, 50) == 77)
    verdict = compared(actual.astype(np.float32), expected, Auto())
    (pair,) = verdict.comparisons
    comparison = verdict.comparisons[pair]["d W"]
    named = dataclasses.replace(comparison, rule="the noise of float32")
    picture = heat_map(verdict, pair, "d W", named, 10**6)
    assert picture["units"] == WORST
    assert max(picture["excess"]) == pytest.approx(comparison.worst.excess, rel=0.01)


def test_nan_is_never_hidden_by_a_tile():
    expected = np.ones((100, 100), np.float32)
    actual = expected.copy()
    actual[99, 0] = np.nan
    made = page(compared(actual, expected, DTypeTable())).facts[0]
    picture = json.loads(made["tensors"][0]["views"][0]["maps"][0], parse_constant=refuse)
    assert picture["excess"].count("Infinity") == 1
    assert picture["at"][picture["excess"].index("Infinity")] == 9900
    assert "NaN" in picture["values"][1]


def test_integers_that_differ_are_beyond_all_allowance():
    expected = np.arange(400).reshape(20, 20)
    actual = expected + (expected == 21)
    picture = drawn(compared(actual, expected, DTypeTable()))
    assert [i for i, excess in enumerate(picture["excess"]) if excess] == [21]
    assert picture["values"][1][21] == 22


@pytest.mark.parametrize(
    ("shape", "cells", "sides", "tiles"),
    [
        ((), 9, (1, 1), (1, 1)),
        ((5,), 1024, (1, 5), (1, 5)),
        ((500,), 1024, (1, 500), (1, 32)),
        ((4, 3), 1024, (4, 3), (4, 3)),
        ((64, 64, 3, 3), 1024, (64, 576), (32, 32)),
        ((64, 64), 100, (64, 64), (8, 8)),
        ((64, 64), 1, (64, 64), (1, 1)),
    ],
)
def test_layouts(shape, cells, sides, tiles):
    grid = layout(shape, cells)
    assert (grid.sides, grid.tiles) == (sides, tiles)
    for axis in (0, 1):
        edges = grid.edges(axis)
        assert (edges[0], edges[-1], len(edges)) == (0, sides[axis], tiles[axis] + 1)
        assert all(low < high for low, high in pairwise(edges))


def test_no_room_is_no_picture():
    assert layout((4, 4), 0) is None
    same = np.ones((4, 4), np.float32)
    assert drawn(compared(same, same, DTypeTable()), room=10) is None


@pytest.mark.parametrize(
    ("excess", "shown"),
    [
        (0.0, 0.0),
        (1.0, 1.0),
        (1.0000001, 1.01),
        (0.99999, 1.0),
        (123456.0, 123000.0),
        (1.1, 1.1),
        (np.inf, np.inf),
    ],
)
def test_what_disagrees_is_still_above_1_when_it_is_short(excess, shown):
    assert shortened(excess) == shown


def test_values_have_the_digits_of_their_dtype():
    assert numbers(np.array([0.1], np.float32)) == [0.1]
    assert numbers(np.array([0.1], np.float16)) == [0.1]
    assert numbers(np.array([0.1])) == [0.1]
    assert numbers(np.array([0.1], ml_dtypes.bfloat16)) == [0.100097656]
    assert numbers(np.array([True])) == [True]


@pytest.mark.parametrize("room", [3_000, 30_000, 300_000])
def test_facts_fit_their_room(room):
    rng = np.random.default_rng(0)
    expected = rng.standard_normal((200, 200)).astype(np.float32)
    verdict = compared(-expected, expected, DTypeTable(), backends=8)
    facts = of_case(verdict, room)
    assert size(facts) <= 1.1 * max(room, 4_000)
    assert facts["left"] + sum(len(t["views"]) for t in facts["tensors"]) == 6


@pytest.mark.thorough
@pytest.mark.slow
def test_a_thousand_large_disagreements_fit():
    rng = np.random.default_rng(0)
    expected = rng.standard_normal((64, 64)).astype(np.float32)
    verdict = compared(-expected, expected, DTypeTable(), backends=7)
    assert len(report_named("html")([verdict] * 1000).encode()) < 10_000_000
    assert ROOM < 9_000_000


def further(verdict, room=10**6):
    (pair,) = list(verdict.comparisons)[:1]
    return list(further_maps(verdict, pair, "d W", verdict.comparisons[pair]["d W"], room))


def test_each_two_axes_have_a_map_of_their_own():
    rng = np.random.default_rng(5)
    expected = rng.standard_normal((3, 40, 5, 2)).astype(np.float32)
    actual = expected * (1 + rng.standard_normal(expected.shape).astype(np.float32) * 3e-6)
    verdict = compared(actual, expected, Fixed(1e-6, 0.0))
    excess = np.abs(actual.astype(float) - expected) / (1e-6 * np.abs(expected.astype(float)))
    drawn = further(verdict)
    assert [picture["axes"][:2] for picture in drawn] == [
        ((0,), (1,)), ((0,), (2,)), ((0,), (3,)), ((1,), (2,)), ((1,), (3,)), ((2,), (3,))
    ]  # fmt: skip
    for picture in drawn:
        (one,), (other,), rest = picture["axes"]
        most = excess.max(axis=rest)
        rows, columns = picture["down"], [n // picture["unit"] for n in picture["across"]]
        tiles = [most[a:b, c:d].max() for a, b in pairwise(rows) for c, d in pairwise(columns)]
        np.testing.assert_allclose(picture["excess"], tiles, rtol=2e-2)
        worst = int(np.argmax(picture["excess"]))
        assert picture["at"][worst] == excess.argmax()
        assert sum(picture["beyond"]) == np.count_nonzero(excess > 1)
        assert picture["values"][1][worst] == pytest.approx(actual.flat[excess.argmax()])
        assert one < other


@pytest.mark.parametrize("shape", [(6,), (4, 5), (1, 4, 5), ()])
def test_two_axes_are_not_chosen_from(shape):
    assert not list(planes(shape, 1000))


def test_a_large_array_is_not_copied_for_each_two_axes():
    expected = np.zeros((4, 4, LARGE // 16 + 1), np.float32)
    verdict = compared(expected, expected, Fixed(1e-6, 0.0))
    assert not further(verdict)
