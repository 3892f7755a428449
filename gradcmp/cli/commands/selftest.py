"""``gradcmp selftest``: would the check have noticed a wrong gradient?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from gradcmp.cli import options
from gradcmp.cli.cases import choose, load
from gradcmp.errors import ExitCode, NothingComparedError

if TYPE_CHECKING:
    from rich.table import Table

    from gradcmp.judge.selftest import Fate
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.report.words.ink import Ink

STYLES: Mapping[Fate, str] = {
    "killed": "green",
    "survived": "bold red",
    "not applicable": "dim",
    "disagrees without it": "bold red",
}


@click.command(name="selftest")
@click.argument("paths", nargs=-1, required=True, type=options.CONFIGS, metavar="CONFIG|DIR...")
@options.CASE
@options.overrides
@options.debug
def command(
    paths: tuple[str, ...], names: tuple[str, ...], overrides: options.Overrides
) -> ExitCode:
    """Spoil gradients on purpose and see whether the check notices.

    Each case runs once. Then its first backend's gradients are replaced by wrong ones (zero,
    negated, one element off by a thousandth, transposed, cast to float32) and judged again. The
    exit code is 1 when one survives: the check would not have noticed such a bug.
    """
    from gradcmp.cli.running.session import Session
    from gradcmp.cli.terminal import console
    from gradcmp.config.likely import likely_backends
    from gradcmp.judge.selftest import UNNOTICED, selftest
    from gradcmp.report.words.ink import Ink

    code = ExitCode.AGREE
    with Session(likely_backends(paths, overrides.backends)) as session:
        plans = session.check([overrides.apply(case) for case in choose(load(paths), names)])
        verdicts = list(session.run(plans))
    for plan, verdict in zip(plans, verdicts, strict=True):
        label = _spoilable(verdict)
        fates = selftest(verdict, label, graph=plan.graph)
        if any(fate in UNNOTICED for by in fates.values() for fate in by.values()):
            code = ExitCode.DISAGREE
        screen = console()
        ink = Ink.on(screen, screen.options)
        screen.print(_matrix(ink, f"{verdict.case.name}: {label}", fates))
    return code


def _spoilable(verdict: CaseVerdict) -> str:
    """Return the first backend that has a recording, beside the reference."""
    label = next((key for key in verdict.recordings if key != verdict.reference), None)
    if label is None:
        told = "; ".join(failure.message for failure in verdict.failures)
        raise NothingComparedError(
            f"case '{verdict.case.name}' has no backend to inject faults into beside the reference",
            way_out=told or "Add one, with --backend torch",
        )
    return label


def _matrix(ink: Ink, title: str, fates: Mapping[str, Mapping[str, Fate]]) -> Table:
    """Draw the kill matrix: a row for each tensor, a column for each mutant."""
    from rich.table import Table

    from gradcmp.judge.mutation.mutants import MUTANTS

    heading = ink(title, "bold")
    table = Table(box=None, pad_edge=False, title=heading, title_justify="left")
    for column in ("", *MUTANTS):
        table.add_column(column)
    for tensor, by in fates.items():
        told = (
            ink("–" if by[mutant] == "not applicable" else by[mutant], STYLES[by[mutant]])
            for mutant in MUTANTS
        )
        table.add_row(ink(tensor), *told)
    return table
