"""A case as a Jupyter notebook: NumPy by hand, then each framework's own way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape

import nbformat
from nbformat import v4

from gradcmp.backends.idiom import Cell
from gradcmp.explain.idioms import section
from gradcmp.explain.program import Program
from gradcmp.outside.printable import clean

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def notebook(program: Program, beside: str | None = None) -> str:
    """Return the text of a notebook, the same for the same case.

    Parameters
    ----------
    beside : str, optional
        The name of the .npz file for ``program.stored``, which lies in the notebook's directory.
    """
    cells = []
    for number, (kind, text) in enumerate(_sections(program, beside)):
        make = v4.new_code_cell if kind == "code" else v4.new_markdown_cell
        cells.append(make(text, id=f"cell-{number}"))  # by default an id is random
    book = v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    nbformat.validate(book)
    return str(nbformat.writes(book)) + "\n"


def _sections(program: Program, beside: str | None) -> Iterator[tuple[str, str]]:
    case = program.case
    formulas = "\n".join(f"{name} = {one.text}" for name, one in case.graph.items())
    description = f"\n\n{prose(case.description)}" if case.description else ""
    wrt = ", ".join(f"`{one}`" for one in case.wrt)
    asked = f"Differentiate `{case.output}` with respect to {wrt}."
    yield "markdown", f"# {prose(case.name)}{description}\n\n```\n{formulas}\n```\n\n{asked}"
    yield from _cells(program.opening(f'"{beside}"'))
    yield "markdown", "## NumPy by hand"
    yield from _cells([*program.by_hand(), program.expectation()])
    for framework, idiom in program.idioms.items():
        yield "markdown", f"## {prose(idiom.title)}"
        yield from _cells(section(program, framework))


def _cells(cells: Iterable[Cell]) -> Iterator[tuple[str, str]]:
    for cell in cells:
        if cell.text:
            yield "markdown", cell.text
        yield "code", cell.code


def prose(text: str) -> str:
    r"""Return a text from a config on one line that is read as nothing but text.

    Markdown takes the meaning of a sign that a backslash precedes. ``$`` and a backslash begin
    formulas all the same, with links in them, but not in code.
    """
    line = clean(" ".join(text.split()))
    return re.sub(r"[$\\]+|[]!#&()*+.:<>@[_`{|}~-]", lambda found: _spelt(found[0]), line)


def _spelt(signs: str) -> str:
    if signs[0] in "$\\":
        return f"`{signs}`"
    return escape(signs) if signs in "<>&" else f"\\{signs}"
