"""The matrix of cases and backends, read without a script; each pair in the triangle of a case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """One case and backend, or pair: a letter and words.

    The letters are those of the page: agrees, warns, disagrees, right beside a wrong reference,
    unknown, nothing, and ``o`` for a reference that is not known to be wrong.
    """

    letter: str
    text: str


NOTHING = Cell("n", "not run")
ALONE = Cell("u", "nothing compared")
AGREES = Cell("a", "agree")
REFERENCE = Cell("o", "the reference, not known to be wrong")
WORST = "duwra"  # letters of cells, the worst first


@dataclass(frozen=True)
class Row:
    """One case."""

    letter: str
    word: str
    name: str
    brief: str
    cells: tuple[Cell, ...]


def columns(verdicts: Sequence[CaseVerdict]) -> tuple[str, ...]:
    """Return all backends in the order in which they first occur; a lost one stands too."""
    found: dict[str, None] = {}
    for verdict in verdicts:
        found.update(dict.fromkeys(verdict.outcomes))
        found.update((label, None) for pair in verdict.comparisons for label in _labels(pair))
    return tuple(found)


def row(verdict: CaseVerdict, labels: Sequence[str]) -> Row:
    """Return the row of a case below these columns."""
    code = verdict.exit_code
    letter = "w" if code is ExitCode.AGREE and verdict.warnings else LETTERS[code]
    lost = {failure.backend: Cell("u", _why(failure)) for failure in verdict.failures}
    by = {pair: cell(verdict, pair) for pair in verdict.comparisons}
    apart = _apart(verdict)
    cells = []
    for label in labels:
        seen = backend(verdict, label, by, apart)
        cells.append(lost[label] if label in lost and seen.letter != "d" else seen)
    return Row(letter, MARKS[code].word, verdict.case.name, brief(verdict), tuple(cells))


def backend(
    verdict: CaseVerdict, label: str, by: Mapping[Pair, Cell], apart: Sequence[Pair]
) -> Cell:
    """Return how one backend fares.

    It is held against the reference. Pairs of others count where they disagree in what nobody is
    off the reference in, or where there is no reference.
    """
    mine = [pair for pair in by if label in _labels(pair)]
    if not mine:
        return ALONE if label in verdict.outcomes else NOTHING
    if label == verdict.reference:
        return blamed(verdict) or REFERENCE
    held = [pair for pair in mine if verdict.reference in _labels(pair)] or mine
    cells = [by[pair] for pair in held]
    cells += [
        Cell(by[pair].letter, f"{by[pair].text} ({pair})")
        for pair in mine
        if pair in apart and pair not in held
    ]
    return min(cells, key=lambda one: WORST.index(one.letter))


def _labels(pair: Pair) -> tuple[str, str]:
    return pair.actual, pair.expected


def _apart(verdict: CaseVerdict) -> list[Pair]:
    """Return the pairs that disagree in tensors in which nobody is off the reference."""
    off = {name for pair, name, _ in verdict.disagreements if verdict.reference in _labels(pair)}
    return [pair for pair, name, _ in verdict.disagreements if name not in off]


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
        return AGREES if by else ALONE
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
