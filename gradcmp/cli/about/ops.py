"""``gradcmp ops``: the support matrix."""

from __future__ import annotations

import click

from gradcmp.cli import options


@click.command(name="ops")
@options.debug
def command() -> None:
    """List the ops: call syntax, formula, and the backends that compute them."""
    from rich.table import Table

    from gradcmp.backends import adapters
    from gradcmp.cli.screen import console
    from gradcmp.graph.expression import form
    from gradcmp.ops import OPS

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("op", overflow="fold")
    table.add_column("value", overflow="fold")
    known = adapters()
    for name in known:
        table.add_column(name, justify="center", no_wrap=True)
    for op in OPS.values():
        computed = ("yes" if adapter.computes(op) else "–" for adapter in known.values())
        table.add_row(form(op), op.summary.rstrip("."), *computed)
    console().print(table)
    for broken in OPS.broken:
        click.echo(broken, err=True)
