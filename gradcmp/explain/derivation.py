"""The chain rule as a textbook prints it: forward node by node, then backward with its reasons."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from gradcmp.explain.program import Program
from gradcmp.explain.reference.chain import meaning, pullback, rule
from gradcmp.recording import Array
from gradcmp.report.screen.header import function
from gradcmp.report.words.ink import QUIET, STRONG, Ink
from gradcmp.report.words.places import shape

WHOLE = 8  # arrays of up to two dimensions of up to so many elements are printed whole
CORNER = 3  # elements at either end of each axis of a larger one


@dataclass(frozen=True)
class Derivation:
    """One case, derived on the screen; a rich renderable."""

    program: Program

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return the lines, none of them wider than the console unless it is code."""
        ink = Ink.on(console, options)
        case = self.program.case
        yield from ink.wrap(Text.assemble(ink("case "), ink(case.name, STRONG)), hang=2)
        for line in function(case, len(case.graph)):
            yield from ink.wrap(ink(line), indent=2, hang=4)
        yield from ink.wrap(ink(meaning(self.program.book)), indent=2, hang=4)
        yield from self._forward(ink)
        yield from self._backward(ink)

    def _forward(self, ink: Ink) -> Iterator[Text]:
        book = self.program.book
        yield from _heading(ink, "inputs")
        for name in book.graph.inputs:
            yield from _array(ink, book.names[name], book.values[name].value)
        yield from _heading(ink, "forward")
        for node in book.graph:
            yield from _code(ink, book.forward[node.name])
            step = f"; step {node.name}" if node.is_step else ""
            formula = node.spec.summary.removesuffix(".")
            yield from ink.wrap(ink(f"{node.op}: {formula}{step}", QUIET), 4, 2)
            yield from _array(ink, book.names[node.name], book.values[node.name].value)

    def _backward(self, ink: Ink) -> Iterator[Text]:
        book = self.program.book
        yield from _heading(ink, "backward")
        for name, gradient in book.gradients.items():
            found = rule(book, name)
            yield from ink.wrap(ink(found.text, STRONG), 2, 4)
            for step in found.steps:
                yield from ink.wrap(ink(str(step)), 4, 2)
                yield from ink.wrap(ink(pullback(book, step.node), QUIET), 4, 2)
            yield from _code(ink, book.backward[name], indent=4)
            yield from _array(ink, f"dr/d{book.names[name]}", gradient.value)


def text(program: Program) -> str:
    """Return the derivation as plain text, 100 columns wide."""
    file = io.StringIO()
    Console(file=file, width=100, color_system=None).print(Derivation(program))
    return file.getvalue()


def _heading(ink: Ink, title: str) -> Iterator[Text]:
    yield Text()
    yield ink(title, QUIET)


def _code(ink: Ink, lines: list[str], indent: int = 2) -> Iterator[Text]:
    for line in "\n".join(lines).splitlines():
        yield from ink.wrap(ink(line), indent, 4)


def _array(ink: Ink, name: str, array: Array) -> Iterator[Text]:
    """Print a small array whole, of a large one the corners and the shape."""
    whole = array.ndim <= 2 and all(n <= WHOLE for n in array.shape)
    size = "" if array.shape == () else f"  {shape(array.shape)}"
    yield from ink.wrap(Text.assemble(ink(name), ink(size, QUIET)), 4)
    printed = np.array2string(
        array,
        max_line_width=max(ink.width - 6, 20),
        precision=8,
        threshold=array.size if whole else 0,
        edgeitems=CORNER,
    )
    for line in printed.splitlines():
        yield from ink.wrap(ink(line), 6)
