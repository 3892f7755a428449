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
    """What does not agree, what does as expected, and what could not fail; a rich renderable.

    Attributes
    ----------
    cases : int
        How many there were to run; fewer verdicts mean that it was stopped.
    """

    verdicts: Sequence[CaseVerdict]
    cases: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return the lines; each is one, however long: other programs read them too."""
        ink = Ink.on(console, options)
        for verdict in self.verdicts:
            if verdict.exit_code is not ExitCode.AGREE or verdict.known:
                yield self.line(ink, verdict)
            if verdict.weak:
                sign, style = STYLES["warn"]
                text = f"{place(verdict)}: {listed(verdict)}"
                yield Text.assemble(ink(f"{sign} ", style), ink(text))
        tally = Tally.of(self.verdicts)
        mark = MARKS[tally.exit_code]
        left = self.cases - len(self.verdicts)
        stopped = f"; {count(left, 'further case')} not run" if left else ""
        yield ink(f"{mark.sign} {tally}{stopped}", mark.style)

    def line(self, ink: Ink, verdict: CaseVerdict) -> Text:
        """Describe where the case is, what it is called and what came out."""
        mark = MARKS[verdict.exit_code]
        text = f"{place(verdict)}: {sentence(verdict)}"
        return Text.assemble(ink(f"{mark.sign} ", mark.style), ink(text))


def place(verdict: CaseVerdict) -> str:
    """Describe where a case is and what it is called."""
    case = verdict.case
    return f"{case.where}: {case.name}" if case.where else case.name
