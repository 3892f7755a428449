"""``--script``: the attachment of a bug report, written where something does not agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gradcmp.cli import options
from gradcmp.cli.terminal import say
from gradcmp.errors import UsageError

if TYPE_CHECKING:
    from gradcmp.judge.verdict import CaseVerdict

F = TypeVar("F", bound=Callable[..., Any])


def script(function: F) -> F:
    """Add ``--script``; the command gets the file, which can be written, or None."""
    return click.option(
        "--script",
        type=options.FILE,
        metavar="FILE.py",
        callback=lambda context, parameter, file: _writable(file),
        help="Write a script that shows what disagrees in own functions, without gradcmp.",
    )(function)


def _writable(file: Path | None) -> Path | None:
    """Refuse a file that cannot be written, before anything runs."""
    from gradcmp.cli.files import require_writable

    if file is not None:
        if file.suffix != ".py":
            raise UsageError(f"'{file}' is not the name of a script", way_out="Name a file *.py")
        require_writable(str(file))
        require_writable(str(file.with_suffix(".npz")))
    return file


def write_script(verdicts: Sequence[CaseVerdict], file: Path | None) -> None:
    """Write the script of the first case of functions that disagrees; say what came of it."""
    if file is None:
        return
    from gradcmp.cli.files import write
    from gradcmp.explain.code.failure import failure_in
    from gradcmp.explain.code.standalone import Script

    failures = [found for verdict in verdicts if (found := failure_in(verdict))]
    if not failures:
        say(f"'{file}' was not written: {_why(verdicts)}", error=True)
        return
    first = failures[0]
    made = Script(first, file)
    write(str(file), made.text)
    if made.stored:
        write(str(made.beside), made.archive)
    beside = f", and '{made.beside}' with its arrays" if made.stored else ""
    others = f"; {len(failures) - 1} more cases disagree" if len(failures) > 1 else ""
    shown = f"{first.name} of {first.pair} in case '{first.verdict.case.name}'"
    say(f"wrote '{file}'{beside}: {shown}{others}", error=True)


def _why(verdicts: Sequence[CaseVerdict]) -> str:
    if not any(verdict.case.code for verdict in verdicts):
        return "no case is of functions; gradcmp explain --script writes one of a graph"
    if not any(verdict.unexpected for verdict in verdicts if verdict.case.code):
        return "no two functions disagree"
    beyond = {one.case.derivative for one in verdicts if one.case.code and one.unexpected}
    if beyond - {"gradient"}:
        return f"what disagrees is the {min(beyond)}, and a script shows values and gradients"
    return "what disagrees is inside of functions, or in an autocast, which only gradcmp's runs see"
