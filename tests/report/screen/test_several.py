"""Several cases on a screen: none that fails vanishes, and many that agree are counted."""

from __future__ import annotations

import dataclasses
import re

import pytest

from gradcmp.judge.comparison import Verdict
from gradcmp.report.screen.several import FEW, MANY, Closing, Finished, screen


def test_of_several_cases_those_that_agree_have_a_line(verdicts, show):
    text = show(screen([verdicts["agree"], verdicts["three"]]))
    assert len(text.splitlines()) == 3
    assert text.startswith("✓ seed  7 backends agree in 9 tensors; worst 0.5 ULP (d Y)")
    assert text.endswith("✓ 2 cases: 2 agree, 0 disagree, 0 could not compare\n")


def test_of_many_cases_those_that_do_not_agree_are_drawn(verdicts, show):
    agree = [verdicts["agree"]] * 5
    text = show(screen([*agree, verdicts["hidden"], verdicts["crashed"]]))
    assert re.findall(r"^[✗?] seed: (\S+ \S+)", text, re.M) == ["jax:jit and", "could not"]
    assert "jax:jit crashed" in text
    assert text.endswith("✗ 7 cases: 5 agree, 1 disagree, 1 could not compare\n")


def test_of_many_that_do_not_agree_none_vanishes(verdicts, show):
    wrong = [
        dataclasses.replace(
            verdicts["hidden"], case=dataclasses.replace(verdicts["hidden"].case, name=f"case{i}")
        )
        for i in range(5)
    ]
    text = show(screen(wrong))
    assert re.findall(r"^✗ (case\d): jax:jit and torch disagree", text, re.M) == [
        f"case{i}" for i in range(5)
    ]


def test_the_end_has_a_line_for_every_case_that_fails(verdicts, show):
    text = show(Closing(list(verdicts.values()), len(verdicts)), 400)
    failing = [one for one in verdicts.values() if not one.agrees]
    assert len(re.findall(r"^[✗?] (?!\d+ cases)", text, re.M)) == len(failing)
    far = r".*; worst 2\.9e7 ULP, .* \(d Y, jax:jit – torch\)$"
    assert re.search(rf"^✗ seed .*disagree in the gradient of Y{far}", text, re.M)
    assert re.search(r"^\? seed .*could not compare: jax:jit crashed; the rest agrees$", text, re.M)


def named(verdict, name, **more):
    return dataclasses.replace(verdict, case=dataclasses.replace(verdict.case, name=name), **more)


@pytest.mark.parametrize("width", [80, 120])
def test_two_hundred_cases_with_five_failures(verdicts, show, width):
    many = [
        named(verdicts["hidden" if i % 40 == 7 else "agree"], f"case{i:03d}", seconds=float(i))
        for i in range(200)
    ]
    failed = [f"case{i:03d}" for i in range(7, 200, 40)]
    text = show(screen(many), width)
    assert max(map(len, text.splitlines())) <= width
    assert re.findall(r"^✗ (case\d+):", text, re.M) == failed
    assert re.findall(r"^✗ (case\d+)  ", text, re.M) == failed  # again, where the eye is
    assert "case001" not in text
    assert text.endswith("✗ 200 cases: 195 agree, 5 disagree, 0 could not compare\n")
    assert len(re.findall(r"^worst difference", text, re.M)) == FEW
    timed = show(Closing(many, 200, 31.25), width)
    assert "slowest: case199 199.0 s, case198 198.0 s, case197 197.0 s" in timed
    assert timed.endswith("could not compare in 31.2 s\n")


def test_of_few_cases_each_has_a_line(verdicts, show):
    text = show(screen([verdicts["agree"]] * MANY))
    assert len(re.findall("^✓ seed", text, re.M)) == MANY


def test_a_case_that_warns_is_never_folded_and_counted_apart(make, show):
    verdict = make(("numpy", "torch"))
    (pair,) = verdict.comparisons
    comparisons = dict(verdict.comparisons[pair])
    comparisons["d Y"] = dataclasses.replace(comparisons["d Y"], verdict=Verdict(True, "kink"))
    warned = named(dataclasses.replace(verdict, comparisons={pair: comparisons}), "warned")
    text = show(screen([*[verdict] * 2 * MANY, warned]))
    assert re.search("^! warned", text, re.M)
    assert f"{2 * MANY} agree, 1 agree with warnings, 0 disagree" in text


def test_what_was_stopped_says_how_much_was_not_run(verdicts, show):
    assert show(Closing([verdicts["agree"]], 4)).endswith("; 3 further cases not run\n")
    assert "no case was run" in show(Closing([], 4, 1.0))


@pytest.mark.parametrize("before", [0, FEW])
def test_a_case_that_fails_is_shown_when_it_is_finished(verdicts, show, before):
    text = show(Finished(verdicts["hidden"], before, 200))
    assert text.startswith("✗ seed: ")
    assert ("worst difference" in text) == (before < FEW)


@pytest.mark.parametrize("cases", [MANY, MANY + 1])
def test_what_is_only_counted_says_nothing(verdicts, cases, show):
    for name, verdict in verdicts.items():
        part = Finished(verdict, 0, cases)
        assert part.says == bool(show(part).strip()), name
