"""``gradcmp ops``: the support matrix."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from textwrap import indent

import click

from gradcmp.cli import completion, options
from gradcmp.cli.terminal import say


@click.command(name="ops")
@click.argument("names", nargs=-1, metavar="[OP]...", shell_complete=completion.op_names)
@options.debug
def command(names: tuple[str, ...]) -> None:
    """List the ops: call syntax, formula, and the backends that compute them.

    Of an op that is named, all that is known of it.

    gradcmp ops softmax
    """
    if names:
        _described(names)
    else:
        _listed()


def _described(names: Sequence[str]) -> None:
    """Print the call and the docstring of ops, or of what other libraries call so."""
    from gradcmp.graph.calls import form
    from gradcmp.graph.names import resolve

    for number, op in enumerate([resolve(name) for name in names]):
        text = inspect.getdoc(op.reference) or op.summary
        say(("\n" if number else "") + f"{form(op)}\n\n{indent(text, '  ')}")


def _listed() -> None:
    from concurrent.futures import ThreadPoolExecutor

    from rich.table import Table

    from gradcmp.backends import backend_names
    from gradcmp.backends.computed import computed_ops
    from gradcmp.cli.terminal import console
    from gradcmp.graph.calls import form
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
