"""``gradcmp ops``: the support matrix."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING

import click

from gradcmp.cli import completion, options
from gradcmp.cli.terminal import say
from gradcmp.errors import UsageError

if TYPE_CHECKING:
    from gradcmp.measured.support import Support

AT_ONCE = 12  # ops that are measured before what is known is written


@click.command(name="ops")
@click.argument("names", nargs=-1, metavar="[OP]...", shell_complete=completion.op_names)
@click.option(
    "--measure",
    is_flag=True,
    help="Run each op's examples in each backend, mode and dtype, and hold them against NumPy.",
)
@click.option(
    "--backend",
    "-b",
    "backends",
    multiple=True,
    metavar="SPEC",
    help="Measure this one only: torch, or torch:eager; repeatable.",
    shell_complete=completion.backends,
)
@click.option(
    "--into",
    type=options.FILE,
    metavar="FILE",
    help="Keep what is measured; ops that FILE has are measured again only if they are named.",
)
@options.debug
def command(
    names: tuple[str, ...], measure: bool, backends: tuple[str, ...], into: Path | None
) -> None:
    """List the ops: call syntax, formula, and the backends that compute them.

    Of an op that is named, all that is known of it.

    \b
    gradcmp ops softmax
    gradcmp ops --measure -b torch:eager --into ops.json
    """
    if (backends or into) and not measure:
        raise UsageError("--backend and --into are for --measure", way_out="Add it")
    if measure:
        _measured(names, backends, into)
    elif names:
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
    for op in OPS.everything():
        computed = ("yes" if op.name in answer.ops else "–" for answer in known.values())
        table.add_row(form(op), op.summary.rstrip("."), *computed)
    console().print(table)
    for broken in (*(answer.why for answer in known.values() if answer.why), *OPS.broken):
        say(broken, error=True)


def _measured(names: Sequence[str], chosen: Sequence[str], into: Path | None) -> None:
    """Measure ops, print the table, and keep it."""
    from gradcmp.backends import backend_names
    from gradcmp.case import BackendSpec
    from gradcmp.cli.files import require_writable, write
    from gradcmp.cli.running.session import Session
    from gradcmp.config import parse_backend
    from gradcmp.graph.names import resolve
    from gradcmp.measured.support import Support, measure, merged, read, text
    from gradcmp.ops import OPS

    before = Support()
    if into:
        require_writable(str(into))
        before = read(into)
    specs = [parse_backend(one) for one in chosen] or [BackendSpec(one) for one in backend_names()]
    asked = [str(BackendSpec(spec.name, spec.mode)) for spec in specs]
    ops = [resolve(name) for name in names] or [
        op for op in OPS.values() if not _has(before, op.name, asked)
    ]
    found = Support()
    for spec in specs:  # one after the other: what was measured is kept if the next takes too long
        with Session() as session, session.shown():
            for start in range(0, len(ops), AT_ONCE):
                part = measure(session.pool, [spec], ops[start : start + AT_ONCE])
                found = merged(found, part)
                if into:
                    write(str(into), text(merged(before, found)))
    _table(found)


def _has(before: Support, op: str, asked: Sequence[str]) -> bool:
    """Whether an op was measured in every backend, in a mode at least; none has one without."""
    ways = [way for way in before.ops.get(op, {}) if ":" in way]
    return all(any(f"{way}:".startswith(f"{one}:") for way in ways) for one in asked)


def _table(found: Support) -> None:
    from rich.table import Table

    from gradcmp.case import DTYPES
    from gradcmp.cli.terminal import console
    from gradcmp.measured.support import reasons, signs

    table = Table("op", *found.ways, box=None, pad_edge=False, header_style="bold")
    for op, row in found.ops.items():
        table.add_row(op, *(signs(row[way]) if way in row else "" for way in found.ways))
    console().print(table)
    say(f"\n{', '.join(DTYPES)}: ✓ as NumPy by hand, ✗ otherwise, – not at all")
    for reason, places in reasons(found).items():
        say(f"{reason}: {'; '.join(places)}")
