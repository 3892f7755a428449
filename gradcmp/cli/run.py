"""``gradcmp run``: the main job."""

from __future__ import annotations

import click

from gradcmp.case import Case
from gradcmp.cli import options
from gradcmp.errors import ExitCode, UsageError, did_you_mean


@click.command(name="run")
@click.argument("paths", nargs=-1, metavar="[CONFIG|DIR]...")
@click.option("--case", "names", multiple=True, metavar="NAME", help="Only this case; repeatable.")
@options.overrides
@options.output
@options.debug
def command(
    paths: tuple[str, ...],
    names: tuple[str, ...],
    overrides: options.Overrides,
    output: options.Output,
) -> ExitCode:
    """Run cases and compare every pair of backends, element by element.

    CONFIG is a YAML file, DIR means every *.yaml below it. Without either, the built-in seed
    case runs.
    """
    from gradcmp.cli.present import present
    from gradcmp.config import find, load, seed_case

    cases = [case for path in find(paths) for case in load(path)] if paths else [seed_case()]
    return present([overrides.apply(case) for case in choose(cases, names)], output)


def choose(cases: list[Case], names: tuple[str, ...]) -> list[Case]:
    """Keep the cases that were named, or all.

    Raises
    ------
    UsageError
        When a name fits no case.
    """
    known = {case.name for case in cases}
    for name in names:
        if name not in known:
            raise UsageError(f"there is no case '{name}'", way_out=did_you_mean(name, known))
    return [case for case in cases if not names or case.name in names]
