"""SARIF: a result for each disagreement, where it stands, as the standard has it."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import jsonschema
import pytest

from gradcmp.case import Expression, Location
from gradcmp.errors import ExitCode
from gradcmp.judge.comparison import Verdict
from gradcmp.judge.verdict import Divergence, Sensitivity
from gradcmp.report import github
from gradcmp.report.sarif import report
from tests.surroundings import REQUIRED

# Of the SARIF 2.1.0 standard, sections 3.13, 3.14, 3.18-3.20, 3.27 and 3.58: what we write.
LEVELS = {"none", "note", "warning", "error"}
SCHEMA = os.environ.get("GRADCMP_SARIF_SCHEMA")  # npm's @microsoft/sarif-multitool-linux ships it
RESULT = {
    "ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints", "suppressions"
}  # fmt: skip


def run_of(*verdicts):
    log = json.loads(report(verdicts))
    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    if SCHEMA:
        jsonschema.validate(log, json.loads(Path(SCHEMA).read_text("utf-8")))
    (run,) = log["runs"]
    assert run["tool"]["driver"]["informationUri"].startswith("https://")
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert run["tool"]["driver"]["name"] == "gradcmp"
    assert len(set(rules)) == len(rules)
    for result in run["results"]:
        assert set(result) <= RESULT
        assert result["level"] in LEVELS
        assert result["message"]["text"]
        assert rules[result["ruleIndex"]] == result["ruleId"]
    return run


def test_a_result_for_each_disagreement(verdict):
    run = run_of(verdict)
    errors = [result for result in run["results"] if result["level"] == "error"]
    assert len(errors) == len(verdict.disagreements)
    prints = {json.dumps(result["partialFingerprints"]) for result in run["results"]}
    assert len(prints) == len(run["results"])


def test_a_weak_check_is_a_warning_and_an_error_under_strict(make):
    verdict = dataclasses.replace(make(), sensitivity={"d Y": Sensitivity({"zero": 1.0})})
    strict = dataclasses.replace(verdict, case=dataclasses.replace(verdict.case, strict=True))
    for one, level in ((verdict, "warning"), (strict, "error")):
        (result,) = run_of(one)["results"]
        assert (result["ruleId"], result["level"]) == ("GC204", level)
        assert "d Y is a weak check: a gradient of zero" in result["message"]["text"]


def test_what_fails_without_a_disagreement_is_a_notification(verdict):
    (invocation,) = run_of(verdict)["invocations"]
    assert invocation["exitCode"] == verdict.exit_code
    assert invocation["executionSuccessful"] == (
        verdict.exit_code is not ExitCode.COULD_NOT_COMPARE
    )
    if verdict.exit_code is ExitCode.COULD_NOT_COMPARE:
        told = invocation["toolExecutionNotifications"]
        assert any(one["level"] == "error" for one in told)


def test_no_case_is_no_success():
    (invocation,) = run_of()["invocations"]
    assert not invocation["executionSuccessful"]
    assert "nothing was compared" in invocation["toolExecutionNotifications"][0]["message"]["text"]


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("configs/a b.yaml", "configs/a%20b.yaml"),
        ("/cases/a.yaml", "file:///cases/a.yaml"),
        ("a:b%.yaml", "a%3Ab%25.yaml"),
    ],
)
def test_the_place_is_a_uri_and_a_line(verdicts, file, uri):
    verdict = verdicts["hidden"]
    case = dataclasses.replace(verdict.case, where=Location(file, 12))
    (result,) = run_of(dataclasses.replace(verdict, case=case))["results"]
    assert result["locations"] == [
        {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 12}}}
    ]
    assert "d Y[1,1]" in result["message"]["text"]


def test_a_warning_is_a_warning_until_strict(make, flip):
    warned = dataclasses.replace(flip(), verdict=Verdict(True, "precision"))
    verdict = make(("numpy", "torch"), {("torch", "numpy", "d Y"): warned})
    assert [one["level"] for one in run_of(verdict)["results"]] == ["warning"]
    strict = dataclasses.replace(verdict, case=dataclasses.replace(verdict.case, strict=True))
    assert [one["level"] for one in run_of(strict)["results"]] == ["error"]


def test_what_is_known_is_suppressed(verdicts):
    verdict = verdicts["hidden"]
    ((pair, name, _),) = verdict.disagreements
    known = dataclasses.replace(verdict, known={(pair, name): "a reason"})
    (result,) = run_of(known)["results"]
    assert result["suppressions"] == [{"kind": "external", "justification": "a reason"}]


@pytest.mark.parametrize("name", ["[click](http://example.org)", "\ud800", "\x00", '"}'])
def test_names_stay_names(make, flip, name):
    wrong = {(name, "numpy", "d Y"): flip()}
    (result,) = run_of(make(("numpy", name), wrong, name=name))["results"]
    assert "](" not in result["message"]["text"]


def test_the_official_schema_is_there_for_the_tests_above():
    if not SCHEMA and "sarif" not in REQUIRED:
        pytest.skip("GRADCMP_SARIF_SCHEMA names no schema: see .ci/run for where to have it")
    assert SCHEMA
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": "2.1.0"}, json.loads(Path(SCHEMA).read_text("utf-8")))


def test_a_result_stands_on_the_line_of_the_node_where_it_begins(make, flip):
    begun = make(("numpy", "torch"), {("torch", "numpy", "d Y"): flip()})
    (pair,) = begun.comparisons
    graph = {"z": Expression("X*Y", Location("a.yaml", 7)), "s": Expression("sum(z)")}
    case = dataclasses.replace(begun.case, graph=graph, where=Location("a.yaml", 2))
    edges, divergence = {"z": ("X", "Y"), "s": ("z",)}, {pair: {"d Y": Divergence(None, "d Y")}}
    begun = dataclasses.replace(begun, case=case, edges=edges, divergences=divergence)
    (result,) = [one for one in run_of(begun)["results"] if one["level"] == "error"]
    place = result["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "a.yaml"}, "region": {"startLine": 7}}
    (annotation,) = github.report([begun]).splitlines()
    assert "file=a.yaml,line=7" in annotation
