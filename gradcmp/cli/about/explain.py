"""``gradcmp explain``: the chain rule, written out."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradcmp.case import Case
from gradcmp.cli import completion, options
from gradcmp.cli.cases import choose, load
from gradcmp.cli.terminal import put, say
from gradcmp.cli.trust import no_user_code
from gradcmp.errors import ExitCode, UsageError

CODE = re.compile(r"GC\d+", re.IGNORECASE)

if TYPE_CHECKING:
    from gradcmp.explain.program import Program


@click.command(name="explain")
@click.argument("paths", nargs=-1, type=options.CONFIGS, metavar="[CONFIG|DIR|CODE]...")
@options.CASE
@click.option("--notebook", type=options.FILE, metavar="FILE", help="Write a Jupyter notebook.")
@click.option(
    "--script",
    metavar="BACKEND",
    shell_complete=completion.frameworks,
    help="Write a script in NumPy and this framework.",
)
@click.option(
    "--output", "-o", "file", type=options.FILE, help="Where the script goes, not the screen."
)
@no_user_code
@options.debug
def command(
    paths: tuple[str, ...],
    names: tuple[str, ...],
    notebook: Path | None,
    script: str | None,
    file: Path | None,
) -> ExitCode:
    """Derive the gradients of cases as a textbook does: forward, then the chain rule backwards.

    Notebooks and scripts hold one case and run without gradcmp. Arrays that are too large to be
    written into them lie beside them in a .npz file of the same name.

    The code of a verdict, as in "gradcmp explain GC101", is explained instead: what it means, and
    what to do.

    \b
    gradcmp explain configs/mlp.yaml --notebook mlp.ipynb
    gradcmp explain GC101
    """
    if any(CODE.fullmatch(path) for path in paths):
        return _codes(paths)
    cases = choose(load(paths), names)
    if beyond := [case for case in cases if case.derivative != "gradient"]:
        raise UsageError(
            f"case '{beyond[0].name}' asks for {beyond[0].derivative}, and gradients alone are "
            "derived by hand",
            where=beyond[0].where,
            way_out="Leave out 'derivative'",
        )
    if file is not None and script is None:
        raise UsageError("--output was given without --script", way_out="Name a framework")
    if notebook is None and script is None:
        return _screen(cases)
    _require_places(notebook, file)
    wanted = [script] if script is not None else []
    if notebook is not None:  # it has the frameworks of its case, and the built-in ones
        wanted += [spec.name for case in cases for spec in case.backends]
    program = _program(cases, wanted)
    if notebook is not None:
        _notebook(program, notebook)
    if script is not None:
        _script(program, script, file)
    return ExitCode.AGREE


def _codes(names: tuple[str, ...]) -> ExitCode:
    """Explain the codes of verdicts, a paragraph for each of their facts."""
    from gradcmp.cli.terminal import console
    from gradcmp.report.codes import BY_CODE

    if unknown := [name for name in names if name.upper() not in BY_CODE]:
        raise UsageError(
            f"'{unknown[0]}' is not the code of a verdict",
            way_out=f"There are {', '.join(BY_CODE)}",
        )
    screen = console()
    for number, name in enumerate(names):
        if number:
            screen.print()
        for line in BY_CODE[name.upper()].lines():
            screen.print(line)
    return ExitCode.AGREE


def _screen(cases: list[Case]) -> ExitCode:
    from gradcmp.cli.terminal import console
    from gradcmp.explain.derivation import Derivation
    from gradcmp.explain.program import Program

    screen = console()
    for number, program in enumerate([Program.of(case) for case in cases]):
        if number:
            screen.print()
        screen.print(Derivation(program))
    return ExitCode.AGREE


def _require_places(notebook: Path | None, file: Path | None) -> None:
    """Refuse what cannot be written, before anything is computed."""
    from gradcmp.cli.files import require_writable

    places = [place for place in (notebook, file) if place is not None]
    if len(places) == 2 and places[0].with_suffix("") == places[1].with_suffix(""):
        raise UsageError(
            f"'{places[0]}' and '{places[1]}' differ in nothing but their suffix",
            way_out="Give them different names: what lies beside them is called like them",
        )
    for place in places:
        require_writable(str(place))
        require_writable(str(place.with_suffix(".npz")))


def _program(cases: list[Case], frameworks: list[str]) -> Program:
    from gradcmp.explain.program import Program

    if len(cases) != 1:
        raise UsageError(
            f"there are {len(cases)} cases, and a notebook or script holds one",
            way_out=f"Choose with --case: {', '.join(case.name for case in cases)}",
        )
    return Program.of(cases[0], frameworks)


def _notebook(program: Program, place: Path) -> None:
    from gradcmp.cli.files import write
    from gradcmp.explain.notebook import notebook

    write(str(place), notebook(program, _beside(program, place)))
    say(f"wrote {place}", error=True)


def _script(program: Program, framework: str, place: Path | None) -> None:
    from gradcmp.cli.files import write
    from gradcmp.explain.script import script

    if place is not None:
        write(str(place), script(program, framework, _beside(program, place)))
        say(f"wrote {place}", error=True)
        return
    if program.stored:
        raise UsageError(
            f"'{next(iter(program.stored))}' is too large to be written into a script",
            way_out="Name a file with --output; the array is stored beside it",
        )
    put(script(program, framework))


def _beside(program: Program, place: Path) -> str | None:
    """Store what is too large to be written out, and give the name of its file."""
    import numpy as np

    from gradcmp.cli.files import write

    if not program.stored:
        return None
    content = io.BytesIO()
    np.savez(content, **program.stored)  # type: ignore[arg-type]
    beside = place.with_suffix(".npz")
    write(str(beside), content.getvalue())
    return beside.name
