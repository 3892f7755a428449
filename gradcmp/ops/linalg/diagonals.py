"""Diagonals and symmetric parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.linalg.matrices import SYMMETRIC_PARTS, require_matrix, square
from gradcmp.ops.primitives import spread, total, zeros
from gradcmp.ops.registry import register
from gradcmp.ops.routines import symmetric_part
from gradcmp.ops.shapes import require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Op, Pullback, ShapeError
from gradcmp.ops.static import require_int


def places(m: int, n: int, offset: int) -> Array:
    """Return where a diagonal lies in m rows of n columns that stand one behind the other."""
    rows = np.arange(max(0, -offset), min(m, n - offset))
    return rows * n + rows + offset


def picked(x: Array, offset: int = 0) -> Array:
    """Return a diagonal of each matrix on the last two axes."""
    *batch, m, n = np.shape(x)
    y: Array = np.take(np.reshape(x, (*batch, m * n)), places(m, n, offset), axis=-1)
    return y


def placed(y: Array, m: int, n: int, offset: int = 0) -> Array:
    """Return matrices of m rows and n columns of zeros but for a diagonal: transposes `picked`."""
    *batch, length = np.shape(y)
    source = np.full(m * n, length)
    source[places(m, n, offset)] = np.arange(length)
    padded = np.concatenate([y, zeros(y, (*batch, 1))], axis=-1)
    return np.reshape(np.take(padded, source, axis=-1), (*batch, m, n))


def _infer_diagonal(x: ArraySpec, offset: int = 0) -> ArraySpec:
    require_int("offset", offset)
    batch, m, n = require_matrix(x)
    if not -m < offset < n:
        raise ShapeError(f"offset is {offset}, and matrices of {m} rows and {n} columns end before")
    return ArraySpec((*batch, len(places(m, n, offset))))


def diagonal(x: Array, offset: int = 0) -> tuple[Array, Pullback]:
    """Elements x_i,i+offset of each matrix on the last two axes.

    The axes are those of the array API standard's linalg.diagonal; NumPy's, torch's and JAX's
    own defaults are the first two.

    VJP: dx = zeros with dy on the diagonal.
    """
    m, n = np.shape(x)[-2:]
    return picked(x, offset), lambda dy: (placed(dy, m, n, offset),)


def _infer_trace(x: ArraySpec, offset: int = 0) -> ArraySpec:
    return ArraySpec(_infer_diagonal(x, offset).shape[:-1])


def trace(x: Array, offset: int = 0) -> tuple[Array, Pullback]:
    """Sum of a diagonal of each matrix on the last two axes.

    The axes are those of the array API standard's linalg.trace; NumPy's and JAX's own defaults
    are the first two, and torch.trace has no offset and no batch.

    VJP: dx = zeros with dy all along the diagonal.
    """
    m, n = np.shape(x)[-2:]
    elements = picked(x, offset)

    def pullback(dy: Array) -> tuple[Array]:
        row = spread(np.expand_dims(dy, -1), np.shape(elements))
        return (placed(row, m, n, offset),)

    return total(elements, -1), pullback


def _side(length: int, offset: int) -> int:
    return length + abs(offset)


def _infer_diag(x: ArraySpec, offset: int = 0) -> ArraySpec:
    if len(x.shape) == 2:
        return _infer_diagonal(x, offset)
    require_int("offset", offset)
    require_float(x)
    if len(x.shape) != 1:
        raise ShapeError(
            f"shape {x.shape} is neither of a vector nor of a matrix; take diagonal(x) of a batch"
        )
    side = _side(x.shape[0], offset)
    return ArraySpec((side, side))


def diag(x: Array, offset: int = 0) -> tuple[Array, Pullback]:
    """Square matrix with a vector x on a diagonal; of a matrix, its diagonal.

    VJP: dx = the diagonal of dy; of a matrix, zeros with dy on the diagonal.
    """
    if np.ndim(x) == 2:
        return diagonal(x, offset)
    side = _side(np.shape(x)[0], offset)
    return placed(x, side, side, offset), lambda dy: (picked(dy, offset),)


def symmetrize(x: Array) -> tuple[Array, Pullback]:
    """Half sum of each matrix on the last two axes and its transpose.

    Declares an input symmetric: whatever a framework makes of the two triangles of a symmetric
    matrix, the gradient that comes out is the symmetric part. The ops of symmetric matrices
    (cholesky, eigvalsh, spectral_projector) do so by themselves.

    VJP: dx = (dy + dy^T) / 2.
    """
    return symmetric_part(x), lambda dy: (symmetric_part(dy),)


def _torch_diagonal(torch: Any, x: Any, offset: int = 0) -> Any:
    return torch.linalg.diagonal(x, offset=offset)


def _jax_diagonal(jax: Any, x: Any, offset: int = 0) -> Any:
    return jax.numpy.linalg.diagonal(x, offset=offset)


def _tensorflow_diag(tf: Any, x: Any, offset: int = 0) -> Any:
    if len(x.shape) == 2:
        return tf.linalg.diag_part(x, k=offset)
    return tf.linalg.diag(x, k=offset)


register(
    Op(
        "diagonal",
        diagonal,
        infer=_infer_diagonal,
        native={
            "torch": _torch_diagonal,
            "tensorflow": lambda tf, x, offset=0: tf.linalg.diag_part(x, k=offset),
            "jax": _jax_diagonal,
        },
        examples=(
            Example("diagonal(x)", {"x": (3, 4)}),
            Example("diagonal(x, offset=1)", {"x": (2, 3, 3)}),
            Example("diagonal(x, -2)", {"x": (4, 3)}),
        ),
    )
)
register(
    Op(
        "trace",
        trace,
        infer=_infer_trace,
        native={
            "torch": lambda torch, x, offset=0: torch.sum(_torch_diagonal(torch, x, offset), -1),
            "tensorflow": lambda tf, x, offset=0: (
                tf.reduce_sum(tf.linalg.diag_part(x, k=offset), -1)
                if offset
                else tf.linalg.trace(x)
            ),
            "jax": lambda jax, x, offset=0: jax.numpy.linalg.trace(x, offset=offset),
        },
        examples=(
            Example("trace(x)", {"x": (3, 4)}),
            Example("trace(x, offset=-1)", {"x": (2, 3, 3)}),
        ),
    )
)
register(
    Op(
        "diag",
        diag,
        infer=_infer_diag,
        native={
            "torch": lambda torch, x, offset=0: torch.diag(x, offset),
            "tensorflow": _tensorflow_diag,
            "jax": lambda jax, x, offset=0: jax.numpy.diag(x, offset),
        },
        examples=(
            Example("diag(x)", {"x": (3,)}),
            Example("diag(x, offset=-2)", {"x": (2,)}),
            Example("diag(x, 1)", {"x": (3, 4)}),
        ),
    )
)
register(
    Op(
        "symmetrize",
        symmetrize,
        infer=square,
        native=SYMMETRIC_PARTS,
        examples=(
            Example("symmetrize(x)", {"x": (3, 3)}),
            Example("symmetrize(x)", {"x": (2, 1, 2, 2)}),
        ),
    )
)
