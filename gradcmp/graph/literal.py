"""The literals in an expression: static arguments and indices, which are not computed."""

from __future__ import annotations

import ast
from typing import Any

from gradcmp.errors import GraphError


def literal(tree: ast.expr, what: str) -> Any:
    """Read a number, string, bool, None, or a tuple of them; a list is read as a tuple."""
    if isinstance(tree, ast.Constant) and not isinstance(tree.value, (bytes, complex)):
        if tree.value is not Ellipsis:
            return tree.value
    elif isinstance(tree, (ast.Tuple, ast.List)):
        return tuple(literal(element, what) for element in tree.elts)
    elif isinstance(tree, ast.UnaryOp) and isinstance(tree.op, (ast.USub, ast.UAdd)):
        value = literal(tree.operand, what)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return -value if isinstance(tree.op, ast.USub) else value
    raise GraphError(
        f"{what} is '{shorten(ast.unparse(tree))}', and must be a literal",
        way_out="Write a number, a string, True, False, None or a tuple of them",
    )


def index_key(tree: ast.expr) -> tuple[Any, ...]:
    """Read the parts between the brackets: integers, slices, ``...`` and None."""
    parts = tree.elts if isinstance(tree, ast.Tuple) else [tree]
    return tuple(_index_part(part) for part in parts)


def _index_part(tree: ast.expr) -> Any:
    if isinstance(tree, ast.Slice):
        bounds = [
            None if part is None else literal(part, "a slice")
            for part in (tree.lower, tree.upper, tree.step)
        ]
        if all(bound is None or type(bound) is int for bound in bounds):
            return slice(*bounds)
    elif isinstance(tree, ast.Constant) and tree.value in (Ellipsis, None):
        return tree.value
    else:
        value = literal(tree, "an index")
        if type(value) is int:
            return value
    raise GraphError(
        f"'{shorten(ast.unparse(tree))}' is not an index",
        way_out="Use integers, slices, '...' and None; gather with take(x, indices)",
    )


def shorten(text: str, limit: int = 60) -> str:
    """Return a text on one line, cut off where it would swamp a message."""
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
