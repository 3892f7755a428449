"""``gradcmp selftest``: would the check have noticed a wrong gradient?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from gradcmp.cli import options
from gradcmp.cli.cases import choose, load
from gradcmp.cli.trust import no_user_code
from gradcmp.errors import ExitCode, NothingComparedError

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from gradcmp.judge.noise.own import Run
    from gradcmp.judge.selftest import Fate
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.plan import Plan
    from gradcmp.report.words.ink import Ink
    from gradcmp.workers import Pool

    Fates = Mapping[str, Mapping[str, Fate]]

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
@no_user_code
@options.debug
def command(
    paths: tuple[str, ...], names: tuple[str, ...], overrides: options.Overrides
) -> ExitCode:
    """Spoil gradients on purpose and see whether the check notices.

    Each case runs once. Then its first backend's gradients are replaced by wrong ones (zero,
    negated, one element off by a thousandth, transposed, cast to float32) and judged again. Where
    tolerance auto judges by a float64 run each is wrong in both dtypes first, and then in the
    tested one alone. The exit code is 1 when one survives: the check would not have noticed such
    a bug.

    \b
    gradcmp selftest configs/mlp.yaml -b torch
    """
    from gradcmp.cli.running.session import Session
    from gradcmp.cli.terminal import console
    from gradcmp.config.likely import likely_backends
    from gradcmp.judge.selftest import UNNOTICED, selftest
    from gradcmp.report.words.ink import Ink

    code = ExitCode.AGREE
    with Session(likely_backends(paths, overrides.backends)) as session:
        plans = session.check([overrides.apply(case) for case in choose(load(paths), names)])
        for plan, verdict in zip(plans, list(session.run(plans)), strict=True):
            label = _spoilable(verdict)
            fates = selftest(verdict, label, graph=plan.graph)
            nudged = _nudged(plan, verdict, label, session.pool)
            alone = None
            if nudged is not None:
                alone = selftest(verdict, label, graph=plan.graph, nudged=nudged)
            every = (*fates.values(), *(alone or {}).values())
            if any(fate in UNNOTICED for by in every for fate in by.values()):
                code = ExitCode.DISAGREE
            screen = console()
            ink = Ink.on(screen, screen.options)
            screen.print(_matrix(ink, verdict, label, fates, alone))
    return code


def _nudged(plan: Plan, verdict: CaseVerdict, label: str, pool: Pool) -> list[Run] | None:
    """Return a backend's runs at nudged inputs; None where no float64 run judges it."""
    from gradcmp.nudged import nudged_runs
    from gradcmp.recording import Recording

    if not isinstance(verdict.twins.get(label), Recording):
        return None
    (request,) = (one for one in plan.requests(plan.draw()) if one.label == label)
    fine = plan.in_float64(request)
    return nudged_runs(request, fine, pool) if fine else None


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


def _matrix(ink: Ink, verdict: CaseVerdict, label: str, fates: Fates, alone: Fates | None) -> Table:
    """Draw the kill matrix: a row for each tensor, a column for each mutant.

    A fate that mutants in both dtypes and in the tested dtype alone share is said once.
    """
    from rich.table import Table

    from gradcmp.judge.mutation.mutants import MUTANTS

    dtype = verdict.recordings[label].dtype
    kinds = f" (wrong in {dtype} and float64, then in {dtype} alone)" if alone else ""
    heading = ink(f"{verdict.case.name}: {label}{kinds}", "bold")
    table = Table(box=None, pad_edge=False, title=heading, title_justify="left")
    for column in ("", *MUTANTS):
        table.add_column(column)
    for tensor, by in fates.items():
        row = ((by[mutant], (alone or fates)[tensor][mutant]) for mutant in MUTANTS)
        table.add_row(ink(tensor), *(_cell(ink, both, one, dtype) for both, one in row))
    return table


def _cell(ink: Ink, both: Fate, alone: Fate, dtype: str) -> Text:
    told = ink("–" if both == "not applicable" else both, STYLES[both])
    if alone != both:
        told.append(f", {alone} in {dtype} alone", STYLES[alone])
    return told
