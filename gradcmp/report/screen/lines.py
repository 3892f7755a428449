"""A quiet screen: a line for each case of which there is something to say, and a count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from gradcmp.errors import ExitCode
from gradcmp.judge.verdict import CaseVerdict
from gradcmp.report.words.figures import count
from gradcmp.report.words.ink import Ink
from gradcmp.report.words.judgement import STYLES
from gradcmp.report.words.sentence import MARKS, Tally, sentence
from gradcmp.report.words.weak import listed


@dataclass(frozen=True)
class Lines:
    """What does not agree, does as expected, warns, or could not fail; a rich renderable.

    Attributes
    ----------
    cases : int
        How many there were to run; fewer verdicts mean that it was stopped.
    brief : bool
        Whether the count is all there is to be.
    """

    verdicts: Sequence[CaseVerdict]
    cases: int
    brief: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return the lines and the count."""
        if not self.brief:
            yield from (Line(verdict) for verdict in self.verdicts if says(verdict))
        yield Count(self.verdicts, self.cases)


@dataclass(frozen=True)
class Count:
    """How many cases came out how, in a line; a rich renderable."""

    verdicts: Sequence[CaseVerdict]
    cases: int
    seconds: float = 0.0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return the line."""
        ink, tally = Ink.on(console, options), Tally.of(self.verdicts)
        mark, left = MARKS[tally.exit_code], self.cases - len(self.verdicts)
        stopped = f"; {count(left, 'further case')} not run" if left else ""
        took = f" in {self.seconds:.1f} s" if self.seconds else ""
        yield ink(f"{mark.sign} {tally}{stopped}{took}", mark.style)


def says(verdict: CaseVerdict) -> bool:
    """Return whether there is something to say of a case."""
    reserved = verdict.known or verdict.warnings or verdict.weak
    return verdict.exit_code is not ExitCode.AGREE or bool(reserved)


@dataclass(frozen=True)
class Line:
    """Where a case is, what it is called and what came out; a rich renderable."""

    verdict: CaseVerdict

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return one line, however long: other programs read it too."""
        ink, verdict = Ink.on(console, options), self.verdict
        mark, case = MARKS[verdict.exit_code], verdict.case
        place = f"{case.where}: " if case.where else ""
        sign, style, said = mark.sign, mark.style, sentence(verdict)
        told = warnings(verdict) if not verdict.disagreements else ""
        if reservations := [one for one in (told, listed(verdict)) if one]:
            said = f"{said}: {'. '.join(reservations)}"
            sign, style = STYLES["warn"] if verdict.agrees else (sign, style)
        yield Text.assemble(ink(f"{sign} ", style), ink(f"{place}{case.name}: {said}"))


def warnings(verdict: CaseVerdict) -> str:
    """Describe what warns: each reason, with the tensors of which it holds."""
    by: dict[tuple[str, str], dict[str, None]] = {}
    for _, name, comparison in verdict.warnings:
        key = (comparison.verdict.reason, comparison.verdict.detail)
        by.setdefault(key, {})[name] = None
    return "; ".join(
        f"{reason} in {', '.join(names)}" + (f" ({detail})" if detail else "")
        for (reason, detail), names in by.items()
    )
