"""Shape rules of matrices, and how frameworks are asked for their routines on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradcmp.case import Shape
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import ArraySpec, Native, ShapeError


def require_matrix(x: ArraySpec) -> tuple[Shape, int, int]:
    """Return batch shape, rows and columns; raise `ShapeError` where there are no matrices."""
    require_float(x)
    if len(x.shape) < 2:
        raise ShapeError(f"shape {x.shape} has no matrices: they stand on the last two axes")
    *batch, m, n = x.shape
    if not m or not n:
        raise ShapeError(f"shape {x.shape} has matrices without elements")
    return tuple(batch), m, n


def require_square(x: ArraySpec) -> tuple[Shape, int]:
    """Return batch shape and order of square matrices."""
    batch, m, n = require_matrix(x)
    if m != n:
        raise ShapeError(f"shape {x.shape} has matrices of {m} rows and {n} columns: not square")
    return batch, n


def square(x: ArraySpec, **static: Any) -> ArraySpec:
    """Square matrices in and out."""
    require_square(x)
    return x


def number_each(x: ArraySpec) -> ArraySpec:
    """Square matrices in, a number for each out."""
    return ArraySpec(require_square(x)[0])


def routines(torch: Native, tensorflow: Native, jax: Native) -> dict[str, Native]:
    """Return the spellings of an op whose routines no framework has in float16 and bfloat16."""
    return {
        "torch": _widened(torch, lambda torch: torch, lambda _, x, dtype: x.to(dtype)),
        "tensorflow": _widened(tensorflow, lambda tf: tf, lambda tf, x, dtype: tf.cast(x, dtype)),
        "jax": _widened(jax, lambda jax: jax.numpy, lambda _, x, dtype: x.astype(dtype)),
    }


def _widened(native: Native, home: Callable[[Any], Any], cast: Native) -> Native:
    """Return a spelling that computes in float32 where a framework has no routine.

    Parameters
    ----------
    home : callable
        ``home(framework)``: the module that has the dtypes.
    cast : callable
        ``cast(framework, x, dtype)``.
    """

    def call(framework: Any, *operands: Any, **static: Any) -> Any:
        dtypes, dtype = home(framework), operands[0].dtype
        if dtype not in (dtypes.float16, dtypes.bfloat16):
            return native(framework, *operands, **static)
        wide = (cast(framework, x, dtypes.float32) for x in operands)
        return cast(framework, native(framework, *wide, **static), dtype)

    return call


SYMMETRIC_PARTS: Mapping[str, Native] = {
    "torch": lambda torch, x: (x + x.mT) / 2,
    "tensorflow": lambda tf, x: (x + tf.linalg.matrix_transpose(x)) / 2,
    "jax": lambda jax, x: (x + jax.numpy.swapaxes(x, -1, -2)) / 2,
}


def of_symmetric(spellings: Mapping[str, Native]) -> dict[str, Native]:
    """Return spellings that hand the symmetric part of their operand to a routine.

    Routines for symmetric matrices read one triangle, and frameworks differ in the triangle that
    gets the gradient.
    """

    def handed(routine: Native, symmetric: Native) -> Native:
        return lambda module, x, **static: routine(module, symmetric(module, x), **static)

    return {name: handed(one, SYMMETRIC_PARTS[name]) for name, one in spellings.items()}
