"""One file per format; each reads the judge's records, prints nothing and picks no exit code.

The modules are imported only when a report is asked for: rich is not part of ``gradcmp --help``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

from gradcmp.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from gradcmp.judge.verdict import CaseVerdict

Report: TypeAlias = "Callable[[Sequence[CaseVerdict]], str]"


@dataclass(frozen=True)
class Format:
    """A report: the module whose `report(verdicts)` gives its text, and what its files end with."""

    module: str
    suffixes: tuple[str, ...] = ()


REPORTS = {
    "github": Format("gradcmp.report.github"),
    "html": Format("gradcmp.report.html", (".html", ".htm")),
    "json": Format("gradcmp.report.json", (".json",)),
    "junit": Format("gradcmp.report.junit", (".xml",)),
    "markdown": Format("gradcmp.report.markdown", (".md", ".markdown")),
    "sarif": Format("gradcmp.report.sarif", (".sarif",)),
    "table": Format("gradcmp.report.screen.several", (".txt",)),
}
PRINTED = ("github",)  # not for a file: a CI system reads it on standard output


def format_of(file: str) -> str | None:
    """Return the name of the report that a file holds, by its suffix."""
    return next(
        (name for name, one in REPORTS.items() if file.lower().endswith(one.suffixes)), None
    )


def report_named(name: str) -> Report:
    """Return the function that turns verdicts into the text of a report.

    Raises
    ------
    UsageError
        When there is no such report.
    """
    if name not in REPORTS:
        raise UsageError(f"there is no report '{name}'", way_out=did_you_mean(name, REPORTS))
    report: Report = import_module(REPORTS[name].module).report
    return report
