"""The page as text: what it holds, what cannot get into it, how it stays small."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import ml_dtypes
import numpy as np
import pytest

from gradcmp.case import Auto, Case, DTypeTable, Expression, Fixed, InputSpec, Ulp
from gradcmp.config.files import load_text
from gradcmp.judge import compare
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Recording
from gradcmp.report import report_named
from gradcmp.report.html import ROOM, asset
from gradcmp.report.page.case_yaml import case_yaml
from gradcmp.report.page.facts import of_case, size
from gradcmp.report.page.maps import OWN, SIDE, WORST, heat_map, layout, numbers, shortened

EVIL = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "a\u2028b\u2029c",
    "\"quotes\" 'and' `ticks` & <!-- ]]>",
    "javascript:alert(1)",
)


class Page(HTMLParser):
    """Tags, and the text within scripts that are data."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.data, self.inside = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag if ("type", "application/json") in attrs else None
        if self.inside:
            self.data.append("")

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside:
            self.data[-1] += data

    @property
    def facts(self):
        return [json.loads(text, parse_constant=refuse) for text in self.data[:-1]]


def refuse(constant):
    raise ValueError(f"{constant} is not JSON")


def page(*verdicts):
    return Page(report_named("html")(verdicts))


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


def test_every_verdict_makes_a_page(verdict):
    made = page(verdict)
    (facts,) = made.facts
    assert [pair for pair in facts["pairs"]] == [
        [p.actual, p.expected] for p in verdict.comparisons
    ]
    assert len(facts["tensors"]) == len(verdict.tensors)
    odd = {(str(pair), name) for pair, name, _ in verdict.disagreements[:6]}
    shown = {
        (" – ".join(facts["pairs"][view["pair"]]), tensor["name"])
        for tensor in facts["tensors"]
        for view in tensor["views"]
        if view["sign"] == "d"
    }
    assert shown <= odd or len(verdict.disagreements) > 6
    assert bool(shown) == bool(odd)


def test_no_case_is_a_page_too():
    assert "no case was run" in report_named("html")([])


def test_the_file_needs_nothing_else(verdicts):
    made = page(*verdicts.values())
    assert not [attrs for tag, attrs in made.tags if "src" in attrs]
    links = [attrs["href"] for _, attrs in made.tags if "href" in attrs]
    assert {link[0] for link in links} == {"#", "d"}
    policy = next(attrs["content"] for tag, attrs in made.tags if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy


@pytest.mark.parametrize("evil", EVIL)
def test_nothing_from_a_case_becomes_markup(make, verdicts, evil):
    plain = page(make(("numpy", "torch")))
    spoilt = make(("numpy", "torch", evil), name=evil)
    case = dataclasses.replace(
        spoilt.case,
        description=evil,
        inputs={evil: InputSpec("normal", (2, 3), {"std": evil})},
        graph={"node1": Expression("X * Y"), evil: Expression("node1")},
    )
    lost = dataclasses.replace(
        verdicts["crashed"].failures[0], backend=evil + "2", message=evil, stderr=evil
    )
    by = {evil: spoilt.comparisons[Pair("torch", "numpy")]["d Y"]}
    spoilt = dataclasses.replace(
        spoilt,
        case=case,
        comparisons={**spoilt.comparisons, Pair("torch", "numpy"): by},
        outcomes={**spoilt.outcomes, lost.backend: lost},
    )
    made = page(spoilt)
    known = {tag for tag, _ in plain.tags} | {"i"}
    assert {tag for tag, _ in made.tags} <= known
    assert not [attrs for _, attrs in made.tags if any(key.startswith("on") for key in attrs)]
    assert len([tag for tag, _ in made.tags if tag == "script"]) == len(
        [tag for tag, _ in plain.tags if tag == "script"]
    )
    (facts,) = made.facts
    assert facts["failures"][0]["message"].replace("\\u", "") == evil.replace(
        "\u2028", "2028"
    ).replace("\u2029", "2029")
    text = report_named("html")([spoilt])
    assert ("<" in evil) <= (evil not in text)
    assert ("{{" in evil) <= (evil in text)


def test_control_characters_are_spelt_out(verdicts):
    text = report_named("html")([verdicts["hostile"]])
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert "\\x1b" in text


# ---- heat maps


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
    picture = json.loads(made["tensors"][0]["views"][0]["map"], parse_constant=refuse)
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


# ---- what a file may weigh


@pytest.mark.parametrize("room", [3_000, 30_000, 300_000])
def test_facts_fit_their_room(room):
    rng = np.random.default_rng(0)
    expected = rng.standard_normal((200, 200)).astype(np.float32)
    verdict = compared(-expected, expected, DTypeTable(), backends=8)
    facts = of_case(verdict, room)
    assert size(facts) <= 1.1 * max(room, 4_000)
    assert facts["left"] + sum(len(t["views"]) for t in facts["tensors"]) == 6


@pytest.mark.slow
def test_a_thousand_large_disagreements_fit():
    rng = np.random.default_rng(0)
    expected = rng.standard_normal((64, 64)).astype(np.float32)
    verdict = compared(-expected, expected, DTypeTable(), backends=7)
    assert len(report_named("html")([verdict] * 1000).encode()) < 10_000_000
    assert ROOM < 9_000_000


# ---- the case as YAML


def test_the_case_on_the_page_is_a_config_of_the_same_case():
    from gradcmp import seed_case

    case = seed_case()
    (again,) = load_text(case_yaml(case), "again.yaml")
    assert again == dataclasses.replace(case, inputs=again.inputs, graph=again.graph)
    assert {name: spec for name, spec in again.inputs.items()} == dict(case.inputs)
    assert {n: e.text for n, e in again.graph.items()} == {n: e.text for n, e in case.graph.items()}


@pytest.mark.parametrize(
    ("tolerance", "written"),
    [(Auto(), "auto"), (DTypeTable(), "table"), (Ulp(4), "{ulp: 4}"),
     (Fixed(1e-5, 0.0), "{rtol: 1e-05, atol: 0.0}")],
)  # fmt: skip
def test_of_arrays_without_a_graph_the_page_knows_name_and_tolerance(tolerance, written):
    case = Case("a | b", {}, {}, "", (), (), tolerance)
    name, comment, last = case_yaml(case).splitlines()
    assert (name, last) == ('name: "a | b"', f"tolerance: {written}")
    assert comment.startswith("# ")


def test_a_node_reads_what_the_judge_says(make):
    graph = {name: reads for name, _, reads in of_case(make(("numpy", "torch")), ROOM)["graph"]}
    assert graph["node1"] == ["X", "Y"]
    assert graph["node2"] == ["node1", "Z"]
    assert not graph["X"]


# ---- the libraries


def test_the_libraries_are_those_that_were_released():
    """npm's own hashes, of the files as published."""
    import hashlib

    told = dict(
        re.findall(r"^\| (\S+\.js) .*? ([0-9a-f]{64}) \|$", asset("vendor/README.md"), re.M)
    )
    assert set(told) == {"d3.min.js", "d3-dag.min.js"}
    for name, sha in told.items():
        assert hashlib.sha256(asset(f"vendor/{name}").encode()).hexdigest() == sha


NOT_AUTO = "the table by dtype judges, not auto: these arrays have no graph"


def lacking(make, count=2):
    """A pair of which one side lacks tensors, judged by the table where auto was asked for."""
    verdict = make(("numpy", "torch"))
    names = ("node1", "d Z", *(f"more{i}" for i in range(count - 2)))
    pair = Pair("torch", "numpy")
    mine, theirs = verdict.recordings["torch"], verdict.recordings["numpy"]
    outcomes = {
        "torch": dataclasses.replace(
            mine, values={}, gradients={n: a for n, a in mine.gradients.items() if n != "Z"}
        ),
        "numpy": dataclasses.replace(
            theirs, values={**theirs.values, **{n: np.ones(1) for n in names[2:]}}
        ),
    }
    by = {n: c for n, c in verdict.comparisons[pair].items() if n not in names}
    return dataclasses.replace(
        verdict,
        outcomes=outcomes,
        comparisons={pair: by},
        not_given={pair: names},
        not_auto=NOT_AUTO,
    )


def test_what_one_side_did_not_give_is_there(make):
    (facts,) = page(lacking(make)).facts
    assert facts["unknown"] == [[0, "torch", "node1"], [0, "torch", "d Z"]]
    assert ["u", "torch did not give node1, d Z: of these nothing is known"] in facts["said"]
    signs = {tensor["name"]: tensor["signs"] for tensor in facts["tensors"]}
    assert (signs["node1"], signs["d Z"], signs["d Y"]) == ("u", "u", "a")
    (facts,) = page(make(("numpy", "torch"))).facts
    assert (facts["unknown"], facts["rule"]) == ([], "")


def test_what_one_side_did_not_give_does_not_fill_the_page(make):
    (facts,) = page(lacking(make, 3000)).facts
    assert (len(facts["unknown"]), facts["unknown_left"]) == (100, 2900)
    (said,) = [text for letter, text in facts["said"] if letter == "u"]
    assert said.endswith(" and 2970 more: of these nothing is known")


def test_why_auto_did_not_judge_is_there(make):
    (facts,) = page(lacking(make)).facts
    assert facts["rule"] == NOT_AUTO
