"""NumPy by hand as a textbook prints it: a cell for each node, then one for each gradient."""

from __future__ import annotations

from collections.abc import Iterator

from gradcmp.backends.idiom import Cell, printed
from gradcmp.explain.markdown import code, prose
from gradcmp.explain.program import Program
from gradcmp.explain.reference.chain import Local, pullback, rule

# What ends a notebook: tensor by framework.
TABLE = """\
print(f"{'':16}", *(f"{framework:>12}" for framework in differences))
for name in expected:
    print(f"{name:16}", *(f"{found[name]:12.3g}" for found in differences.values()))"""


def forward(program: Program) -> Iterator[Cell]:
    """Return the cell of each node, in the order of the graph, with what its op computes."""
    book = program.book
    for node in book.graph:
        name = book.names[node.name]
        says = f"**{code(name)}**, {node.op}: {prose(node.spec.summary)}"
        yield Cell(says, "\n".join([*book.forward[node.name], printed(name, name)]))


def backward(program: Program) -> Iterator[Cell]:
    """Return the cell of each gradient, from the output back, with the rule that gives it."""
    book = program.book
    for name, lines in book.backward.items():
        called, found = book.names.gradient(name), rule(book, name)
        parts = [f"**{code(called)}**{found.reason}", f"$${found.latex}$$"]
        parts += [_factor(step) for step in found.steps]
        parts += list(dict.fromkeys(code(pullback(book, step.node)) for step in found.steps))
        yield Cell("\n\n".join(parts), "\n".join([*lines, printed(called, called)]))


def _factor(step: Local) -> str:
    """Return what one factor of the rule is, in words."""
    factor, comma, why = step.factor.partition(", because")
    if not factor:
        return f"${step.symbol.latex}$ is a linear map, no factor for each element."
    return f"${step.symbol.latex}$ is {code(factor)}{comma}{why}."
