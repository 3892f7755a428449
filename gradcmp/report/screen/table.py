"""The screen: the answer first, then what shows it, then with ``-v`` everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from gradcmp.judge.verdict import CaseVerdict
from gradcmp.recording import Failure
from gradcmp.report.answer.build import answer, lines_of
from gradcmp.report.answer.records import Answer
from gradcmp.report.screen.arrays import arrays
from gradcmp.report.screen.detail import details, pictured
from gradcmp.report.screen.first import drawn_lines, first
from gradcmp.report.screen.header import question
from gradcmp.report.screen.matrix import isolated, tables
from gradcmp.report.words.ink import DISAGREE, QUIET, UNKNOWN, Ink, tail
from gradcmp.report.words.judgement import (
    STYLES,
    drawn,
    isolated_nodes,
    judgements,
    nondeterministic,
    weak_checks,
)
from gradcmp.report.words.layouts import layouts
from gradcmp.report.words.sides import notes, stages, unknown
from gradcmp.report.words.titles import brief as brief_fault

FEW = 3  # faults of one case that are drawn
STDERR = 8  # lines of a failed backend's stderr


@dataclass(frozen=True)
class CaseTable:
    """One case on the screen, as wide as the console; a rich renderable.

    Attributes
    ----------
    verbose : bool
        Show every pair, the whole graph, every disagreement in full, and all arrays.
    more : bool
        Say which options show more.
    """

    verdict: CaseVerdict
    verbose: bool = False
    more: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return the lines, none of them wider than the console."""
        ink, verdict, verbose = Ink.on(console, options), self.verdict, self.verbose
        found = answer(verdict)
        yield from first(ink, found, self.more and not verbose)
        yield from further(ink, verdict, found)
        if asked := list(question(ink, verdict, verbose)):
            yield from (Text(), *asked)
        yield from tables(ink, verdict, verbose)
        yield from drawn(ink, stages(verdict))
        yield from drawn(ink, notes(verdict))
        yield from drawn(ink, unknown(verdict))
        if verdict.unexpected:
            yield from drawn(ink, weak_checks(verdict))
        yield from drawn(ink, nondeterministic(verdict))
        yield from isolated(ink, verdict)
        yield from drawn(ink, layouts(verdict, verbose))
        if verbose:
            yield from drawn(ink, isolated_nodes(verdict))
            yield from drawn(ink, judgements(verdict, verbose))
            yield from details(ink, verdict)
            yield from arrays(ink, verdict)
        else:
            yield from pictured(ink, found.faults[:FEW])
        yield from failures(ink, verdict)


def further(ink: Ink, verdict: CaseVerdict, found: Answer) -> Iterator[Text]:
    """Draw the other faults of a case, each with its cause and its worst element."""
    for fault in found.faults[1:FEW]:
        if not fault.comparison.agrees:
            sign, style = STYLES["disagree"]
            title = Text.assemble(ink(f"{sign} ", style), ink(brief_fault(verdict, fault)))
            yield Text()
            yield from ink.wrap(title, hang=2)
            yield from drawn_lines(ink, lines_of(verdict, fault))


def failures(ink: Ink, verdict: CaseVerdict) -> Iterator[Text]:
    """Draw the last that backends wrote that gave nothing; the answer says what happened."""
    for failure in verdict.failures:
        if lines := list(written(ink, failure)):
            yield Text()
            yield from ink.wrap(ink(f"{failure.backend} wrote last"), hang=2)
            yield from lines


def failed(ink: Ink, failure: Failure) -> Iterator[Text]:
    """Draw one failure."""
    sign, style, optional = (
        ("✗", DISAGREE, "") if failure.required else ("–", UNKNOWN, ", optional")
    )
    text = ink(f"{sign} {failure.backend} {failure.kind}{optional}: ", style)
    yield from ink.wrap(Text.assemble(text, ink(failure.message)), hang=2)
    yield from written(ink, failure)


def written(ink: Ink, failure: Failure) -> Iterator[Text]:
    """Draw the end of what a backend wrote."""
    for line in tail(failure.stderr, STDERR):
        yield from ink.wrap(ink(f"│ {line}", QUIET), indent=2, hang=2)
