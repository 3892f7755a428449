"""Codes of verdicts: all of them have one, and none ever changes its meaning."""

from __future__ import annotations

from typing import get_args

from gradcmp.cli import main
from gradcmp.judge.comparison import Reason
from gradcmp.recording.records import FailureKind
from gradcmp.report.codes import BY_CODE, BY_NAME, TABLE, code

# As published: a code may be added, never given another meaning.
PUBLISHED = {
    "GC001": "exact", "GC002": "rounding",
    "GC101": "bug", "GC102": "suspect", "GC103": "tolerance", "GC104": "non-finite",
    "GC105": "range", "GC106": "shape", "GC107": "dtype", "GC108": "missing", "GC109": "empty",
    "GC201": "precision", "GC202": "note", "GC203": "kink", "GC204": "weak", "GC205": "unsteady",
    "GC301": "absent", "GC302": "crashed", "GC303": "timeout", "GC304": "error",
}  # fmt: skip


def test_published_codes_keep_their_meaning():
    assert {number: BY_CODE[number].name for number in PUBLISHED} == PUBLISHED


def test_every_reason_and_every_failure_has_a_code_of_its_own():
    assert {*get_args(Reason), *get_args(FailureKind)} <= set(BY_NAME)
    assert len(BY_NAME) == len(BY_CODE) == len(TABLE)


def test_each_is_explained_in_whole_sentences():
    for one in TABLE:
        assert {one.meaning[-1], one.remedy[-1]} == {"."}, one.code
        assert one.summary[0].islower() or one.summary.startswith("NaN"), one.code


def test_the_terminal_explains_a_code(capsys):
    assert main(["explain", code("bug").lower()]) == 0
    assert BY_NAME["bug"].meaning in capsys.readouterr().out.replace("\n", " ")


def test_another_code_is_an_error_that_lists_them(capsys):
    assert main(["explain", "GC999"]) == 2
    assert "GC101" in capsys.readouterr().err
