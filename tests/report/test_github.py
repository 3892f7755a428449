"""Workflow commands: one for each case of which there is something to say, and none besides."""

from __future__ import annotations

import dataclasses
import re

import pytest

from gradcmp.case import Location
from gradcmp.errors import ExitCode
from gradcmp.judge.verdict import Sensitivity
from gradcmp.recording import Failure
from gradcmp.report.github import report

COMMAND = re.compile(r"::(?P<name>\w+) (?P<properties>[^:]*)::(?P<message>.*)")


def unescape(text):
    for code, meaning in (("%3A", ":"), ("%2C", ","), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(code, meaning)
    return text


def commands(*verdicts):
    """Read commands as GitHub's runner does: line by line."""
    found = []
    for line in report(verdicts).split("\n")[:-1]:
        match = COMMAND.fullmatch(line)
        assert match, line
        pairs = (part.split("=", 1) for part in match["properties"].split(","))
        properties = {key: unescape(value) for key, value in pairs}
        found.append((match["name"], properties, unescape(match["message"])))
    return found


def test_whatever_fails_is_an_error(verdict):
    names = [name for name, _, _ in commands(verdict)]
    assert ("error" in names) == (verdict.exit_code is not ExitCode.AGREE)


def test_no_case_is_an_error():
    ((name, _, message),) = commands()
    assert (name, message) == ("error", "no case was run: nothing was compared")


def test_the_annotation_is_on_the_line_of_the_case(verdicts):
    verdict = verdicts["disagree"]
    case = dataclasses.replace(verdict.case, where=Location("configs/a,b:c.yaml", 12))
    ((name, properties, message),) = commands(dataclasses.replace(verdict, case=case))
    assert name == "error"
    assert (properties["file"], properties["line"]) == ("configs/a,b:c.yaml", "12")
    assert properties["title"] == "gradcmp: seed: disagree"
    told = "disagree in the gradient of Y (beyond the tolerance); 1 of 9 tensors; worst 2.9e7 ULP"
    assert message.startswith("disagree: torch and ")
    assert told in message


def test_reservations_are_no_errors(verdicts, make):
    weak = dataclasses.replace(make(), sensitivity={"d Y": Sensitivity({"zero": 1.0})})
    ((name, _, message),) = commands(weak)
    assert name == "warning"
    assert message.endswith("d Y is a weak check: a gradient of zero would go unnoticed")
    assert [name for name, _, _ in commands(verdicts["absent"])] == ["notice"]
    assert commands(verdicts["agree"]) == []


@pytest.mark.parametrize(
    "name", ["\n::error::pwned", "\r::set-env name=x::y", "%0A::error::", "a,file=x", "a::b", "%"]
)
def test_names_make_no_commands(make, name):
    lost = Failure(name, "crashed", name, name)
    found = commands(make(("numpy", "torch"), failures=[lost], name=name))
    assert len(found) == 1
    _, properties, message = found[0]
    assert set(properties) == {"title"}
    spelt = name.replace("\n", "\\n").replace("\r", "\\r")
    assert spelt in properties["title"]
    assert spelt in message
