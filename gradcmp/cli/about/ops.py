"""``gradcmp ops``: the support matrix."""

from __future__ import annotations

import click

from gradcmp.cli import options


@click.command(name="ops")
@options.debug
def command() -> None:
    """List the ops: call syntax, formula, and the backends that compute them."""
    from rich.table import Table

    from gradcmp.backends import backend_names
    from gradcmp.backends.computed import computed_ops
    from gradcmp.cli.screen import console
    from gradcmp.graph.expression import form
    from gradcmp.ops import OPS

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("op", overflow="fold")
    table.add_column("value", overflow="fold")
    known = {name: computed_ops(name) for name in backend_names()}
    for name in known:
        table.add_column(name, justify="center", no_wrap=True)
    for op in OPS.values():
        computed = ("yes" if op.name in computed else "–" for computed in known.values())
        table.add_row(form(op), op.summary.rstrip("."), *computed)
    console().print(table)
    for broken in OPS.broken:
        click.echo(broken, err=True)
