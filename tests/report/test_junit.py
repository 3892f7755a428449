"""JUnit XML: what the common schemas allow, a failure for each disagreement, nothing injected."""

from __future__ import annotations

import dataclasses
import re
from xml.etree import ElementTree

import pytest
from junitparser import JUnitXml

from gradcmp.case import Location
from gradcmp.errors import ExitCode
from gradcmp.judge.verdict import Sensitivity
from gradcmp.recording import Failure
from gradcmp.report.junit import report

# Of Windy Road's JUnit.xsd for Ant, the strictest in use: attributes, and children in their order.
TIME = re.compile(r"\d+\.\d{3}")  # as the strictest of Jenkins' junit-10.xsd has it
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
COUNT = re.compile(r"\d+")
ANY = re.compile(r"(?s).*")
SOME = re.compile(r"(?s).+")
ATTRIBUTES = {
    "testsuites": {},
    "testsuite": {
        **dict.fromkeys(("id", "tests", "failures", "errors", "skipped"), COUNT),
        **dict.fromkeys(("name", "package", "hostname"), SOME),
        "timestamp": DATE,
        "time": TIME,
    },
    "properties": {},
    "property": {"name": SOME, "value": ANY},
    "testcase": {"name": SOME, "classname": SOME, "time": TIME},
    "failure": {"type": SOME, "message": ANY},
    "error": {"type": SOME, "message": ANY},
    "skipped": {"message": ANY},
    "system-out": {},
    "system-err": {},
}
CHILDREN = {
    "testsuites": "(testsuite )*",
    "testsuite": "properties (testcase )*system-out system-err ",
    "properties": "(property )*",
    "testcase": "((failure|error|skipped) )?",
}


def check(root):
    for element in root.iter():
        allowed = ATTRIBUTES[element.tag]
        assert set(element.attrib) == set(allowed)
        assert all(allowed[key].fullmatch(value) for key, value in element.attrib.items())
        children = "".join(f"{child.tag} " for child in element)
        assert re.fullmatch(CHILDREN.get(element.tag, ""), children)
    for suite in root:
        tests = suite.findall("testcase")
        assert int(suite.get("tests")) == len(tests)
        for tag, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert int(suite.get(count)) == sum(test.find(tag) is not None for test in tests)


def parsed(*verdicts):
    root = ElementTree.fromstring(report(verdicts))
    check(root)
    return root


def test_every_verdict_is_valid(verdicts):
    assert len(parsed(*verdicts.values())) == len(verdicts)


def test_another_program_reads_it(verdicts):
    """junitparser, which knows nothing of ours, counts what we counted."""
    read = JUnitXml.fromstring(report(list(verdicts.values())).encode())
    for suite, verdict in zip(read, verdicts.values(), strict=True):
        red = [test for test in suite if test.is_failure or test.is_error]
        assert bool(red) == (verdict.exit_code is not ExitCode.AGREE)
        assert len(red) == suite.failures + suite.errors


def test_a_case_takes_the_time_of_its_backends_and_no_import(verdicts):
    verdict = verdicts["agree"]
    timings = {"import": 8000.0, "forward": 0.5, "backward": 0.75, "total": 1.5}
    outcomes = {
        label: dataclasses.replace(one, timings=timings)
        for label, one in verdict.recordings.items()
    }
    (suite,) = parsed(dataclasses.replace(verdict, outcomes=outcomes))
    assert float(suite.get("time")) == 1.5 * len(outcomes)
    assert {test.get("time") for test in suite.iter("testcase")} == {"1.500"}


def test_the_rules_above_can_fail(verdicts):
    root = parsed(verdicts["agree"])
    root[0].find("testcase").set("line", "3")
    with pytest.raises(AssertionError):
        check(root)
    root = parsed(verdicts["disagree"])
    root[0].set("failures", "0")
    with pytest.raises(AssertionError):
        check(root)


def test_whatever_fails_is_red_and_what_agrees_is_green(verdict):
    root = parsed(verdict)
    red = {tag for tag in ("failure", "error") if root.find(f".//{tag}") is not None}
    assert bool(red) == (verdict.exit_code is not ExitCode.AGREE)
    assert ("failure" in red) == (verdict.exit_code is ExitCode.DISAGREE)


def test_a_test_case_for_each_pair_with_the_text_of_the_screen(verdicts):
    root = parsed(verdicts["disagree"])
    names = [test.get("name") for test in root.iter("testcase")]
    assert names == [str(pair) for pair in verdicts["disagree"].comparisons]
    failed = {t.get("name"): t.find("failure") for t in root.iter("testcase") if len(t)}
    assert len(failed) == 6
    failure = failed["torch – numpy"]
    assert failure.get("type") == "tolerance"
    assert "d Y, torch – numpy" in failure.get("message")
    assert "✗ d Y disagrees in 1 of 1 pair" in failure.text
    assert "torch – numpy   1/6 17%  [1,1]" in failure.text
    assert "rule |a - e| <= 1e-06 + 1e-05 * |e|" in failure.text


def test_of_many_failures_each_has_at_least_the_worst(make, flip):
    wrong = {("torch", "numpy", "d Y"): flip()}
    root = parsed(*(make(("numpy", "torch"), wrong) for _ in range(60)))
    failures = list(root.iter("failure"))
    assert len(failures) == 60
    assert all("2.9e7 ULP" in failure.get("message") for failure in failures)
    assert all(failure.text for failure in failures)


@pytest.mark.parametrize(
    ("kind", "required", "tag"),
    [
        ("crashed", True, "error"),
        ("crashed", False, "error"),
        ("timeout", True, "error"),
        ("absent", True, "error"),
        ("absent", False, "skipped"),
    ],
)
def test_a_backend_that_gave_nothing(make, kind, required, tag):
    lost = Failure("jax:jit", kind, "no jax here", "Fatal\n", required)
    test = parsed(make(("numpy", "torch"), failures=[lost])).findall(".//testcase")[-1]
    assert test.get("name") == "jax:jit"
    assert (test[0].tag, test[0].get("message")) == (tag, "no jax here")


def test_what_a_crashed_backend_wrote_is_there(verdicts):
    assert (
        "Fatal Python error: Segmentation fault"
        in parsed(verdicts["crashed"]).find(".//system-err").text
    )


def test_nothing_is_no_success(verdicts, make):
    assert parsed().find(".//error").get("message") == "no case was run: nothing was compared"
    assert parsed(verdicts["nothing"]).find(".//error") is not None
    pairs = make(("numpy", "torch"))
    empty = dataclasses.replace(pairs, comparisons={pair: {} for pair in pairs.comparisons})
    assert parsed(empty).find(".//error").get("type") == "nothing"


def test_what_warns_is_told_and_fails_under_strict(make):
    toothless = {"d Y": Sensitivity({"negated": 1.0})}
    verdict = dataclasses.replace(make(("numpy", "torch")), sensitivity=toothless)
    root = parsed(verdict)
    assert root.find(".//failure") is None
    assert "d Y is a weak check" in root.find(".//system-out").text
    strict = dataclasses.replace(verdict, case=dataclasses.replace(verdict.case, strict=True))
    assert "under strict" in parsed(strict).find(".//failure").get("message")


def test_the_place_of_the_case(make):
    verdict = make(("numpy", "torch"))
    case = dataclasses.replace(verdict.case, where=Location("configs/a.yaml", 7))
    root = parsed(dataclasses.replace(verdict, case=case))
    assert root[0].get("package") == "configs/a.yaml"
    assert root.find(".//property").attrib == {"name": "where", "value": "configs/a.yaml:7"}


@pytest.mark.parametrize(
    "name", ["]]><evil/>", '"><evil/>', "<script>", "&lt;", "a\nb", "\x00\x1b[2J", "\ufffe\ud800"]
)
def test_names_stay_names(make, flip, name):
    verdict = make(("numpy", name), {(name, "numpy", "d Y"): flip()}, name=name)
    lost = Failure(name, "error", name, name)
    root = parsed(dataclasses.replace(verdict, outcomes={**verdict.outcomes, "lost": lost}))
    assert root.find(".//evil") is None
    assert root.find(".//script") is None
    report([verdict]).encode("utf-8")
