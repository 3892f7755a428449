"""The screen says what is true, says it at any width, and lets nothing steer the terminal."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from gradcmp.judge.blame import Group, Groups
from gradcmp.report import REPORTS, report_named
from gradcmp.report.screen.several import screen
from gradcmp.report.screen.table import CaseTable

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]")
SGR = re.compile(r"\x1b\[[0-9;]*m")


def squeezed(text):
    """The text without what wrapping adds."""
    return " ".join(text.split())


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_screen(verdict, show, width, verbose):
    text = show(CaseTable(verdict, verbose), width)
    assert max(cell_len(line) for line in text.splitlines()) <= width


@pytest.mark.parametrize("verbose", [False, True])
def test_a_pipe_gets_neither_colours_nor_control_characters(verdict, show, verbose):
    assert not CONTROL.search(show(CaseTable(verdict, verbose)))


def test_a_terminal_gets_colours_and_no_other_control_sequence(verdict, show):
    text = show(CaseTable(verdict), color=True)
    assert SGR.search(text)
    assert not CONTROL.search(SGR.sub("", text))


def test_colour_says_nothing_that_the_text_does_not(verdict, show):
    assert SGR.sub("", show(CaseTable(verdict), color=True)) == show(CaseTable(verdict))


def test_no_color_is_honoured(verdicts):
    console = Console(force_terminal=True, width=80, _environ={"NO_COLOR": "1"})
    with console.capture() as capture:
        console.print(CaseTable(verdicts["disagree"]))
    colours = [code for code in SGR.findall(capture.get()) if re.search(r"\[(3|4|9|10)\d", code)]
    assert colours == []


def test_ascii_is_enough(verdict, show):
    text = show(CaseTable(verdict, verbose=True), encoding="ascii")
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 80


def test_ascii_says_disagree_in_letters(verdicts, show):
    text = show(CaseTable(verdicts["disagree"]), encoding="latin-1")
    assert "NO 2.9e7" in text
    assert "ok 0.5" in text


def test_ascii_keeps_the_meaning_of_a_rule(make, flip, show):
    rule = "|a − e| <= 1e-06 + 1e-05·|e|"
    wrong = {("torch", "numpy", "d Y"): dataclasses.replace(flip(), rule=rule)}
    text = show(CaseTable(make(("numpy", "torch"), wrong), verbose=True), encoding="ascii")
    assert "rule |a - e| <= 1e-06 + 1e-05*|e|" in text


def test_the_seed_case_at_a_glance(verdicts, show):
    text = show(CaseTable(verdicts["agree"]))
    assert text.startswith("✓ seed: 7 backends agree in 9 tensors\n")
    assert "with X normal 2×3, Y ones 2×3, Z arange 2×3" in text
    assert "node2 = node1 + Z" in text
    assert "with respect to X, Y, Z; seed 7, float32" in text
    assert "rule" not in text
    rows = re.findall(r"^(d \w+|node\d) +✓ (\S+)$", text, re.M)  # all six have the same figures
    assert rows == [(name, "0.5" if name == "d Y" else "0") for name in verdicts["agree"].tensors]
    assert re.search(r"^tensor +tensorflow:eager\n +tensorflow:graph\n", text, re.M)
    assert "rule |a - e| <= 1e-06 + 1e-05 * |e|" in show(CaseTable(verdicts["agree"], verbose=True))


def test_three_backends_need_one_table(verdicts, show):
    text = show(CaseTable(verdicts["three"]))
    assert text.count("tensor ") == 1
    assert "further" not in text


def test_names_are_folded_and_never_cut(verdicts, show):
    text = show(CaseTable(verdicts["long"]), 60)
    assert "n" * 200 in re.sub(r"\s", "", text)
    assert "/opt/environments/bin/python3.11" in re.sub(r"\s", "", text)
    assert "…" not in text


def test_a_disagreement_among_further_pairs_is_on_screen(verdicts, show):
    text = show(CaseTable(verdicts["hidden"]))
    assert text.startswith("✗ seed: jax:jit and torch disagree in the gradient of Y (beyond the")
    assert re.search(r"^jax:jit – torch +✗ 2\.9e7$", text, re.M)
    assert "✓ seed" not in text
    full = show(CaseTable(verdicts["hidden"], verbose=True))
    assert "✗ d Y disagrees in 1 of 21 pairs" in full


def test_every_disagreeing_tensor_is_on_screen(verdict, show):
    text = show(CaseTable(verdict))
    table = text[text.index("worst difference") :] if verdict.disagreements else ""
    for name in {name for _, name, _ in verdict.disagreements}:
        head = name if re.search(rf"^{name} .*✗", table, re.M) else "pair"
        assert re.search(rf"^{head} .*(✗|{name})", table, re.M)
    assert text.startswith("✗") == bool(verdict.disagreements)


def test_every_disagreeing_pair_is_among_everything(verdict, show):
    text = re.sub(r"\s", "", show(CaseTable(verdict, verbose=True)))
    assert text.count("✗") >= len(verdict.disagreements) or not verdict.disagreements


def test_verbose_shows_every_pair(verdicts, show):
    text = show(CaseTable(verdicts["agree"], verbose=True))
    assert "further" not in text
    assert text.count("✓") == 21 * 9 + 1  # and the title


def test_the_worst_element_in_full(verdicts, show):
    text = show(CaseTable(verdicts["hidden"]))
    worst = "worst [1,1] jax:jit -3.5 torch 3.5 difference 7 = 1.94e5 × what is allowed; 2.9e7 ULP"
    assert worst in squeezed(text)
    text = show(CaseTable(verdicts["hidden"], verbose=True))
    assert re.search(r"jax:jit – torch +1/6 17% +\[1,1\] +7 +2 +2\.9e7 +3\.6e-5", text)
    assert "tolerance; rule |a - e| <= 1e-06 + 1e-05 * |e|" in text
    values = text[text.index("value at") :]
    assert all(re.search(rf"{label} +3\.5", values) for label in verdicts["hidden"].recordings)


def thirds(make, flip, *dtypes):
    """Return a verdict in which the worst element is 1/3 in several dtypes."""
    third = np.asarray(1 / 3)
    labels, wrong = ("numpy", "torch"), flip()
    expected, actual = (float(third.astype(dtype)) for dtype in dtypes)
    worst = dataclasses.replace(wrong.worst, actual=actual, expected=expected)
    found = make(labels, {("torch", "numpy", "d Y"): wrong.with_measured(worst=worst)})
    replaced = {
        label: dataclasses.replace(r, gradients={**r.gradients, "Y": np.full((2, 3), third, dtype)})
        for (label, r), dtype in zip(found.recordings.items(), dtypes, strict=True)
    }
    return dataclasses.replace(found, outcomes=replaced)


def test_values_have_the_digits_of_their_own_dtype(make, flip, show):
    text = show(CaseTable(thirds(make, flip, "f8", "f4"), verbose=True))
    assert re.search(r"numpy +0\.3333333333333333\b", text)
    assert re.search(r"torch +0\.33333334\b", text)


def test_a_reader_who_subtracts_finds_the_difference(make, flip, show):
    text = squeezed(show(CaseTable(thirds(make, flip, "f8", "f4"))))
    torch, numpy = map(float, re.search(r"worst \S+ torch (\S+) numpy (\S+)", text).groups())
    assert torch - numpy == pytest.approx(float(np.float32(1 / 3)) - 1 / 3, rel=1e-3)


def test_one_backend_against_all_is_one_line(verdicts, show):
    others = tuple(label for label in verdicts["disagree"].recordings if label != "torch")
    groups = {"d Y": Groups((1, 1), (Group(others, 3.5, False), Group(("torch",), -3.5, True)))}
    text = show(CaseTable(dataclasses.replace(verdicts["disagree"], groups=groups)), 200)
    assert "✗ seed: torch's gradient of Y is wrong (beyond the tolerance)" in text
    assert f"-3.5: torch | 3.5: {', '.join(others)} " in text
    assert "pairs" not in text


@pytest.mark.parametrize(
    ("kind", "word"), [("nan", "non-finite"), ("missing", "missing"), ("shape", "shape")]
)
def test_what_has_no_ulp_is_said_in_a_word(verdicts, show, kind, word):
    assert f"✗ {word}" in show(CaseTable(verdicts[kind]))
    text = show(CaseTable(verdicts[kind], verbose=True))
    detail = next(c.verdict.detail for _, _, c in verdicts[kind].disagreements)
    assert f"{word}: {detail}" in squeezed(text)


def test_a_comparison_that_was_not_made_is_no_success(make, show):
    found = make(("numpy", "torch", "jax:jit"))
    by = dict(found.comparisons)
    pair = next(iter(by))
    by[pair] = {name: c for name, c in by[pair].items() if name != "d X"}
    assert re.search(
        r"d X .*\? not compared", show(CaseTable(dataclasses.replace(found, comparisons=by)))
    )


@pytest.mark.parametrize("kind", ["nothing", "nobody"])
def test_an_empty_verdict_does_not_read_as_success(verdicts, show, kind):
    text = show(CaseTable(verdicts[kind]))
    assert "✓" not in text
    assert "? seed: could not compare: nothing was compared with anything" in squeezed(text)


def test_no_verdict_at_all_does_not_read_as_success(show):
    text = show(screen([]))
    assert "✓" not in text
    assert "? no case was run: nothing was compared" in text


def test_a_crash_is_on_screen_with_its_last_words(verdicts, show):
    text = show(CaseTable(verdicts["crashed"]))
    assert text.startswith("? seed: could not compare: jax:jit crashed; the rest agrees")
    told = "not compared jax:jit crashed: the worker was ended by signal 11 (SIGSEGV)"
    assert told in squeezed(text)
    assert "│ Fatal Python error: Segmentation fault" in text


def test_a_disagreement_does_not_hide_a_crash(verdicts, show):
    text = squeezed(show(CaseTable(verdicts["disagrees and crashed"])))
    assert text.startswith("✗ seed: torch and numpy disagree in the gradient of Y")
    assert "not compared jax:jit crashed" in text
    assert "│ Fatal Python error" in text


def test_an_optional_absence_is_reported_and_agrees(verdicts, show):
    text = squeezed(show(CaseTable(verdicts["absent"])))
    assert text.startswith("✓ seed: 5 backends agree in 9 tensors")
    assert "not compared jax absent, optional: backend 'jax' is not installed" in text


def test_names_and_messages_are_neither_markup_nor_control(verdicts, show):
    text = show(CaseTable(verdicts["hostile"]))
    assert r"? [red]no markup[/red] \x1b[31m\u202e: could not compare" in text
    assert r"evil\x1b[2J error: [red]\x1b]0;title\x07\x9b31m" in squeezed(text)
    assert "│ [/]" in text


def test_many_tensors_are_bounded_and_counted(verdicts, show):
    text = squeezed(show(CaseTable(verdicts["everything"])))
    assert "2 downstream tensors follow from it: node2, node3" in text
    assert "also jax:jit and torch disagree in the gradient of node3" in text
    assert "and 5 tensors downstream" in text
    full = show(CaseTable(verdicts["everything"], verbose=True))
    assert full.count("disagrees in 2 of 21 pairs") == 9


def test_several_rules_are_all_shown(make, flip, show):
    other = dataclasses.replace(flip(), rule="at most 4 ulp")
    text = show(CaseTable(make(("numpy", "torch"), {("torch", "numpy", "d Y"): other}), True))
    assert "rule |a - e| <= 1e-06 + 1e-05 * |e|  (8 of 9)" in text
    assert "rule at most 4 ulp  (1 of 9)" in text


def test_verbose_prints_the_arrays_forward_then_backward(verdicts, show):
    text = show(CaseTable(verdicts["three"], verbose=True))
    assert text.index("inputs") < text.index("forward") < text.index("backward")
    assert "node3  all 3 backends\n    26.375\n" in text
    assert "d Y  all 3 backends\n    [[ 0.5   -1.25   2.   ]\n     [ 0.75   3.5   -0.125]]" in text


def test_verbose_prints_arrays_that_differ_apart(make, show):
    found = make(("numpy", "torch"))
    torch = found.recordings["torch"]
    odd = dataclasses.replace(torch, gradients={**torch.gradients, "Y": -torch.gradients["Y"]})
    found = dataclasses.replace(found, outcomes={**found.outcomes, "torch": odd})
    text = show(CaseTable(found, verbose=True))
    assert "d Y  numpy\n    [[ 0.5" in text
    assert "d Y  torch\n    [[-0.5" in text


def test_every_report_of_the_registry_gives_text(verdicts):
    for name in REPORTS:
        assert "jax:jit" in report_named(name)([verdicts["hidden"]])


def test_a_misspelt_report_is_corrected():
    with pytest.raises(Exception, match=r"no report 'jsno'. Did you mean 'json'\?"):
        report_named("jsno")
