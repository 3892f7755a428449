"""Eigenvalues and singular values.

Eigenvectors and singular vectors have signs that each library chooses for itself, so none is
returned: what they span is, by projections.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.linalg.matrices import of_symmetric, require_matrix, require_square, routines
from gradcmp.ops.primitives import product
from gradcmp.ops.registry import register
from gradcmp.ops.routines import (
    eigenpairs,
    in_float32,
    singular_parts,
    stably,
    symmetric_part,
    transposed,
)
from gradcmp.ops.spec import Array, ArraySpec, Example, Matrices, Op, Pullback, ShapeError
from gradcmp.ops.static import require_int

INDEFINITE = Matrices(low=-1.0, high=2.0, symmetric=True)


def _infer_eigvalsh(x: ArraySpec) -> ArraySpec:
    batch, n = require_square(x)
    return ArraySpec((*batch, n))


def _require_rank(rank: int, most: int) -> None:
    require_int("rank", rank, 1)
    if rank > most:
        raise ShapeError(f"rank is {rank}, and must be at most {most}")


def _columns(x: Array) -> Array:
    """Return numbers that multiply columns, one each."""
    return np.expand_dims(x, -2)


@in_float32
def eigvalsh(x: Array) -> tuple[Array, Pullback]:
    """Eigenvalues of (x + x^T) / 2, in ascending order.

    VJP: dx = V @ diag(dy) @ V^T, V the eigenvectors.
    Convention: the derivative of equal eigenvalues depends on the order in which they are put.
    Ref: Giles (2008), Collected matrix derivative results, section 3.1.
    """
    w, v = stably(eigenpairs, symmetric_part(x))
    return w, lambda dy: (product(v * _columns(dy), transposed(v)),)


def _infer_projector(x: ArraySpec, rank: int) -> ArraySpec:
    _, n = require_square(x)
    _require_rank(rank, n)
    return x


@in_float32
def spectral_projector(x: Array, rank: int) -> tuple[Array, Pullback]:
    """Projector on the eigenvectors of the `rank` largest eigenvalues of s = (x + x^T) / 2.

    P = V @ D @ V^T, D with ones for these and zeros for the others. It needs a gap between
    the two; within each, eigenvalues may be equal, where the frameworks' eigh has no gradient.

    VJP: dx = V @ (F * (V^T @ dP @ V)) @ V^T, dP made symmetric, F_ij = 1 / |w_i - w_j| between
    the two and 0 within each.
    Ref: Higham (2008), Functions of Matrices, theorem 3.11 (Daleckii, Krein).
    """
    w, v = stably(eigenpairs, symmetric_part(x))
    largest = np.arange(np.shape(x)[-1]) >= np.shape(x)[-1] - rank
    first = np.where(largest, v, 0)

    def pullback(dy: Array) -> tuple[Array]:
        seen = product(product(transposed(v), symmetric_part(dy)), v)
        inner = np.where(largest[:, None] != largest, seen / _gaps(w, largest), 0)
        return (product(product(v, inner), transposed(v)),)

    return product(first, transposed(first)), pullback


def _gaps(x: Array, chosen: Array) -> Array:
    """Return x_i - x_j where i alone is chosen, x_j - x_i where j alone is, and else 1."""
    rows, columns = np.expand_dims(x, -1), _columns(x)
    apart = np.where(chosen[:, None], rows - columns, columns - rows)
    return np.where(chosen[:, None] != chosen, apart, 1)


def _infer_svdvals(x: ArraySpec) -> ArraySpec:
    batch, m, n = require_matrix(x)
    return ArraySpec((*batch, min(m, n)))


@in_float32
def svdvals(x: Array) -> tuple[Array, Pullback]:
    """Singular values, in descending order.

    VJP: dx = U @ diag(dy) @ V^T.
    Convention: the derivative of equal ones depends on the order in which they are put, that of
    a zero on its sign.
    Ref: Giles (2008), Collected matrix derivative results, section 3.2.
    """
    u, s, vt = stably(singular_parts, x)
    return s, lambda dy: (product(u * _columns(dy), vt),)


def _infer_truncated(x: ArraySpec, rank: int) -> ArraySpec:
    _, m, n = require_matrix(x)
    _require_rank(rank, min(m, n))
    return x


@in_float32
def truncated_svd(x: Array, rank: int) -> tuple[Array, Pullback]:
    """Best approximation of x by a matrix of `rank`: U_k @ diag(s_k) @ V_k^T of its SVD.

    It needs a gap after the `rank` largest singular values; others may be equal, where the
    frameworks' svd has no gradient.

    VJP: dx = U @ (A * sym(K) + B * skew(K)) @ V^T + (1 - U @ U^T) @ dy @ V_k @ V_k^T for tall
    x, with K = U^T @ dy @ V; A and B are 1 among the largest, 0 among the others, and between the
    two s_i / (s_i - s_j) and s_i / (s_i + s_j), s_i the larger.
    Ref: Noferini (2017), A formula for the Frechet derivative of a generalized matrix function.
    """
    if np.shape(x)[-2] < np.shape(x)[-1]:
        y, back = _truncated(transposed(x), rank)
        return transposed(y), lambda dy: (transposed(back(transposed(dy))),)
    y, back = _truncated(x, rank)
    return y, lambda dy: (back(dy),)


def _truncated(x: Array, rank: int) -> tuple[Array, Any]:
    """Return the value for tall matrices, and what turns its cotangent into that of x."""
    u, s, vt = stably(singular_parts, x)
    largest = np.arange(np.shape(x)[-1]) < rank
    between = largest[:, None] != largest
    first = np.where(largest[:, None], vt, 0)

    def back(dy: Array) -> Array:
        seen = product(product(transposed(u), dy), transposed(vt))
        kept = np.where(between, 0, np.where(largest, seen, 0))
        larger = np.where(largest, _columns(s), np.expand_dims(s, -1))
        total = _columns(s) + np.expand_dims(s, -1)
        symmetric = symmetric_part(seen) * larger / _gaps(s, largest)
        skew = (seen - transposed(seen)) / 2 * larger / np.where(between, total, 1)
        inner = np.where(between, symmetric + skew, kept)
        outside = dy - product(u, product(transposed(u), dy))
        return product(product(u, inner), vt) + product(product(outside, transposed(first)), first)

    return product(u * _columns(s), first), back


def _torch_projector(torch: Any, x: Any, rank: int) -> Any:
    v = torch.linalg.eigh(x)[1][..., -rank:]
    return v @ v.mT


def _tensorflow_projector(tf: Any, x: Any, rank: int) -> Any:
    v = tf.linalg.eigh(x)[1][..., -rank:]
    return tf.matmul(v, v, transpose_b=True)


def _jax_projector(jax: Any, x: Any, rank: int) -> Any:
    v = jax.numpy.linalg.eigh(x)[1][..., -rank:]
    return v @ jax.numpy.swapaxes(v, -1, -2)


def _torch_truncated(torch: Any, x: Any, rank: int) -> Any:
    parts = torch.linalg.svd(x, full_matrices=False)
    u, s, vt = parts[0], parts[1], parts[2]
    return (u[..., :rank] * s[..., None, :rank]) @ vt[..., :rank, :]


def _tensorflow_truncated(tf: Any, x: Any, rank: int) -> Any:
    parts = tf.linalg.svd(x)
    s, u, v = parts[0], parts[1], parts[2]
    return tf.matmul(u[..., :rank] * s[..., None, :rank], v[..., :rank], transpose_b=True)


def _jax_truncated(jax: Any, x: Any, rank: int) -> Any:
    parts = jax.numpy.linalg.svd(x, full_matrices=False)
    u, s, vt = parts[0], parts[1], parts[2]
    return (u[..., :rank] * s[..., None, :rank]) @ vt[..., :rank, :]


register(
    Op(
        "eigvalsh",
        eigvalsh,
        infer=_infer_eigvalsh,
        native=of_symmetric(
            routines(
                torch=lambda torch, x: torch.linalg.eigvalsh(x),
                tensorflow=lambda tf, x: tf.linalg.eigvalsh(x),
                jax=lambda jax, x: jax.numpy.linalg.eigvalsh(x),
            )
        ),
        domain={"x": INDEFINITE},
        examples=(
            Example("eigvalsh(x)", {"x": (3, 3)}),
            Example("eigvalsh(x)", {"x": (2, 1, 4, 4)}),
        ),
    )
)
register(
    Op(
        "spectral_projector",
        spectral_projector,
        infer=_infer_projector,
        native=of_symmetric(
            routines(torch=_torch_projector, tensorflow=_tensorflow_projector, jax=_jax_projector)
        ),
        domain={"x": INDEFINITE},
        examples=(
            Example("spectral_projector(x, 1)", {"x": (3, 3)}),
            Example("spectral_projector(x, rank=2)", {"x": (2, 4, 4)}),
        ),
    )
)
register(
    Op(
        "svdvals",
        svdvals,
        infer=_infer_svdvals,
        native=routines(
            torch=lambda torch, x: torch.linalg.svdvals(x),
            tensorflow=lambda tf, x: tf.linalg.svd(x, compute_uv=False),
            jax=lambda jax, x: jax.numpy.linalg.svdvals(x),
        ),
        domain={"x": Matrices()},
        examples=(
            Example("svdvals(x)", {"x": (4, 3)}),
            Example("svdvals(x)", {"x": (2, 2, 3)}),
        ),
    )
)
register(
    Op(
        "truncated_svd",
        truncated_svd,
        infer=_infer_truncated,
        native=routines(
            torch=_torch_truncated, tensorflow=_tensorflow_truncated, jax=_jax_truncated
        ),
        domain={"x": Matrices()},
        examples=(
            Example("truncated_svd(x, 1)", {"x": (4, 3)}),
            Example("truncated_svd(x, rank=2)", {"x": (2, 3, 4)}),
            Example("truncated_svd(x, rank=3)", {"x": (3, 3)}),
        ),
    )
)
