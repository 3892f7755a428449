"""``gradcmp ops``: the support matrix."""

from __future__ import annotations

import click

from gradcmp.cli import options


@click.command(name="ops")
@options.debug
def command() -> None:
    """List the ops: call syntax, formula, and the backends that compute them."""
    from concurrent.futures import ThreadPoolExecutor

    from rich.table import Table

    from gradcmp.backends import backend_names
    from gradcmp.backends.computed import computed_ops
    from gradcmp.cli.terminal import console, say
    from gradcmp.graph.expression import form
    from gradcmp.ops import OPS

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("op", overflow="fold")
    table.add_column("value", overflow="fold")
    names = backend_names()
    with ThreadPoolExecutor(len(names)) as pool:  # plug-ins answer from processes of their own
        known = dict(zip(names, pool.map(computed_ops, names), strict=True))
    for name in known:
        table.add_column(name, justify="center", no_wrap=True)
    for op in OPS.values():
        computed = ("yes" if op.name in answer.ops else "–" for answer in known.values())
        table.add_row(form(op), op.summary.rstrip("."), *computed)
    console().print(table)
    for broken in (*(answer.why for answer in known.values() if answer.why), *OPS.broken):
        say(broken, error=True)
