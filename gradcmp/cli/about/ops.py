"""``gradcmp ops``: the support matrix."""

from __future__ import annotations

import click

from gradcmp.cli import options


@click.command(name="ops")
@options.debug
def command() -> None:
    """List the ops: call syntax, formula, and the backends that spell them natively."""
    from rich.table import Table

    from gradcmp.backends import backend_names
    from gradcmp.cli.screen import console
    from gradcmp.graph.expression import form
    from gradcmp.ops import OPS

    frameworks = [name for name in backend_names() if name != "numpy"]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("op", overflow="fold")
    table.add_column("value", overflow="fold")
    for name in ("numpy", *frameworks):
        table.add_column(name, justify="center", no_wrap=True)
    for op in OPS.values():
        spelt = ["yes", *("yes" if name in op.native else "–" for name in frameworks)]
        table.add_row(form(op), op.summary.rstrip("."), *spelt)
    console().print(table)
