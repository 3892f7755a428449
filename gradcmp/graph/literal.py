"""The literals in an expression: static arguments and indices, which are not computed."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from typing import Any

from gradcmp.errors import GraphError
from gradcmp.graph.outside import shorten

MAX_NUMBER = 10**300  # fits into a float64
NOWHERE: Mapping[str, float] = {}


def literal(tree: ast.expr, what: str, constants: Mapping[str, float] = NOWHERE) -> Any:
    """Read a number, string, bool, None, or a tuple of them; a list is read as a tuple.

    Parameters
    ----------
    constants : mapping of str to float
        The numbers that have a name here.
    """
    if isinstance(tree, ast.Constant) and not isinstance(tree.value, (bytes, complex)):
        if tree.value is not Ellipsis:
            return number(tree.value)
    elif isinstance(tree, ast.Name) and tree.id in constants:
        return constants[tree.id]
    elif isinstance(tree, (ast.Tuple, ast.List)):
        return tuple(literal(element, what, constants) for element in tree.elts)
    elif isinstance(tree, ast.UnaryOp) and isinstance(tree.op, (ast.USub, ast.UAdd)):
        value = literal(tree.operand, what, constants)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return -value if isinstance(tree.op, ast.USub) else value
    raise GraphError(
        f"{what} is '{shorten(ast.unparse(tree))}', and must be a literal",
        way_out="Write a number, a string, True, False, None or a tuple of them",
    )


def number(value: Any) -> Any:
    """Return a literal's value; refuse a number that float64 does not have."""
    if isinstance(value, int) and value > MAX_NUMBER:
        raise GraphError("a number has more than 300 digits")
    if isinstance(value, float) and math.isinf(value):  # a literal such as 1e400
        raise GraphError("a number is beyond float64, which ends at 1.8e308", way_out="Write inf")
    return value


def index_key(tree: ast.Subscript) -> tuple[Any, ...]:
    """Read the parts between the brackets: integers, slices, ``...`` and None."""
    parts = tree.slice.elts if isinstance(tree.slice, ast.Tuple) else [tree.slice]
    return tuple(_index_part(tree, part) for part in parts)


def _index_part(tree: ast.Subscript, part: ast.expr) -> Any:
    if isinstance(part, ast.Slice):
        bounds = [
            None if bound is None else literal(bound, "a slice")
            for bound in (part.lower, part.upper, part.step)
        ]
        if all(bound is None or type(bound) is int for bound in bounds):
            return slice(*bounds)
    elif isinstance(part, ast.Constant) and part.value in (Ellipsis, None):
        return part.value
    elif isinstance(part, (ast.Constant, ast.UnaryOp)):
        value = literal(part, "an index")
        if type(value) is int:
            return value
    raise GraphError(
        f"'{shorten(ast.unparse(part))}' is not an index of integers, slices, '...' and None",
        way_out=_way_out(tree, part),
    )


def _way_out(tree: ast.Subscript, part: ast.expr) -> str:
    """Return how to pick what an index by an array would pick."""
    array, picked = shorten(ast.unparse(tree.value)), shorten(ast.unparse(part))
    if isinstance(part, ast.Compare):
        return f"Keep the shape with where({picked}, {array}, 0)"
    if not isinstance(part, (ast.Name, ast.Call, ast.Attribute)):
        return f"Gather by an array of integers with take({array}, indices)"
    parts = tree.slice.elts if isinstance(tree.slice, ast.Tuple) else [tree.slice]
    if not all(isinstance(one, ast.Slice) and ast.unparse(one) == ":" for one in parts[:-1]):
        return f"Gather by an array of integers with take({array}, {picked}, axis=…)"
    axis = f", axis={len(parts) - 1}" if len(parts) > 1 else ""
    return f"Gather by an array of integers with take({array}, {picked}{axis})"
