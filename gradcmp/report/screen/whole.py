"""The screen after a run, as one."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType

from gradcmp.judge.verdict import CaseVerdict
from gradcmp.report.screen.environment import Differences
from gradcmp.report.screen.several import several
from gradcmp.report.screen.table import CaseTable


def screen(verdicts: Sequence[CaseVerdict], *, verbose: bool = False) -> RenderableType:
    """Return what a person sees after a run: one case with its details, several as they came."""
    if len(verdicts) == 1:
        shown: RenderableType = CaseTable(verdicts[0], verbose, more=True)
    else:
        shown = several(verdicts, verbose=verbose)
    return Group(shown, Differences(verdicts)) if verbose else shown


def report(verdicts: Sequence[CaseVerdict]) -> str:
    """Return the screen as plain text, 100 columns wide, for a file."""
    file = io.StringIO()
    Console(file=file, width=100, color_system=None, markup=False).print(screen(verdicts))
    return file.getvalue()
