"""One file per format; each reads the judge's records, prints nothing and picks no exit code.

The modules are imported only when a report is asked for: rich is not part of ``gradcmp --help``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

from gradcmp.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from gradcmp.judge.verdict import CaseVerdict

Report: TypeAlias = "Callable[[Sequence[CaseVerdict]], str]"

REPORTS = {  # name: the module whose `report(verdicts)` gives the text of a file
    "github": "gradcmp.report.github",
    "html": "gradcmp.report.html",
    "json": "gradcmp.report.json",
    "junit": "gradcmp.report.junit",
    "markdown": "gradcmp.report.markdown",
    "sarif": "gradcmp.report.sarif",
    "table": "gradcmp.report.screen.table",
}
PRINTED = ("github",)  # not for a file: a CI system reads it on standard output


def report_named(name: str) -> Report:
    """Return the function that turns verdicts into the text of a report.

    Raises
    ------
    UsageError
        When there is no such report.
    """
    if name not in REPORTS:
        raise UsageError(f"there is no report '{name}'", way_out=did_you_mean(name, REPORTS))
    report: Report = import_module(REPORTS[name]).report
    return report
