"""``gradcmp ops``: the support matrix."""

from __future__ import annotations

import click

from gradcmp.cli import options


@click.command(name="ops")
@options.debug
def command() -> None:
    """List the ops: call syntax, formula, and the backends that compute them."""
    from rich.table import Table

    from gradcmp.backends import backend_class, backend_names
    from gradcmp.cli.present import console
    from gradcmp.graph.expression import form
    from gradcmp.ops import OPS

    adapters = {name: backend_class(name) for name in backend_names()}
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("op", overflow="fold")
    table.add_column("value", overflow="fold")
    for name in adapters:
        table.add_column(name, justify="center", no_wrap=True)
    for op in OPS.values():
        known = ("yes" if adapter.computes(op) else "–" for adapter in adapters.values())
        table.add_row(form(op), op.summary.rstrip("."), *known)
    console().print(table)
