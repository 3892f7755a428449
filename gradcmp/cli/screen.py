"""What a person sees: the table of the verdicts, on the console."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Literal, TypeAlias

from gradcmp.cli.options import debugging
from gradcmp.cli.output import Output
from gradcmp.cli.terminal import console
from gradcmp.errors import ExitCode

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gradcmp.cli.reports import Target
    from gradcmp.judge.verdict import CaseVerdict


Detail: TypeAlias = Literal["cases", "lines", "count"]


class Screen:
    """The screen of a run: what is finished is shown at once, where a person sees it.

    A context manager. Where standard output belongs to a report, or one is printed beside it, all
    comes last and at once.

    Parameters
    ----------
    cases : int
        How many there are to run.
    detail : {"cases", "lines", "count"}
        How much it has: all that a person wants to know, a line for each case that does not
        simply agree, or nothing but the count.
    paused : callable, optional
        Return a context manager: inside of it nothing else stands where this prints.
    """

    def __init__(
        self,
        output: Output,
        cases: int,
        detail: Detail = "cases",
        paused: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        from gradcmp.report.screen.progress import is_screen

        self._output, self._cases, self._detail = output, cases, detail
        self._start = time.monotonic()
        self._paused = paused
        self._finished: list[CaseVerdict] = []
        self._failed = 0
        self._console = console()
        self._timed = is_screen(self._console)
        self._streams = cases > 1 and not printed(output.reports)

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Show what is known when the user interrupts."""
        if isinstance(error, KeyboardInterrupt) and self._streams:
            with self._paused():
                self._console.print(self._closing())

    def add(self, verdict: CaseVerdict) -> CaseVerdict:
        """Show a case that is finished; return it."""
        if self._streams and (part := self._part(verdict)):
            with self._paused():
                self._console.print(part)
        self._finished.append(verdict)
        self._failed += not verdict.agrees
        return verdict

    def end(self) -> ExitCode:
        """Hand out the reports, show what is left and give the exit code."""
        rest = self._closing() if self._streams else self._whole()
        return publish(self._finished, self._output.reports, rest)

    def _part(self, verdict: CaseVerdict) -> RenderableType | None:
        if self._detail != "cases":
            from gradcmp.report.screen.lines import Line, says

            return Line(verdict) if self._detail == "lines" and says(verdict) else None
        from gradcmp.report.screen.several import Finished

        part = Finished(verdict, self._failed, self._cases, self._output.verbose)
        return part if part.says else None

    def _closing(self) -> RenderableType:
        seconds = time.monotonic() - self._start if self._timed else 0.0
        if self._detail != "cases":
            from gradcmp.report.screen.lines import Count

            return Count(self._finished, self._cases, seconds)
        from gradcmp.report.screen.several import Closing

        return Closing(self._finished, self._cases, seconds)

    def _whole(self) -> RenderableType:
        if self._detail != "cases":
            from gradcmp.report.screen.lines import Lines

            return Lines(self._finished, self._cases, self._detail == "count")
        from gradcmp.report.screen.several import screen

        return screen(self._finished, verbose=self._output.verbose)


def show(verdicts: Sequence[CaseVerdict], output: Output) -> ExitCode:
    """Show verdicts on the screen, hand out their reports and give the exit code."""
    if output.quiet:
        from gradcmp.report.screen.lines import Lines

        return publish(verdicts, output.reports, Lines(verdicts, len(verdicts)))
    from gradcmp.report.screen.several import screen

    return publish(verdicts, output.reports, screen(verdicts, verbose=output.verbose))


def printed(reports: Sequence[Target]) -> bool:
    """Whether any of the reports goes to standard output."""
    if not reports:
        return False
    from gradcmp.cli.files import STDOUT

    return any(target.file == STDOUT for target in reports)


def publish(
    verdicts: Sequence[CaseVerdict], reports: Sequence[Target], *shown: RenderableType
) -> ExitCode:
    """Print what a person sees, hand out the reports and give the exit code.

    Raises
    ------
    GradcmpError
        As `hand_out`, once all else is there.
    """
    from gradcmp.report.words.sentence import Tally

    if not reports:  # the usual case needs none of their code
        console().print(*shown)
        return Tally.of(verdicts).exit_code
    from gradcmp.cli.reports import hand_out, takes_the_screen, unheard

    def show() -> None:
        if not takes_the_screen(reports):
            with unheard(reports):
                console().print(*shown)

    hand_out(verdicts, reports, show, debugging())
    return Tally.of(verdicts).exit_code
