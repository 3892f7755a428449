"""``gradcmp backends``: what is installed, and what to install for the rest."""

from __future__ import annotations

import click

from gradcmp.case import BackendSpec
from gradcmp.cli import options


@click.command(name="backends")
@click.option(
    "--loading",
    type=click.FloatRange(min=0, min_open=True),
    default=BackendSpec.loading,
    metavar="SECONDS",
    help="How long each may take to load.",
)
@options.debug
def command(loading: float) -> None:
    """List the backends: version, modes, devices, and what to install for the rest.

    Devices are what the frameworks themselves say, so each is imported, all at once and each in a
    process of its own: what goes wrong there stands in its line.

    \b
    gradcmp backends --loading 60
    """
    from rich.table import Table

    from gradcmp.backends import backend_class, backend_names
    from gradcmp.cli.running.session import Session
    from gradcmp.cli.terminal import console
    from gradcmp.recording import Failure
    from gradcmp.report.words.ink import Ink
    from gradcmp.workers import Environment

    names = {Environment(name): name for name in backend_names()}
    with Session() as session, session.shown():
        answers = session.pool.describe(names, loading)
        said = {names[environment]: answer for environment, answer in answers}
    screen = console()
    ink = Ink.on(screen, screen.options)
    table = Table("backend", "version", "modes", "devices", box=None, pad_edge=False)
    for name in names.values():
        adapter, answer = backend_class(name), said[name]
        if isinstance(answer, Failure):
            cells = ("–", ", ".join(adapter.modes), answer.message)
        else:
            version = answer.environment.get(adapter.package, "?")
            cells = (version, ", ".join(answer.modes), ", ".join(answer.devices))
        table.add_row(*map(ink, (name, *cells)))
    screen.print(table)
