"""Arrays as source: by the form that makes them where there is one, else number by number."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator

import numpy as np

from gradcmp.explain.reference.trees import call, literal, name
from gradcmp.ops import Array

WRITTEN = 128  # elements that are written out; more are drawn again or stored beside the code


def written(array: Array) -> ast.expr | None:
    """Return the tree that makes exactly this array; None for a large one without a form."""
    for form, value in _forms(array):
        if value.dtype == array.dtype and value.tobytes() == array.tobytes():  # to the sign of 0
            return form
    if array.size > WRITTEN:
        return None
    return call(name("np.array"), [literal(array.tolist())])


def _forms(array: Array) -> Iterator[tuple[ast.expr, Array]]:
    """Return candidates: constants, steps, a lower triangle; each with what it makes."""
    shape = array.shape
    if not array.size:
        dtype = "bool" if array.dtype == bool else f"np.{array.dtype}"
        yield call(name("np.zeros"), [literal(shape)], dtype=name(dtype)), array
    elif array.dtype == bool and array.ndim == 2:
        triangle = call(name("np.tri"), map(literal, shape), dtype=name("bool"))
        yield triangle, np.tri(*shape, dtype=bool)
    elif array.dtype != bool and shape:
        yield from _regular(array)


def _regular(array: Array) -> Iterator[tuple[ast.expr, Array]]:
    """Return a constant, and equal steps from the first element on."""
    shape, first = array.shape, array.flat[0].item()
    if array.dtype == np.float64 and first in (0, 1) and not np.signbit(first):
        maker = "np.ones" if first else "np.zeros"
        yield call(name(maker), [literal(shape)]), np.full(shape, float(first))
    yield call(name("np.full"), [literal(shape), literal(first)]), np.full(shape, first)
    if array.size > 2 and math.isfinite(first):
        step = array.flat[1].item() - first
        if step and math.isfinite(step):
            row: ast.expr = call(name("np.arange"), [literal(array.size)])
            whole = np.arange(array.size)
            if step != 1:
                row, whole = ast.BinOp(literal(step), ast.Mult(), row), step * whole
            if first or array.dtype == np.float64:
                row, whole = ast.BinOp(literal(first), ast.Add(), row), first + whole
            yield call(ast.Attribute(row, "reshape"), map(literal, shape)), whole.reshape(shape)
