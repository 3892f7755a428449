"""``gradcmp conventions``: where the frameworks lawfully differ, and how."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradcmp.cli import completion, options
from gradcmp.cli.terminal import say
from gradcmp.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from gradcmp.ops import Op
    from gradcmp.ops.conventions import Conventions


@click.command(name="conventions")
@click.argument("names", nargs=-1, metavar="[OP]...", shell_complete=completion.op_names)
@click.option("--measure", is_flag=True, help="Ask the installed frameworks, and say what changed.")
@click.option(
    "--backend",
    "-b",
    "backends",
    multiple=True,
    metavar="SPEC",
    help="Ask this one only: torch, or torch:eager; repeatable.",
    shell_complete=completion.backends,
)
@click.option("--into", type=options.FILE, metavar="FILE", help="Keep what is measured.")
@options.debug
def command(
    names: tuple[str, ...], measure: bool, backends: tuple[str, ...], into: Path | None
) -> ExitCode:
    """List what each framework returns where a function has a kink, a tie or no slope.

    What comes with gradcmp was measured; with --measure the frameworks that are installed are
    asked again: an answer that changed ends in exit code 1, and a backend that is named and cannot
    be asked in exit code 3.

    \b
    gradcmp conventions relu norm
    gradcmp conventions --measure -b torch:eager
    """
    from gradcmp.graph.names import resolve
    from gradcmp.ops import OPS
    from gradcmp.ops.conventions import points, stored

    if (backends or into) and not measure:
        raise UsageError("--backend and --into are for --measure", way_out="Add it")
    ops = [resolve(name) for name in names] or OPS.everything()
    for op in ops if names else ():
        if not any(points([op])):
            say(f"{op.name} has no point where frameworks are known to differ")
    if measure:
        return _measured(ops, backends, into)
    _shown(ops, stored())
    return ExitCode.AGREE


def _shown(ops: Sequence[Op], found: Conventions) -> None:
    from gradcmp.ops.conventions import alike, points

    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    say(f"measured with {versions}")
    for op, kink in points(ops):
        operands = ", ".join(f"{name} = {_listed(x)}" for name, x in kink.inputs.items())
        say(f"\n{op.name} at {kink.name}: {kink.expression} with {operands}\n  {kink.why}")
        answers = alike(found.answers(op, kink))
        width = max(map(len, answers), default=0)
        for answer, ways in answers.items():
            say(f"  {answer:<{width}}  {', '.join(ways)}")
        if not answers:
            say("  not measured")


def _listed(x: object) -> object:
    """Return nested tuples as nested lists, as users write them."""
    return [_listed(one) for one in x] if isinstance(x, tuple) else x


def _measured(ops: Sequence[Op], chosen: Sequence[str], into: Path | None) -> ExitCode:
    from gradcmp.backends import backend_names
    from gradcmp.case import BackendSpec
    from gradcmp.cli.files import require_writable, write
    from gradcmp.cli.running.session import Session
    from gradcmp.config import parse_backend
    from gradcmp.measured.conventions import measure
    from gradcmp.ops.conventions import changed, merged, read, stored, text

    before = stored()
    if into:
        require_writable(str(into))
        before = read(into)
    specs = [parse_backend(one) for one in chosen] or [BackendSpec(one) for one in backend_names()]
    with Session() as session, session.shown():
        found = measure(session.pool, specs, ops)
    _shown(ops, found)
    lines = list(changed(before, found))
    for line in lines:
        say(f"changed: {line}")
    for name, why in found.silent.items():
        say(f"{name} was not asked: {why}", error=True)
    if into:
        write(str(into), text(merged(before, found)))
    if lines:
        return ExitCode.DISAGREE
    return ExitCode.COULD_NOT_COMPARE if chosen and found.silent else ExitCode.AGREE
