"""Each framework's own way to a gradient, as its adapter writes it."""

from __future__ import annotations

from collections.abc import Iterator

from gradcmp.backends.idiom import Cell, Outline
from gradcmp.explain.program import Program
from gradcmp.explain.reference.textbook import COTANGENT


def section(program: Program, framework: str) -> Iterator[Cell]:
    """Return the cells that follow NumPy's: a framework's own way, and how far apart they are."""
    idiom = program.idioms[framework]
    outline = _outline(program, framework)
    yield from idiom.section(outline)
    actual = {name: idiom.array.format(name=name) for name in (outline.output, *outline.gradients)}
    yield Cell("Against NumPy.", program.comparison(framework, actual))


def _outline(program: Program, framework: str) -> Outline:
    wrt = program.case.wrt
    takes = [node.sources for node in program.graph if node.op == "take"]
    return Outline(
        dtype=program.dtype(framework),
        inputs={program.name(one): program.specs[one].kind for one in program.graph.inputs},
        wrt=[program.name(one) for one in wrt],
        gradients=[program.book.names.gradient(one) for one in wrt],
        reached=[program.book.reaches(one) for one in wrt],
        taken=[any(one in sources for sources in takes) for one in wrt],
        output=program.name(program.graph.output),
        cotangent=COTANGENT if program.cotangent.shape else "",
        forward=program.native(framework),
    )
