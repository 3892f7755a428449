"""Each framework's own way to a gradient, as its adapter writes it."""

from __future__ import annotations

from collections.abc import Iterator

from gradcmp.backends.idiom import Cell, Idiom, Outline
from gradcmp.explain.program import Program
from gradcmp.explain.reference.textbook import COTANGENT

TAKES = ("take", "take_along_axis", "gather")  # of which TensorFlow's gradient may be slices


def ways(program: Program, framework: str) -> Iterator[Idiom]:
    """Return how a framework is written, and each mode of the case that is another way."""
    idiom = program.idioms[framework]
    yield idiom
    for spec in program.case.backends:
        if spec.name == framework and (mode := idiom.modes.get(spec.mode or "")):
            yield mode


def section(program: Program, framework: str, idiom: Idiom) -> Iterator[Cell]:
    """Return the cells that follow NumPy's: a framework's own way, and how far apart they are."""
    outline = _outline(program, framework, idiom)
    yield from idiom.section(outline)
    actual = {name: idiom.array.format(name=name) for name in (outline.output, *outline.gradients)}
    yield Cell("Against NumPy.", program.comparison(framework, idiom.title, actual))


def _outline(program: Program, framework: str, idiom: Idiom) -> Outline:
    wrt = program.case.wrt
    takes = [node.sources for node in program.graph if node.op in TAKES]
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
        shapes={program.name(one): program.specs[one].shape for one in program.graph.inputs},
        array=idiom.array,
    )
