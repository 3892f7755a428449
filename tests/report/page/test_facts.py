"""The page as text: what it holds, what cannot get into it, how it stays small."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from pages import page

from gradcmp.case import Auto, Case, DTypeTable, Expression, Fixed, InputSpec, Ulp
from gradcmp.config.files import load_text
from gradcmp.judge.verdict import Pair
from gradcmp.report import report_named
from gradcmp.report.html import ROOM, asset
from gradcmp.report.page.case_yaml import case_yaml
from gradcmp.report.page.facts import of_case

EVIL = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "a\u2028b\u2029c",
    "\"quotes\" 'and' `ticks` & <!-- ]]>",
    "javascript:alert(1)",
)


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
