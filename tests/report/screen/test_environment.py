"""What differs beside the numbers is said before the numbers, once, and at any width."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rich.cells import cell_len

from gradcmp.case import Case
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Origin, Recording
from gradcmp.report.screen.environment import Differences, differences

CASE = Case("square", {}, {}, "Y", (), ())
ORIGIN = Origin(CASE, {"X": "ab" * 32}, {"gradcmp": "1", "machine": "Linux x86_64"})
OLD = Recording("torch", "float32", {"Y": np.ones(2)}, {}, {"torch": "2.12.0"}, {}, ORIGIN)
NEW = replace(OLD, environment={"torch": "2.13.0"})
LOOSE = Recording("", "", {"Y": np.ones(2)}, {})


PAIR = Pair("new", "old")


def verdict(actual, expected):
    by = {PAIR.expected: expected, PAIR.actual: actual}
    return CaseVerdict(CASE, PAIR.expected, by, {PAIR: {}})


@pytest.mark.parametrize("width", [40, 80])
def test_it_says_what_differs_and_nothing_else(show, width):
    text = show(Differences([verdict(NEW, OLD), verdict(NEW, OLD)]), width)
    assert " ".join(text.split()) == (
        "what differs beside the numbers (2 cases) new old torch 2.13.0 2.12.0"
    )
    assert max(map(cell_len, text.splitlines())) <= width


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ({"dtype": "float64"}, ("dtype", "float64", "float32")),
        ({"backend": "jax"}, ("backend", "jax", "torch")),
        ({"environment": {}}, ("torch", "–", "2.12.0")),
        (
            {"origin": replace(ORIGIN, hashes={"X": "cd" * 32})},
            ("inputs", "X cdcdcdcd", "X abababab"),
        ),
        ({"origin": replace(ORIGIN, case=replace(CASE, seed=4))}, ("seed", "4", "0")),
        (
            {"origin": replace(ORIGIN, recorder={"gradcmp": "1", "machine": "Darwin arm64"})},
            ("machine", "Darwin arm64", "Linux x86_64"),
        ),
    ],
)
def test_every_fact_counts(change, row):
    assert list(differences(replace(OLD, **change), OLD)) == [row]


def test_silence_would_be_ambiguous(show):
    assert "new – old: recorded in the same environment" in show(Differences([verdict(OLD, OLD)]))


def test_arrays_alone_do_not_pass_for_the_same_inputs(show):
    text = " ".join(show(Differences([verdict(LOOSE, LOOSE)])).split())
    assert text.endswith("inputs not known not known")


def test_of_arrays_beside_a_recording_only_the_inputs_are_in_doubt():
    assert list(differences(LOOSE, OLD)) == [("inputs", "not known", "X abababab")]


def test_a_run_says_nothing_of_it(show):
    plain = replace(OLD, origin=None)
    assert show(Differences([verdict(plain, plain)])) == ""


def test_a_hostile_version_cannot_steer_the_terminal(show):
    evil = replace(OLD, environment={"torch": "\x1b[2J[red]2"})
    text = show(Differences([verdict(evil, OLD)]))
    assert "\x1b" not in text
    assert r"\x1b[2J[red]2" in text
