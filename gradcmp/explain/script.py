"""A case as a script that stands alone: the reproduction to attach to a bug report."""

from __future__ import annotations

from gradcmp.backends.idiom import Cell
from gradcmp.case import REFERENCE
from gradcmp.errors import UsageError
from gradcmp.explain.idioms import section
from gradcmp.explain.program import Program, comment


def script(program: Program, framework: str, beside: str | None = None) -> str:
    """Return the text of a script: versions, inputs, NumPy by hand, a framework, the difference.

    Parameters
    ----------
    framework : str
        NumPy, or one of ``program.idioms``.
    beside : str, optional
        The name of the .npz file for ``program.stored``, which lies in the script's directory.

    Raises
    ------
    UsageError
        When the framework's adapter has no idiom.
    """
    if framework not in (REFERENCE, *program.idioms):
        raise UsageError(f"the adapter of backend '{framework}' does not say how to write it")
    cells = [*program.opening(f'Path(__file__).with_name("{beside}")'), *program.by_hand()]
    if framework != REFERENCE:
        cells += [program.expectation(), *section(program, framework, program.idioms[framework])]
    case = program.case
    title = program.idioms[framework].title if framework != REFERENCE else "NumPy"
    head = "\n".join(comment(f"Case {case.name}: {title} against NumPy by hand"))
    return "\n\n".join([head, *map(_block, cells)]) + "\n"


def _block(cell: Cell) -> str:
    above = "\n" if cell.code.startswith("def ") else ""  # as every formatter wants it
    return above + "\n".join([*comment(cell.text), cell.code])
