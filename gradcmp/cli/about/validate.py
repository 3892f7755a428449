"""``gradcmp validate``: what is wrong with a config, without running it."""

from __future__ import annotations

import click

from gradcmp.cli import options
from gradcmp.cli.terminal import say
from gradcmp.cli.trust import no_user_code, user_code
from gradcmp.errors import GradcmpError, together


@click.command(name="validate")
@click.argument("paths", nargs=-1, required=True, type=options.CONFIGS, metavar="CONFIG|DIR...")
@no_user_code
@options.debug
def command(paths: tuple[str, ...]) -> None:
    """Check configs without running them: keys, expressions, names, shapes, backends.

    All that can be found wrong is said at once.

    \b
    gradcmp validate configs
    """
    from gradcmp.config import find, survey
    from gradcmp.plan import check_any

    errors: list[GradcmpError] = []
    allowed = user_code()
    for path in find(paths, allowed):
        cases, before = survey(path, allowed), len(errors)
        for case in cases:
            try:
                check_any(case)
            except GradcmpError as error:
                errors.append(error)
        if len(errors) == before:
            say(f"{path}: {len(cases)} {'case' if len(cases) == 1 else 'cases'}")
    if errors:
        raise together(errors)
