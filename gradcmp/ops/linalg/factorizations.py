"""Factorizations."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.linalg.matrices import of_symmetric, require_matrix, require_square, routines
from gradcmp.ops.primitives import product
from gradcmp.ops.registry import register
from gradcmp.ops.routines import (
    in_float32,
    lower_factor,
    orthogonal_factors,
    stably,
    symmetric_part,
    transposed,
)
from gradcmp.ops.spec import Array, ArraySpec, Example, Matrices, Op, Pullback, ShapeError
from gradcmp.ops.static import require_bool, require_choice


def _triangle(x: Array, k: int = 0) -> Array:
    """Return each matrix with zeros above its k-th diagonal."""
    return np.where(np.tril(np.ones(np.shape(x)[-2:], bool), k), x, 0)


def _infer_cholesky(x: ArraySpec, upper: bool = False) -> ArraySpec:
    require_bool("upper", upper)
    require_square(x)
    return x


@in_float32
def cholesky(x: Array, upper: bool = False) -> tuple[Array, Pullback]:
    """Lower triangular L with L @ L^T = s, where s = (x + x^T) / 2; with `upper` its transpose.

    A matrix that is not positive definite gives NaN; torch and TensorFlow raise an error there.

    VJP: ds = inv(L)^T @ P @ inv(L), where P is the lower triangle of L^T @ dL with half its
    diagonal, and dx = (ds + ds^T) / 2.
    Ref: Murray (2016), Differentiation of the Cholesky decomposition, equation 8.
    """
    lower = stably(lower_factor, symmetric_part(x))

    def pullback(dy: Array) -> tuple[Array]:
        seen = product(transposed(lower), transposed(dy) if upper else dy)
        inner = (_triangle(seen) + _triangle(seen, -1)) / 2
        left = stably(np.linalg.solve, transposed(lower), inner)
        both = stably(np.linalg.solve, transposed(lower), transposed(left))
        return (symmetric_part(both),)

    return transposed(lower) if upper else lower, pullback


def _infer_qr(x: ArraySpec, output: str) -> ArraySpec:
    require_choice("output", output, ("q", "r"))
    batch, m, n = require_matrix(x)
    if m < n:
        raise ShapeError(
            f"shape {x.shape} has matrices with more columns than rows, and JAX has no derivative"
            " of qr there; factorize the first columns"
        )
    return ArraySpec((*batch, m if output == "q" else n, n))


@in_float32
def qr(x: Array, output: str) -> tuple[Array, Pullback]:
    """Q with orthonormal columns, or upper triangular R, of x = Q @ R; `output` is "q" or "r".

    R has a positive diagonal, which makes the factors unique: the spellings change the signs of
    what the frameworks return. Matrices have at least as many rows as columns, and Q as many
    columns as x.

    VJP: dx = (dQ + Q @ S) @ inv(R)^T, where S is the lower triangle of R @ dR^T - dQ^T @ Q,
    mirrored into the upper one.
    Ref: Walter, Lehmann (2010), Algorithmic differentiation of linear algebra functions with
    application in optimum experimental design, section 4.
    """
    q, r = stably(orthogonal_factors, x)

    def pullback(dy: Array) -> tuple[Array]:
        seen = -product(transposed(dy), q) if output == "q" else product(r, transposed(dy))
        mirrored = _triangle(seen) + transposed(_triangle(seen, -1))
        inner = product(q, mirrored)
        inner = dy + inner if output == "q" else inner
        return (transposed(stably(np.linalg.solve, r, transposed(inner))),)

    return q if output == "q" else r, pullback


def _torch_qr(torch: Any, x: Any, output: str) -> Any:
    both = torch.linalg.qr(x)
    return _positive(both, torch.sign(torch.diagonal(both[1], dim1=-2, dim2=-1)), output)


def _tensorflow_qr(tf: Any, x: Any, output: str) -> Any:
    both = tf.linalg.qr(x)
    return _positive(both, tf.sign(tf.linalg.diag_part(both[1])), output)


def _jax_qr(jax: Any, x: Any, output: str) -> Any:
    both = jax.numpy.linalg.qr(x)
    diagonal = jax.numpy.diagonal(both[1], axis1=-2, axis2=-1)
    return _positive(both, jax.numpy.sign(diagonal), output)


def _positive(both: Any, sign: Any, output: str) -> Any:
    """Return Q or R with the signs of the diagonal of R taken out."""
    return both[0] * sign[..., None, :] if output == "q" else both[1] * sign[..., None]


def _tensorflow_cholesky(tf: Any, x: Any, upper: bool = False) -> Any:
    lower = tf.linalg.cholesky(x)
    return tf.linalg.matrix_transpose(lower) if upper else lower


register(
    Op(
        "cholesky",
        cholesky,
        infer=_infer_cholesky,
        native=of_symmetric(
            routines(
                torch=lambda torch, x, upper=False: torch.linalg.cholesky(x, upper=upper),
                tensorflow=_tensorflow_cholesky,
                jax=lambda jax, x, upper=False: jax.numpy.linalg.cholesky(x, upper=upper),
            )
        ),
        domain={"x": Matrices(symmetric=True)},
        examples=(
            Example("cholesky(x)", {"x": (3, 3)}),
            Example("cholesky(x, upper=True)", {"x": (2, 4, 4)}),
        ),
    )
)
register(
    Op(
        "qr",
        qr,
        infer=_infer_qr,
        native=routines(torch=_torch_qr, tensorflow=_tensorflow_qr, jax=_jax_qr),
        domain={"x": Matrices()},
        examples=(
            Example("qr(x, output='q')", {"x": (4, 3)}),
            Example("qr(x, output='r')", {"x": (4, 3)}),
            Example("qr(x, output='q')", {"x": (2, 3, 3)}),
            Example("qr(x, output='r')", {"x": (2, 3, 3)}),
        ),
    )
)
