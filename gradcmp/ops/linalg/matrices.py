"""Shape rules of matrices, and how frameworks are asked for their routines on them."""

from __future__ import annotations

from collections.abc import Callable
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


def torch_widened(native: Native) -> Native:
    """Return a spelling that computes in float32 where torch has no routine."""

    def call(torch: Any, *operands: Any, **static: Any) -> Any:
        dtype = operands[0].dtype
        if dtype not in (torch.float16, torch.bfloat16):
            return native(torch, *operands, **static)
        return native(torch, *(x.float() for x in operands), **static).to(dtype)

    return call


def tensorflow_widened(native: Native) -> Native:
    """Return a spelling that computes in float32 where TensorFlow has no routine."""

    def call(tf: Any, *operands: Any, **static: Any) -> Any:
        dtype = operands[0].dtype
        if dtype not in (tf.float16, tf.bfloat16):
            return native(tf, *operands, **static)
        wide = (tf.cast(x, tf.float32) for x in operands)
        return tf.cast(native(tf, *wide, **static), dtype)

    return call


def jax_widened(native: Native) -> Native:
    """Return a spelling that computes in float32 where JAX has no routine."""

    def call(jax: Any, *operands: Any, **static: Any) -> Any:
        dtype = operands[0].dtype
        if dtype not in (jax.numpy.float16, jax.numpy.bfloat16):
            return native(jax, *operands, **static)
        wide = (x.astype(jax.numpy.float32) for x in operands)
        return native(jax, *wide, **static).astype(dtype)

    return call


def routines(torch: Native, tensorflow: Native, jax: Native) -> dict[str, Native]:
    """Return the spellings of an op whose routines no framework has in float16 and bfloat16."""
    return {
        "torch": torch_widened(torch),
        "tensorflow": tensorflow_widened(tensorflow),
        "jax": jax_widened(jax),
    }


def of_symmetric(spellings: dict[str, Callable[..., Any]]) -> dict[str, Native]:
    """Return spellings that hand the symmetric part of their operand to a routine.

    Routines for symmetric matrices read one triangle, and frameworks differ in the triangle that
    gets the gradient.
    """
    return {
        "torch": lambda torch, x, **static: spellings["torch"](torch, (x + x.mT) / 2, **static),
        "tensorflow": lambda tf, x, **static: spellings["tensorflow"](
            tf, (x + tf.linalg.matrix_transpose(x)) / 2, **static
        ),
        "jax": lambda jax, x, **static: spellings["jax"](
            jax, (x + jax.numpy.swapaxes(x, -1, -2)) / 2, **static
        ),
    }
