"""What a person sees: the table of the verdicts, on the console."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradcmp.cli.options import debugging
from gradcmp.cli.output import Output
from gradcmp.cli.terminal import console
from gradcmp.errors import ExitCode

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gradcmp.cli.reports import Target
    from gradcmp.judge.verdict import CaseVerdict


def show(verdicts: Sequence[CaseVerdict], output: Output) -> ExitCode:
    """Show verdicts on the screen, hand out their reports and give the exit code."""
    from gradcmp.report.screen.table import screen

    return publish(verdicts, output.reports, screen(verdicts, verbose=output.verbose))


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
