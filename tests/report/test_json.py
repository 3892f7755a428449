"""The JSON report is strict, complete and versioned."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from gradcmp.errors import ExitCode
from gradcmp.report.answer.build import answer
from gradcmp.report.json import SCHEMA, report


def refuse(constant):
    raise ValueError(f"{constant} is not JSON")


def parsed(*verdicts):
    return json.loads(report(verdicts), parse_constant=refuse)


def comparison(facts, actual, expected, name):
    pair = next(p for p in facts["pairs"] if (p["actual"], p["expected"]) == (actual, expected))
    return next(t for t in pair["tensors"] if t["name"] == name)


def test_every_verdict_is_strict_json_in_ascii(verdict):
    assert report([verdict]).isascii()
    facts = parsed(verdict)
    assert facts["schema"] == SCHEMA == "gradcmp/report/1"
    assert facts["exit_code"] == facts["cases"][0]["exit_code"] == int(verdict.exit_code)


def test_nothing_is_left_out(verdict):
    (facts,) = parsed(verdict)["cases"]
    assert facts["name"] == verdict.case.name
    assert [backend["label"] for backend in facts["backends"]] == list(verdict.recordings)
    assert facts["failures"] == [dataclasses.asdict(failure) for failure in verdict.failures]
    told = {
        (pair["actual"], pair["expected"], tensor["name"]): tensor["verdict"]
        for pair in facts["pairs"]
        for tensor in pair["tensors"]
    }
    assert told == {
        (pair.actual, pair.expected, name): "agree" if comparison.agrees else "disagree"
        for pair, by in verdict.comparisons.items()
        for name, comparison in by.items()
    }


def test_the_worst_element_as_every_backend_has_it(verdicts):
    (facts,) = parsed(verdicts["hidden"])["cases"]
    found = comparison(facts, "jax:jit", "torch", "d Y")
    assert (found["verdict"], found["reason"]) == ("disagree", "tolerance")
    assert found["rule"] == "|a - e| <= 1e-06 + 1e-05 * |e|"
    assert (found["disagreeing"], found["total"]) == (1, 6)
    worst = found["worst"]
    assert (worst["index"], worst["actual"], worst["expected"]) == ([1, 1], -3.5, 3.5)
    assert (worst["absolute"], worst["relative"], worst["ulp"]) == (7.0, 2.0, 29360128.0)
    assert worst["excess"] == pytest.approx(7.0 / 3.6e-5)
    assert worst["values"] == dict.fromkeys(verdicts["hidden"].recordings, 3.5)
    assert np.array(found["excess"]).shape == (2, 3)


def test_what_json_cannot_write_is_a_string(make, flip):
    worst = dataclasses.replace(
        flip().worst, actual=math.nan, expected=-math.inf, absolute=math.inf, index=(1, 1)
    )
    odd = flip().with_measured(worst=worst, excess=np.array([math.inf, math.nan, 0.0]))
    (facts,) = parsed(make(("numpy", "torch"), {("torch", "numpy", "d Y"): odd}))["cases"]
    found = comparison(facts, "torch", "numpy", "d Y")
    assert found["worst"]["actual"] == "NaN"
    assert found["worst"]["expected"] == "-Infinity"
    assert found["worst"]["absolute"] == "Infinity"
    assert found["excess"] == ["Infinity", "NaN", 0.0]


def test_environment_and_timings_of_each_backend(verdicts):
    (facts,) = parsed(verdicts["agree"])["cases"]
    assert facts["backends"][0] == {
        "label": "numpy",
        "dtype": "float64",
        "environment": {"numpy": "2.4.6", "threads": "2"},
        "timings": {"forward": 0.001, "backward": 0.002},
    }


def test_the_question_is_part_of_the_answer(verdicts):
    (facts,) = parsed(verdicts["agree"])["cases"]
    assert (facts["seed"], facts["dtype"], facts["reference"]) == (7, "float32", "numpy")
    assert facts["graph"]["node2"] == "node1 + Z"
    assert facts["inputs"]["X"] == {"kind": "normal", "shape": [2, 3]}
    assert (facts["output"], facts["wrt"]) == ("node3", ["X", "Y", "Z"])


def test_keys_have_one_order(verdicts):
    orders = {tuple(parsed(verdict)["cases"][0]) for verdict in verdicts.values()}
    assert len(orders) == 1


@pytest.mark.parametrize(
    ("kinds", "code"),
    [
        ((), ExitCode.COULD_NOT_COMPARE),
        (("agree", "absent"), ExitCode.AGREE),
        (("agree", "crashed"), ExitCode.COULD_NOT_COMPARE),
        (("crashed", "disagree", "agree"), ExitCode.DISAGREE),
        (("nothing",), ExitCode.COULD_NOT_COMPARE),
    ],
)
def test_the_exit_code_of_all_cases(verdicts, kinds, code):
    assert parsed(*(verdicts[kind] for kind in kinds))["exit_code"] == code


def test_a_pair_without_comparisons_has_no_verdict(verdicts):
    found = verdicts["three"]
    empty = dataclasses.replace(found, comparisons={pair: {} for pair in found.comparisons})
    (facts,) = parsed(empty)["cases"]
    assert [pair["verdict"] for pair in facts["pairs"]] == [None] * 3
    assert facts["verdict"] == "could not compare"


def test_the_answer_is_that_of_the_screen(verdict):
    (facts,) = parsed(verdict)["cases"]
    told, shown = facts["answer"], answer(verdict)
    assert told["title"] == shown.title
    for line, one in zip(told["lines"], shown.text.splitlines()[1:], strict=True):
        assert one.strip() == "   ".join(filter(None, (line["label"], line["text"])))
    assert told["code"] == shown.code
    assert [one["tensors"] for one in told["faults"]] == [list(one.names) for one in shown.faults]
