"""Several cases on a screen: each as it is finished, then what is left to say of all."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from gradcmp.errors import ExitCode
from gradcmp.judge.verdict import CaseVerdict
from gradcmp.report.answer.build import answer, level
from gradcmp.report.screen.environment import Differences
from gradcmp.report.screen.first import first
from gradcmp.report.screen.table import CaseTable
from gradcmp.report.words.figures import count
from gradcmp.report.words.ink import QUIET, STRONG, Ink
from gradcmp.report.words.judgement import STYLES
from gradcmp.report.words.sentence import MARKS, Tally, brief

FEW = 3  # cases that are drawn with their details
MANY = 20  # cases from which on those that simply agree are only counted
SLOWEST = 3


@dataclass(frozen=True)
class Finished:
    """What is shown of a case when it is finished; a rich renderable.

    Attributes
    ----------
    before : int
        How many have failed before it: the first few are drawn with their details.
    cases : int
        How many there are in all.
    """

    verdict: CaseVerdict
    before: int
    cases: int
    verbose: bool = False

    @property
    def says(self) -> bool:
        """Whether it shows anything: of many cases those that simply agree are only counted."""
        return self.verbose or self.cases <= MANY or level(self.verdict) != "agree"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return a line of what agrees, and more of what does not."""
        ink = Ink.on(console, options)
        if self.verbose:
            yield from (CaseTable(self.verdict, verbose=True), Text())
        elif self.verdict.exit_code is not ExitCode.AGREE:
            if self.before < FEW:
                yield CaseTable(self.verdict, more=True)
            else:
                yield from first(ink, answer(self.verdict), more=False)
            yield Text()
        elif self.says:
            yield from ink.wrap(line(ink, self.verdict), hang=2)


@dataclass(frozen=True)
class Closing:
    """What is said when all are finished, or it was stopped; a rich renderable.

    Attributes
    ----------
    cases : int
        How many there were to run; fewer verdicts mean that it was stopped.
    seconds : float
        How long all took by the clock; 0 where nobody asks.
    """

    verdicts: Sequence[CaseVerdict]
    cases: int
    seconds: float = 0.0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return the cases that failed, the slowest, and a count."""
        ink = Ink.on(console, options)
        failed = [one for one in self.verdicts if one.exit_code is not ExitCode.AGREE]
        if len(self.verdicts) > 1:
            for verdict in failed:
                yield from ink.wrap(line(ink, verdict), hang=2)
        if self.verdicts and self.cases > MANY and self.seconds:
            slow = sorted(self.verdicts, key=lambda one: -one.seconds)[:SLOWEST]
            told = ", ".join(f"{one.case.name} {one.seconds:.1f} s" for one in slow)
            yield from ink.wrap(ink(f"slowest: {told}", QUIET), hang=2)
        tally, left = Tally.of(self.verdicts), self.cases - len(self.verdicts)
        mark = MARKS[tally.exit_code]
        stopped = f"; {count(left, 'further case')} not run" if left else ""
        took = f" in {self.seconds:.1f} s" if self.seconds else ""
        yield from ink.wrap(ink(f"{mark.sign} {tally}{stopped}{took}", mark.style), hang=2)


def line(ink: Ink, verdict: CaseVerdict) -> Text:
    """Return the line of a case: its sign, its name and what came out."""
    sign, style = STYLES[level(verdict)]
    name = Text.assemble(ink(f"{sign} ", style), ink(verdict.case.name, STRONG))
    return Text.assemble(name, ink(f"  {brief(verdict)}"))


def screen(verdicts: Sequence[CaseVerdict], *, verbose: bool = False) -> RenderableType:
    """Return what a person sees after a run: one case with its details, several as they came."""
    parts: list[RenderableType] = []
    failed = 0
    for verdict in verdicts:
        parts.append(Finished(verdict, failed, len(verdicts), verbose))
        failed += verdict.exit_code is not ExitCode.AGREE
    if len(verdicts) == 1:
        parts = [CaseTable(verdicts[0], verbose, more=True)]
    if verbose:
        parts.append(Differences(verdicts))
    return Group(*parts) if len(verdicts) == 1 else Group(*parts, Closing(verdicts, len(verdicts)))


def report(verdicts: Sequence[CaseVerdict]) -> str:
    """Return the screen as plain text, 100 columns wide, for a file."""
    file = io.StringIO()
    Console(file=file, width=100, color_system=None, markup=False).print(screen(verdicts))
    return file.getvalue()
