"""``gradcmp run``: the main job."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradcmp.case import ONCE, Case, Effort
from gradcmp.cli import options
from gradcmp.cli.cases import load, survey
from gradcmp.cli.output import Output, output
from gradcmp.cli.running.script import script, write_script
from gradcmp.cli.running.selection import Selection, selection
from gradcmp.cli.trust import no_user_code
from gradcmp.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from gradcmp.plan import AnyPlan


@click.command(name="run")
@click.argument("paths", nargs=-1, type=options.CONFIGS, metavar="[CONFIG|DIR]...")
@selection
@options.overrides
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    default=ONCE.repeat,
    metavar="N",
    help="Run each backend N times: is it deterministic?",
)
@click.option(
    "--isolate",
    is_flag=True,
    help="Also run each node, or what lies between two taps, alone, on the reference's operands.",
)
@click.option(
    "--record-golden",
    type=options.DIRECTORY,
    metavar="DIR",
    help="Keep every backend's recording of every case there.",
)
@click.option(
    "--against-golden",
    type=options.DIRECTORY,
    metavar="DIR",
    help="Hold every backend against the recording that it left there.",
)
@click.option(
    "--watch",
    "watching",
    is_flag=True,
    help="Stay, and run again what a change of a file needs; Ctrl-C ends it.",
)
@script
@output
@no_user_code
@options.debug
def command(
    paths: tuple[str, ...],
    selection: Selection,
    repeat: int,
    isolate: bool,
    record_golden: Path | None,
    against_golden: Path | None,
    watching: bool,
    script: Path | None,
    overrides: options.Overrides,
    output: Output,
) -> ExitCode:
    """Run cases and compare every pair of backends, element by element.

    CONFIG is a YAML file, DIR means every *.yaml below it. Without either, the built-in seed
    case runs.

    \b
    gradcmp run configs/mlp.yaml -b numpy -b torch --report out.html
    """
    from gradcmp.cli.running import golden
    from gradcmp.cli.running.session import Finish, Session, unchanged
    from gradcmp.cli.running.watch import watch
    from gradcmp.cli.screen import Detail, Screen
    from gradcmp.config.likely import likely_backends

    if record_golden and against_golden:
        raise UsageError(
            "--record-golden and --against-golden contradict each other", way_out="Run twice"
        )

    def read() -> list[Case]:
        cases = load(paths) if watching else survey(paths)
        return [overrides.apply(case) for case in selection.of(cases)]

    def finisher(plans: Sequence[AnyPlan]) -> Finish:
        if record_golden:
            return golden.keep(record_golden, plans)
        return golden.against(against_golden, plans) if against_golden else unchanged

    effort = Effort(repeat, isolate, keep=bool(record_golden or against_golden))
    likely = likely_backends(paths, overrides.backends)
    if watching:
        if script or selection.jobs > 1 or selection.max_failures is not None:
            raise UsageError(
                "--watch runs all cases that changed, one after the other, and writes no script",
                way_out="Leave out --jobs, -x, --max-failures and --script",
            )
        return watch(paths, read, output, likely, effort, finisher)
    with Session(likely, output.reports, selection.jobs) as session:
        plans = session.survey_any(cases := read())
        detail: Detail = "lines" if output.quiet else "cases"
        with Screen(output, len(cases), detail, session.paused) as screen:
            run = session.run(plans, effort, finisher(plans))
            verdicts = [screen.add(verdict) for verdict in selection.enough(run)]
    code = session.conclude(screen.end)
    write_script(verdicts, script)
    return code
