"""Routines on whole matrices, as LAPACK has them: where they fail, and how far they stray.

A matrix stands on the last two axes of an array; all axes before them are a batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeAlias, TypeVar

import numpy as np

from gradcmp.ops.primitives import PLAIN, offered
from gradcmp.ops.spec import Array, Pullback

Reference: TypeAlias = Callable[..., tuple[Array, Pullback]]
Routine: TypeAlias = Callable[..., Any]
R = TypeVar("R", bound=Routine)


@dataclass(frozen=True)
class Stability:
    """How far implementations of a routine stray, in units of u.

    Attributes
    ----------
    operands : float
        By how much of the root mean square of a matrix each of its elements is moved, times the
        root of the order: what is computed may be the exact result for what is moved.
    results : float
        By how much of itself each element moves that comes out.
    together : bool
        Whether an implementation puts the operands into one matrix, so that the first strays by
        the size of the largest.
    """

    operands: float = 1.0
    results: float = 1.0
    together: bool = False


STABILITY: dict[Routine, Stability] = {}


def strays(operands: float, results: float = 1.0, together: bool = False) -> Callable[[R], R]:
    """Return a decorator that notes how far a routine strays; what has none is `Stability()`."""

    def known(routine: R) -> R:
        STABILITY[routine] = Stability(operands, results, together)
        return routine

    return known


def stably(routine: Routine, *operands: Array) -> Any:
    """Return ``routine(*operands)``, and NaN for each matrix for which there is no result.

    The routine takes and gives batches of matrices of one batch shape. It is backward stable: what
    it computes is the exact result for matrices that lie within a few roundings, relative to
    their norms. A class of arrays may treat it as one primitive, see `offered`: what models
    rounding moves the operands by that much.

    Parameters
    ----------
    routine : callable
        Gives one array or a tuple of arrays. Where the first operand is singular, or not positive
        definite, it raises LinAlgError.
    """
    answer = offered(stably, routine, *operands)
    if answer is not NotImplemented:
        return answer
    if isinstance(operands[0], PLAIN) and np.isnan(operands[0]).any():
        return _where_possible(routine, *operands)  # LAPACK may take a NaN for a pivot of 0
    try:
        return routine(*operands)
    except np.linalg.LinAlgError:
        if not isinstance(operands[0], PLAIN):
            raise
        return _where_possible(routine, *operands)


def _where_possible(routine: Routine, x: Array, *others: Array) -> Any:
    """Compute with the identity in place of each matrix that fails, and put NaN there."""
    m, n = x.shape[-2:]
    fails = np.array([_fails(routine, i, x, *others) for i in np.ndindex(x.shape[:-2])])
    fails = fails.reshape(x.shape[:-2])
    harmless = np.where(fails[..., None, None], np.eye(m, n, dtype=x.dtype), x)
    found = routine(harmless, *others)

    def spoilt(y: Array) -> Array:
        return np.where(fails.reshape(fails.shape + (1,) * (y.ndim - fails.ndim)), np.nan, y)

    return tuple(map(spoilt, found)) if isinstance(found, tuple) else spoilt(found)


def _fails(routine: Routine, place: tuple[int, ...], *operands: Array) -> bool:
    if np.isnan(operands[0][place]).any():
        return True
    try:
        routine(*(one[place] for one in operands))
    except np.linalg.LinAlgError:
        return True
    return False


def in_float32(reference: Reference) -> Reference:
    """Compute an op's value and pullback in float32 where its operands have fewer digits.

    LAPACK has neither float16 nor bfloat16, and so have the frameworks: who needs it there
    computes in float32, and rounds what comes out.
    """

    @wraps(reference)
    def wide(*operands: Array, **static: Any) -> tuple[Array, Pullback]:
        dtype = operands[0].dtype
        if dtype.itemsize > 2:
            return reference(*operands, **static)
        y, pullback = reference(*(x.astype(np.float32) for x in operands), **static)

        def rounded(dy: Array) -> tuple[Array | None, ...]:
            found = pullback(dy.astype(np.float32))
            return tuple(None if dx is None else dx.astype(dtype) for dx in found)

        return y.astype(dtype), rounded

    return wide


def transposed(x: Array) -> Array:
    """Return each matrix transposed."""
    y: Array = np.swapaxes(x, -1, -2)
    return y


def symmetric_part(x: Array) -> Array:
    """Return the half sum of each matrix and its transpose."""
    y: Array = (x + transposed(x)) / 2
    return y


@strays(operands=4.0)
def eigenpairs(x: Array) -> tuple[Array, Array]:
    """Return ascending eigenvalues and orthonormal eigenvectors (columns) of symmetric matrices.

    Of complex ones, near real, the analytic continuation: those of the real part, refined.
    Ref: Ogita, Aishima (2018), Iterative refinement for symmetric eigenvalue decomposition.
    """
    w, v = np.linalg.eigh(np.real(x))
    for _ in range(2 if x.dtype.kind == "c" else 0):  # each doubles the number of right digits
        w, v = _refined(x, v)
    return w, v


def _refined(x: Array, v: Array) -> tuple[Array, Array]:
    """Return eigenpairs to first order in what is missing to ``v^T v = 1``, ``v^T x v = w``."""
    one = np.eye(x.shape[-1], dtype=bool)
    lack = one - transposed(v) @ v
    seen = transposed(v) @ x @ v
    w = np.diagonal(seen, axis1=-2, axis2=-1) / (1 - np.diagonal(lack, axis1=-2, axis2=-1))
    column = np.expand_dims(w, -2)
    gap = np.where(one, 1, column - transposed(column))
    step = np.where(one, lack / 2, (seen + column * lack) / gap)
    return w, v + v @ step


@strays(operands=8.0)
def singular_parts(x: Array) -> tuple[Array, Array, Array]:
    """Return U, descending singular values s, and V^T of ``x = U diag(s) V^T``, the thin ones.

    Of complex matrices, near real, the analytic continuation: V and s by the eigenpairs of
    ``x^T x``.
    """
    if x.dtype.kind != "c":
        u, s, vt = np.linalg.svd(x, full_matrices=False)
        return u, s, vt
    if x.shape[-2] < x.shape[-1]:
        u, s, vt = singular_parts(transposed(x))
        return transposed(vt), s, transposed(u)
    squares, v = eigenpairs(transposed(x) @ x)
    s, v = np.sqrt(squares[..., ::-1]), v[..., ::-1]
    return x @ v / np.expand_dims(s, -2), s, transposed(v)


def lower_factor(x: Array) -> Array:
    """Return the lower triangular L with a positive diagonal and ``x = L L^T``, x symmetric.

    Of complex matrices the analytic continuation, column by column.
    """
    if x.dtype.kind != "c":
        factor: Array = np.linalg.cholesky(x)
        return factor
    n = x.shape[-1]
    columns = []
    for j in range(n):
        pivot = np.sqrt(x[..., j, j, None])
        column = np.where(np.arange(n) >= j, x[..., j] / pivot, 0)
        x = x - column[..., :, None] * column[..., None, :]
        columns.append(column)
    return np.stack(columns, axis=-1)


@strays(operands=2.0)
def orthogonal_factors(x: Array) -> tuple[Array, Array]:
    """Return Q with orthonormal columns and upper triangular R with a positive diagonal, x = QR.

    Of complex matrices the analytic continuation: ``R^T R = x^T x``.
    """
    if x.dtype.kind == "c":
        lower = lower_factor(transposed(x) @ x)
        return transposed(np.linalg.solve(lower, transposed(x))), transposed(lower)
    q, r = np.linalg.qr(x)
    flipped = np.diagonal(r, axis1=-2, axis2=-1) < 0
    columns, rows = np.expand_dims(flipped, -2), np.expand_dims(flipped, -1)
    return np.where(columns, -q, q), np.where(rows, -r, r)


FARTHEST = 5.371920351148152  # the largest norm for degree 13 in float64 (Higham 2005, table 2.3)


def squarings(x: Array) -> int:
    """Return how often matrices must be halved until a Pade approximant of degree 13 is exact.

    A class of arrays may answer itself, see `offered`.
    """
    answer = offered(squarings, x)
    if answer is not NotImplemented:
        return int(answer)
    norms = np.sum(np.abs(x), axis=-2)
    norm = float(np.max(np.where(np.isfinite(norms), norms, 0.0), initial=0.0))
    return max(0, math.ceil(math.log2(norm / FARTHEST))) if norm > 0 else 0
