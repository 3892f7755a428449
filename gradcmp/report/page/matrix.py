"""The matrix of cases and pairs: what is seen first, and read without a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradcmp.errors import ExitCode
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Failure
from gradcmp.report.words.judgement import gravity
from gradcmp.report.words.sentence import MARKS, amount, brief

LETTERS = {ExitCode.AGREE: "a", ExitCode.DISAGREE: "d", ExitCode.COULD_NOT_COMPARE: "u"}


@dataclass(frozen=True)
class Cell:
    """One case and pair: a letter (agrees, warns, disagrees, unknown, nothing) and words."""

    letter: str
    text: str


NOTHING = Cell("n", "not run")
AGREES = Cell("a", "agree")


@dataclass(frozen=True)
class Row:
    """One case."""

    letter: str
    word: str
    name: str
    brief: str
    cells: tuple[Cell, ...]


def columns(verdicts: Sequence[CaseVerdict]) -> tuple[Pair, ...]:
    """Return all pairs in the order in which they first occur; a lost backend stands too."""
    found: dict[Pair, None] = {}
    for verdict in verdicts:
        found.update(dict.fromkeys(verdict.comparisons))
        lost = {failure.backend for failure in verdict.failures} - verdict.recordings.keys()
        found.update(
            (Pair(label, verdict.reference), None)
            for label in verdict.outcomes
            if label in lost and label != verdict.reference
        )
    return tuple(found)


def row(verdict: CaseVerdict, pairs: Sequence[Pair]) -> Row:
    """Return the row of a case below these columns."""
    code = verdict.exit_code
    letter = "w" if code is ExitCode.AGREE and verdict.warnings else LETTERS[code]
    lost = {failure.backend: Cell("u", _why(failure)) for failure in verdict.failures}
    cells = []
    for pair in pairs:
        failed = lost.get(pair.actual) or lost.get(pair.expected)
        seen = cell(verdict.comparisons[pair]) if pair in verdict.comparisons else NOTHING
        cells.append(failed if failed and seen.letter != "d" else seen)
    return Row(letter, MARKS[code].word, verdict.case.name, brief(verdict), tuple(cells))


def _why(failure: Failure) -> str:
    return f"could not compare: {failure.backend} {failure.kind}"


def cell(by: Mapping[str, Comparison]) -> Cell:
    """Return the worst of one pair in words, when there is anything to say."""
    odd = {name: one for name, one in by.items() if not one.agrees or one.verdict.warns}
    if not odd:
        return AGREES if by else Cell("u", "nothing compared")
    nobody = Pair("", "")
    name = max(odd, key=lambda tensor: gravity((nobody, tensor, odd[tensor])))
    worst = odd[name]
    word = "warns" if worst.agrees else "disagree"
    far = amount(worst)
    reason = worst.verdict.reason
    return Cell(word[0], f"{word}: {name}, {reason}" + ("" if far == reason else f", {far}"))
