"""``gradcmp check``: the one for CI. Quiet, strict on request, and done when it has seen enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradcmp.case import Case
from gradcmp.cli import options
from gradcmp.cli.cases import survey
from gradcmp.cli.output import Output, quiet, reports
from gradcmp.cli.running.selection import Selection, selection
from gradcmp.cli.trust import no_user_code, user_code
from gradcmp.derivatives import names as names_of
from gradcmp.errors import ConfigError, ExitCode, UsageError, did_you_mean, together

if TYPE_CHECKING:
    from gradcmp.cli.reports import Target
    from gradcmp.cli.running.session import Finish

DEFAULT = "configs"  # not '.': a project has YAML that is none of gradcmp's


@click.command(name="check")
@click.argument("paths", nargs=-1, type=options.CONFIGS, metavar="[CONFIG|DIR]...")
@click.option(
    "--require", metavar="NAME,...", default="", help="Backends whose absence is a failure."
)
@click.option(
    "--expect", type=options.FILE, metavar="FILE", help="Disagreements that are known, in YAML."
)
@selection
@options.overrides
@quiet
@reports
@no_user_code
@options.debug
def command(
    paths: tuple[str, ...],
    require: str,
    expect: Path | None,
    selection: Selection,
    overrides: options.Overrides,
    quiet: bool,
    reports: tuple[Target, ...],
) -> ExitCode:
    """Check all cases of configs and directories, and say only what does not agree.

    Without a path, those below 'configs'. A line for each case that does not agree, does as
    expected, or has checks that a wrong gradient would have passed as well; then a count.

    \b
    gradcmp check configs --require torch,jax --strict --report junit=out.xml
    """
    from gradcmp.cli.running.session import Session
    from gradcmp.cli.screen import Detail, Screen

    asked = [overrides.apply(case) for case in survey(paths or (DEFAULT,))]
    cases = selection.of(required(asked, require))
    finish = excuses(expect, cases)
    detail: Detail = "count" if quiet else "lines"
    with (
        Session(reports=reports, jobs=selection.jobs) as session,
        Screen(Output(reports=reports), len(cases), detail, session.paused) as screen,
    ):
        run = session.run(session.survey_any(cases), finish=finish)
        for verdict in selection.enough(run):
            screen.add(verdict)
    return session.conclude(screen.end)


def required(cases: Sequence[Case], names: str) -> list[Case]:
    """Make backends required, whatever the cases say.

    Raises
    ------
    UsageError
        For what is no backend, and for one that no case has: its absence would go unnoticed.
    """
    from gradcmp.backends import backend_names

    wanted = dict.fromkeys(name.strip() for name in names.split(",") if name.strip())
    for name in wanted:
        if name not in backend_names():
            raise UsageError(
                f"there is no backend '{name}'", way_out=did_you_mean(name, backend_names())
            )
        known = {spec.name for case in cases for spec in case.backends}
        if name not in known and not any(case.fault for case in cases):
            raise UsageError(
                f"no case has the required backend '{name}'",
                way_out="Add it to one, or leave it out of --require",
            )
    return [
        replace(
            case,
            backends=tuple(
                replace(spec, required=spec.required or spec.name in wanted)
                for spec in case.backends
            ),
        )
        for case in cases
    ]


def excuses(file: Path | None, cases: Sequence[Case]) -> Finish:
    """Read which disagreements are known; return what marks them in a verdict.

    Raises
    ------
    ConfigError
        As `gradcmp.config.expect.load_known`.
    """
    from gradcmp.cli.running.session import unchanged

    if file is None:
        return unchanged
    from gradcmp.config.expect import Names, load_known
    from gradcmp.judge.expected import excuse
    from gradcmp.plan import backends_of

    names: dict[str, Names] = {}
    for case in cases:
        labels, tensors = names.setdefault(case.name, Names(set(), set()))
        labels |= {str(spec) for spec in backends_of(case)}
        tensors |= {*case.inputs, *case.graph}
        tensors |= {f"d {name}" for name in (*case.wrt, *case.graph)}
        tensors |= {*names_of(case.derivative, (case.output,), case.wrt)}
    try:
        known = load_known(file, names, date.today(), user_code())
    except ConfigError as error:  # what it names may be in a config that cannot be read
        raise together([error, *(case.fault for case in cases if case.fault)]) from None
    return lambda verdict: excuse(verdict, known)
