"""The command that runs a case again is one that gradcmp takes, and asks for the same."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from gradcmp.case import BackendSpec, CodeSpec, Expression, Fixed, InputSpec
from gradcmp.config import parse_backend, parse_input, seed_case
from gradcmp.errors import NOWHERE, Location
from gradcmp.recording import Origin
from gradcmp.report import report_named
from gradcmp.report.answer.again import ALL, command

LABELS = ("numpy", "tensorflow:session", "torch", "jax,dtype=bfloat16")


@pytest.fixture
def verdict(make):
    """A verdict of a config's case, seed 7."""
    found = make(LABELS)
    return changed(found, where=Location("my cases/seed.yaml", 3))


def changed(verdict, **fields):
    return replace(verdict, case=replace(verdict.case, **fields))


def test_a_case_of_a_config_is_named_with_its_file(verdict):
    words = shlex.split(command(verdict, ("torch", "numpy")))
    assert words == [
        *("gradcmp", "run", "my cases/seed.yaml", "--case", "seed"),
        *("-b", "torch", "--seed", "7"),
    ]


def test_what_the_command_line_may_have_asked_for_is_asked_for(verdict):
    asked = changed(verdict, dtype="bfloat16", tolerance=Fixed(1e-3, 0.0), strict=True)
    more = "--seed 7 --dtype bfloat16 --rtol 0.001 --atol 0 --strict"
    assert command(asked).endswith(more)
    plain = changed(verdict, seed=0)
    assert command(plain) == "gradcmp run 'my cases/seed.yaml' --case seed"


@pytest.mark.parametrize("label", LABELS[1:])
def test_backends_are_written_as_they_are_read(make, verdict, label):
    asked = changed(verdict, backends=tuple(map(parse_backend, LABELS)))
    words = shlex.split(command(asked, (label,)))
    assert str(parse_backend(words[words.index("-b") + 1])) == label


def test_of_many_backends_none_is_named(verdict):
    assert "-b" not in command(verdict, LABELS[1:] + ("numpy",) * (ALL - 2))


def test_an_expression_needs_no_file(verdict):
    inputs = {"X": InputSpec("normal", (4, 3), {"mean": 300.0}), "n": InputSpec("arange", (2,))}
    asked = changed(verdict, where=None, graph={"output": Expression("sum(X) * n")}, inputs=inputs)
    words = shlex.split(command(asked, ("torch",)))
    assert words[:3] == ["gradcmp", "expr", "sum(X) * n"]
    given = [words[at + 1].partition("=") for at, word in enumerate(words) if word == "-i"]
    assert {name: parse_input(name, text) for name, _, text in given} == inputs


def test_two_functions_are_called_again(verdict):
    code = {
        "eager": CodeSpec("k.py:eager", BackendSpec("torch")),
        "fused": CodeSpec("k.py:Fused.apply", BackendSpec("torch")),
    }
    asked = changed(verdict, where=None, graph={}, code=code, reference="eager", seed=0)
    told = "gradcmp call torch=k.py:Fused.apply --against torch=k.py:eager -i X=normal:2x3"
    assert command(asked).startswith(told)


def test_where_a_shell_has_no_command_none_is_invented(verdict):
    files = {
        label: replace(one, origin=Origin(verdict.case, {}, {}))
        for label, one in verdict.recordings.items()
    }
    assert command(replace(verdict, outcomes=files)) == ""
    assert command(changed(verdict, where=None)) == ""  # a graph of several nodes
    written = {"X": InputSpec("values", None, {"values": [1.0]})}
    one = {"output": Expression("sum(X)")}
    assert command(changed(verdict, where=None, graph=one, inputs=written)) == ""


def test_the_built_in_case_is_in_no_file(verdict):
    assert seed_case().where == NOWHERE
    built_in = changed(verdict, where=NOWHERE, tolerance=Fixed(1e-12, 0.0))
    asked = "-b torch --seed 7 --rtol 1e-12 --atol 0"
    assert command(built_in, ("torch", "numpy")) == f"gradcmp run {asked}"


@pytest.mark.parametrize("name", ["json", "sarif", "github", "junit", "html", "markdown"])
def test_no_report_names_a_file_of_the_built_in_case(make, flip, name):
    found = make(("numpy", "torch"), {("torch", "numpy", "d Y"): flip()}, name="built-in")
    graph = {
        node: replace(written, where=Location("seed.yaml", 9))
        for node, written in found.case.graph.items()
    }
    built_in, in_a_file = (
        report_named(name)([changed(found, where=where, graph=graph)])
        for where in (NOWHERE, Location("seed.yaml", 3))
    )
    assert "seed.yaml" not in built_in
    assert "seed.yaml" in in_a_file
