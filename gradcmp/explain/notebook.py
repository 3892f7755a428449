"""A case as a Jupyter notebook: NumPy by hand, then each framework's own way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

import nbformat
import numpy as np
from nbformat import v4

from gradcmp.backends import backend_class
from gradcmp.backends.idiom import Cell
from gradcmp.explain.drawing import mermaid
from gradcmp.explain.idioms import section, ways
from gradcmp.explain.lesson import TABLE, backward, forward
from gradcmp.explain.markdown import prose
from gradcmp.explain.program import Program
from gradcmp.explain.reference.chain import meaning
from gradcmp.version import VERSION

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
    metadata = {"kernelspec": KERNEL, "gradcmp": {"versions": _versions(program)}}
    book = v4.new_notebook(cells=cells, metadata=metadata)
    nbformat.validate(book)
    return str(nbformat.writes(book)) + "\n"


def _versions(program: Program) -> dict[str, str]:
    """Return the versions with which it was written, of what is installed."""
    found = {"gradcmp": VERSION, "numpy": np.__version__}
    for framework in program.idioms:
        package = backend_class(framework).package
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _sections(program: Program, beside: str | None) -> Iterator[tuple[str, str]]:
    """Return the cells, as kind and text: the case, NumPy node by node, each framework, a table."""
    yield "markdown", _title(program)
    yield "markdown", mermaid(program)
    yield from _cells(program.opening(f'"{beside}"'))
    yield "markdown", "## NumPy by hand: forward"
    yield from _cells(forward(program))
    yield "markdown", f"## NumPy by hand: backward\n\nThe chain rule; {_meaning(program)}."
    yield from _cells(backward(program))
    yield from _cells([program.expectation()])
    for framework in program.idioms:
        for idiom in ways(program, framework):
            yield "markdown", f"## {prose(idiom.title)}"
            yield from _cells(section(program, framework, idiom))
    if program.idioms:
        yield "markdown", "## Do they agree?\n\nThe largest difference from NumPy by hand."
        yield "code", TABLE


def _title(program: Program) -> str:
    case = program.case
    formulas = "\n".join(f"{name} = {one.text}" for name, one in case.graph.items())
    description = f"\n\n{prose(case.description)}" if case.description else ""
    wrt = ", ".join(f"`{one}`" for one in case.wrt)
    asked = f"Differentiate `{case.output}` with respect to {wrt}."
    return f"# {prose(case.name)}{description}\n\n```\n{formulas}\n```\n\n{asked}"


def _meaning(program: Program) -> str:
    return meaning(program.book).replace("sum(cotangent * ", "the sum of cotangent · ").rstrip(")")


def _cells(cells: Iterable[Cell]) -> Iterator[tuple[str, str]]:
    for cell in cells:
        if cell.text:
            yield "markdown", cell.text
        yield "code", cell.code
