"""The matrix of cases and pairs: what is seen first, and read without a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradcmp.errors import ExitCode
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Failure
from gradcmp.report.words.faults import severity
from gradcmp.report.words.sentence import MARKS, amount, brief
from gradcmp.report.words.sides import level_beside, wrong_in

LETTERS = {ExitCode.AGREE: "a", ExitCode.DISAGREE: "d", ExitCode.COULD_NOT_COMPARE: "u"}


@dataclass(frozen=True)
class Cell:
    """One case and pair: a letter and words.

    The letters are those of the page: agrees, warns, disagrees, right beside a wrong reference,
    unknown, nothing.
    """

    letter: str
    text: str


NOTHING = Cell("n", "not run")
AGREES = Cell("a", "agree")


@dataclass(frozen=True)
class Row:
    """One case.

    Attributes
    ----------
    reference : Cell, optional
        Where the reference itself is known to be wrong.
    """

    letter: str
    word: str
    name: str
    brief: str
    cells: tuple[Cell, ...]
    reference: Cell | None = None


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
        seen = cell(verdict, pair) if pair in verdict.comparisons else NOTHING
        cells.append(failed if failed and seen.letter != "d" else seen)
    return Row(
        letter, MARKS[code].word, verdict.case.name, brief(verdict), tuple(cells), blamed(verdict)
    )


def blamed(verdict: CaseVerdict) -> Cell | None:
    """Return in which tensors the reference is wrong; None where it is not known to be."""
    wrong = wrong_in(verdict)
    return Cell("d", f"{verdict.reference} is wrong in {', '.join(wrong)}") if wrong else None


def _why(failure: Failure) -> str:
    return f"could not compare: {failure.backend} {failure.kind}"


def cell(verdict: CaseVerdict, pair: Pair) -> Cell:
    """Return the worst of one pair in words, when there is anything to say.

    What differs only from a reference that is wrong has a letter of its own.
    """
    by = verdict.comparisons[pair]
    odd = {name: one for name, one in by.items() if not one.agrees or one.verdict.warns}
    if not odd:
        return AGREES if by else Cell("u", "nothing compared")
    name = max(odd, key=lambda tensor: severity(odd[tensor]))
    worst = odd[name]
    word = "warns" if worst.agrees else "disagree"
    levels = {level_beside(verdict, pair, tensor) for tensor in odd}
    letter = "d" if "disagree" in levels else "r" if "apart" in levels else word[0]
    wrong = verdict.wrong_sides(pair, name) if letter != word[0] else ()
    beside = f"; wrong: {' and '.join(wrong)}" if wrong else ""
    far = amount(worst)
    reason = worst.verdict.reason
    amount_of = "" if far == reason else f", {far}"
    return Cell(letter, f"{word}: {name}, {reason}{amount_of}{beside}")
