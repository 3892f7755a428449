"""Matrices that are declared symmetric: how they are drawn, and how a graph reads them.

A graph reads such an input by `symmetrize(A)`. What it hands back is then the symmetric part
(G + Gᵀ) / 2 of whatever gradient G a library makes of the two triangles, in every backend, mode
and order of derivative, with the noise that goes with it; and scripts that are written out say so.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

import numpy as np

from gradcmp.case import Case, Expression, InputSpec
from gradcmp.errors import InputError
from gradcmp.inputs.kinds import SYMMETRIC
from gradcmp.ops import Array, ArraySpec

READ = "symmetrize"


def is_symmetric(spec: InputSpec) -> bool:
    """Whether an input is declared symmetric."""
    return spec.parameters.get(SYMMETRIC) is True


def symmetric_inputs(case: Case) -> tuple[str, ...]:
    """Return the names of the inputs that are declared symmetric."""
    return tuple(name for name, spec in case.inputs.items() if is_symmetric(spec))


def require_square(found: ArraySpec) -> None:
    """Refuse what has no symmetric part.

    Raises
    ------
    InputError
        For anything but real square matrices on the last two axes.
    """
    if found.kind != "float":
        raise InputError("it is symmetric, which real matrices alone are compared as")
    if len(found.shape) < 2 or found.shape[-1] != found.shape[-2]:
        raise InputError(
            f"its shape is {found.shape}, and a symmetric matrix is square",
            way_out="Write two equal lengths last, or leave 'symmetric' out",
        )


def require_symmetric(x: Array) -> None:
    """Refuse numbers of somebody's own that are not what they are declared.

    Raises
    ------
    InputError
        For the first element that differs from its mirror image.
    """
    other = np.swapaxes(x, -1, -2)
    apart = ~((x == other) | (np.isnan(x) & np.isnan(other)))
    if apart.any():
        index = tuple(int(i) for i in np.argwhere(apart)[0])
        facing = (*index[:-2], index[-1], index[-2])
        raise InputError(
            f"it is not symmetric: element {index} is {x[index]:g}, and {facing} is {x[facing]:g}",
            way_out="Write a symmetric matrix, or leave 'symmetric' out",
        )


def mirrored(x: Array) -> Array:
    """Return matrices with their upper triangle in the place of the lower one."""
    upper = np.tri(x.shape[-1], dtype=bool).T
    y: Array = np.where(upper, x, np.swapaxes(x, -1, -2))
    return y


def reads_of(case: Case) -> Mapping[str, Expression]:
    """Return the graph of a case, with ``symmetrize(A)`` wherever it reads such an input."""
    names = frozenset(symmetric_inputs(case))
    if not names:
        return case.graph
    return {node: Expression(_read(one.text, names), one.where) for node, one in case.graph.items()}


def _read(text: str, names: frozenset[str]) -> str:
    """Return an expression with its reads written out; one that is none stays as it is."""
    text = text.strip()
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):  # told by whoever parses it
        return text
    lines = [line.encode() for line in text.splitlines(keepends=True)]
    for name in sorted(_names(tree), key=lambda one: (one.lineno, one.col_offset), reverse=True):
        if name.id in names:
            line, start = lines[name.lineno - 1], name.col_offset
            end = start + len(name.id.encode())
            lines[name.lineno - 1] = line[:start] + f"{READ}({name.id})".encode() + line[end:]
    return b"".join(lines).decode()


def _names(tree: ast.AST) -> Iterator[ast.Name]:
    """Yield the names that are read, without those that are symmetrized already or are called."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Name) and isinstance(tree, ast.Call) and child is tree.func:
            continue
        if isinstance(child, ast.Name):
            if not (isinstance(tree, ast.Call) and _is_read(tree.func) and child in tree.args):
                yield child
        else:
            yield from _names(child)


def _is_read(function: ast.expr) -> bool:
    return isinstance(function, ast.Name) and function.id == READ
