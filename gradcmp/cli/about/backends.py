"""``gradcmp backends``: what is installed, and what to install for the rest."""

from __future__ import annotations

import click

from gradcmp.cli import options


@click.command(name="backends")
@options.debug
def command() -> None:
    """List the backends: version, modes, devices, and what to install for the rest.

    Devices are what the frameworks themselves say, so each is imported, all at once.
    """
    from rich.table import Table

    from gradcmp.backends import backend_class, backend_names
    from gradcmp.cli.running.session import Session
    from gradcmp.cli.screen import console
    from gradcmp.recording import Failure
    from gradcmp.workers import Environment

    names = {Environment(name): name for name in backend_names()}
    with Session() as session, session.shown():
        answers = session.pool.describe(names)
        said = {names[environment]: answer for environment, answer in answers}
    table = Table("backend", "version", "modes", "devices", box=None, pad_edge=False)
    for name in names.values():
        adapter, answer = backend_class(name), said[name]
        modes = ", ".join(adapter.modes)
        if isinstance(answer, Failure):
            table.add_row(name, "–", modes, answer.message)
        else:
            version = answer.environment.get(adapter.package, "?")
            table.add_row(name, version, modes, ", ".join(answer.devices))
    console().print(table)
