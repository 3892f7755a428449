"""``gradcmp validate``: what is wrong with a config, without running it."""

from __future__ import annotations

import click

from gradcmp.cli import options
from gradcmp.cli.terminal import say
from gradcmp.cli.trust import no_user_code, user_code


@click.command(name="validate")
@click.argument("paths", nargs=-1, required=True, type=options.CONFIGS, metavar="CONFIG|DIR...")
@no_user_code
@options.debug
def command(paths: tuple[str, ...]) -> None:
    """Check configs without running them: keys, expressions, names, shapes, backends."""
    from gradcmp.config import find, load
    from gradcmp.plan import check_any

    allowed = user_code()
    for path in find(paths, allowed):
        cases = load(path, allowed)
        for case in cases:
            check_any(case)
        say(f"{path}: {len(cases)} {'case' if len(cases) == 1 else 'cases'}")
