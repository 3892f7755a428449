"""Linear systems."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.linalg.matrices import require_square, routines
from gradcmp.ops.primitives import product, spread, unbroadcast
from gradcmp.ops.registry import register
from gradcmp.ops.routines import in_float32, stably, transposed
from gradcmp.ops.shapes import broadcast, require_float
from gradcmp.ops.spec import (
    Array,
    ArraySpec,
    Example,
    Interval,
    Matrices,
    Native,
    Op,
    Pullback,
    ShapeError,
)
from gradcmp.ops.static import require_bool


def _infer_solve(a: ArraySpec, b: ArraySpec, **static: Any) -> ArraySpec:
    for name, flag in static.items():
        require_bool(name, flag)
    batch, n = require_square(a)
    require_float(b)
    if not b.shape:
        raise ShapeError("b has no axes, and must be a vector or matrices")
    rows = b.shape[0] if len(b.shape) == 1 else b.shape[-2]
    if rows != n:
        raise ShapeError(f"a has {n} rows, b has {rows}")
    if len(b.shape) == 1:
        return ArraySpec((*batch, n))
    common = broadcast(ArraySpec(batch), ArraySpec(b.shape[:-2]))
    return ArraySpec((*common, *b.shape[-2:]))


def _solved(a: Array, b: Array) -> tuple[Array, Pullback]:
    """Solve ``a @ y = b`` for matrices of which the batches are broadcast."""
    batch = np.broadcast_shapes(np.shape(a)[:-2], np.shape(b)[:-2])
    left, right = (spread(x, batch + np.shape(x)[-2:]) for x in (a, b))
    y = stably(np.linalg.solve, left, right)

    def pullback(dy: Array) -> tuple[Array, Array]:
        db = stably(np.linalg.solve, transposed(left), dy)
        return unbroadcast(-product(db, transposed(y)), a), unbroadcast(db, b)

    return y, pullback


def _of_vectors(a: Array, b: Array) -> tuple[Array, Pullback]:
    """Solve ``a @ y = b``, where b with one axis is one vector for all of the batch."""
    if np.ndim(b) > 1:
        return _solved(a, b)
    y, pullback = _solved(a, np.expand_dims(b, -1))

    def flat(dy: Array) -> tuple[Array | None, ...]:
        da, db = pullback(np.expand_dims(dy, -1))
        return da, np.squeeze(db, -1)  # type: ignore[arg-type]

    return np.squeeze(y, -1), flat


@in_float32
def solve(a: Array, b: Array) -> tuple[Array, Pullback]:
    """Solution y of a @ y = b for square matrices a.

    An operand b with one axis is a vector, one with more is matrices, as in the array API
    standard; torch takes it for vectors, too, where it has the shape of a without the last axis.
    For a singular matrix all elements are NaN; torch and TensorFlow raise an error there.

    VJP: db = inv(a)^T @ dy, da = -db @ y^T, each summed over its broadcast axes.
    Ref: Giles (2008), Collected matrix derivative results, section 2.3.1.
    """
    return _of_vectors(a, b)


@in_float32
def triangular_solve(
    a: Array, b: Array, lower: bool = True, transpose: bool = False, unit_diagonal: bool = False
) -> tuple[Array, Pullback]:
    """Solution y of a @ y = b for triangular matrices a, or of a^T @ y = b with `transpose`.

    The other triangle of a is not read, nor with `unit_diagonal` its diagonal, which is then 1;
    what is not read has a gradient of 0. Shapes as in `solve`.

    Convention: `lower` is the default in TensorFlow; torch has no default, JAX takes the upper
    triangle. TensorFlow has no unit diagonal: ones are put there.

    VJP: db = inv(a)^T @ dy, da = what is read of -db @ y^T; with `transpose` of its transpose.
    Ref: Giles (2008), Collected matrix derivative results, section 2.3.1.
    """
    read = _read(np.shape(a)[-1], lower, unit_diagonal)
    triangle = np.where(read, a, 0)
    if unit_diagonal:
        triangle = np.where(np.eye(np.shape(a)[-1], dtype=bool), 1, triangle)
    y, pullback = _of_vectors(transposed(triangle) if transpose else triangle, b)

    def masked(dy: Array) -> tuple[Array, Array | None]:
        da, db = pullback(dy)
        return np.where(read, transposed(da) if transpose else da, 0), db  # type: ignore[arg-type]

    return y, masked


def _read(n: int, lower: bool, unit_diagonal: bool) -> Array:
    """Return which elements of a triangular matrix are read."""
    below: Array = np.tril(np.ones((n, n), bool), -1 if unit_diagonal else 0)
    return below if lower else below.T


def _for_vectors(solver: Native) -> Native:
    """Return a spelling in which b with one axis is one vector, and matrices with more.

    torch and JAX take what has one axis less than a for vectors: it gets a batch of length 1.
    """

    def call(framework: Any, a: Any, b: Any, **static: Any) -> Any:
        vector = len(b.shape) == 1
        right = b[:, None] if vector else b
        if max(2, len(b.shape)) < len(a.shape):
            right = right[None]
        y = solver(framework, a, right, **static)
        return y[..., 0] if vector else y

    return call


def _tensorflow_solve(tf: Any, a: Any, b: Any) -> Any:
    """TensorFlow's solver neither broadcasts batches nor takes vectors."""
    shape = tuple(b.shape) if len(b.shape) > 1 else (*b.shape, 1)
    batch = np.broadcast_shapes(tuple(a.shape[:-2]), shape[:-2])
    right = b if len(b.shape) > 1 else b[:, None]
    left = a if tuple(a.shape[:-2]) == batch else tf.broadcast_to(a, batch + tuple(a.shape[-2:]))
    right = right if shape[:-2] == batch else tf.broadcast_to(right, batch + shape[-2:])
    y = tf.linalg.solve(left, right)
    return y if len(b.shape) > 1 else y[..., 0]


def _torch_triangular_solve(
    torch: Any,
    a: Any,
    b: Any,
    lower: bool = True,
    transpose: bool = False,
    unit_diagonal: bool = False,
) -> Any:
    return torch.linalg.solve_triangular(
        a.mT if transpose else a, b, upper=lower == transpose, unitriangular=unit_diagonal
    )


def _tensorflow_triangular_solve(
    tf: Any,
    a: Any,
    b: Any,
    lower: bool = True,
    transpose: bool = False,
    unit_diagonal: bool = False,
) -> Any:
    if unit_diagonal:
        a = tf.linalg.set_diag(a, tf.ones(tuple(a.shape[:-1]), a.dtype))
    return tf.linalg.triangular_solve(a, b, lower=lower, adjoint=transpose)


def _jax_triangular_solve(
    jax: Any,
    a: Any,
    b: Any,
    lower: bool = True,
    transpose: bool = False,
    unit_diagonal: bool = False,
) -> Any:
    return jax.scipy.linalg.solve_triangular(
        a, b, trans=int(transpose), lower=lower, unit_diagonal=unit_diagonal
    )


register(
    Op(
        "solve",
        solve,
        infer=_infer_solve,
        native=routines(
            torch=_for_vectors(lambda torch, a, b: torch.linalg.solve(a, b)),
            tensorflow=_tensorflow_solve,
            jax=_for_vectors(lambda jax, a, b: jax.numpy.linalg.solve(a, b)),
        ),
        domain={"a": Matrices()},
        examples=(
            Example("solve(a, b)", {"a": (3, 3), "b": (3, 2)}),
            Example("solve(a, b)", {"a": (3, 3), "b": (3,)}),
            Example("solve(a, b)", {"a": (2, 1, 3, 3), "b": (4, 3, 1)}),
            Example("solve(a, b)", {"a": (2, 3, 3), "b": (3,)}),
        ),
    )
)
register(
    Op(
        "triangular_solve",
        triangular_solve,
        infer=_infer_solve,
        native=routines(
            torch=_for_vectors(_torch_triangular_solve),
            tensorflow=_for_vectors(_tensorflow_triangular_solve),
            jax=_for_vectors(_jax_triangular_solve),
        ),
        domain={"a": Interval(0.5, 1.5)},
        examples=(
            Example("triangular_solve(a, b)", {"a": (3, 3), "b": (3, 2)}),
            Example("triangular_solve(a, b, lower=False)", {"a": (2, 3, 3), "b": (3,)}),
            Example("triangular_solve(a, b, transpose=True)", {"a": (3, 3), "b": (2, 3, 2)}),
            Example(
                "triangular_solve(a, b, lower=False, transpose=True, unit_diagonal=True)",
                {"a": (3, 3), "b": (3,)},
            ),
        ),
    )
)
