"""Inverses."""

from __future__ import annotations

import numpy as np

from gradcmp.ops.linalg.matrices import require_matrix, routines, square
from gradcmp.ops.primitives import product
from gradcmp.ops.registry import register
from gradcmp.ops.routines import in_float32, stably, strays, transposed
from gradcmp.ops.spec import Array, ArraySpec, Example, Matrices, Op, Pullback


@in_float32
def inv(x: Array) -> tuple[Array, Pullback]:
    """Inverse of each matrix on the last two axes.

    Of a singular matrix all elements are NaN; torch and TensorFlow raise an error there.

    VJP: dx = -y^T @ dy @ y^T.
    Ref: Giles (2008), Collected matrix derivative results, section 2.2.3.
    """
    y = stably(np.linalg.inv, x)
    return y, lambda dy: (-product(product(transposed(y), dy), transposed(y)),)


def _infer_pinv(x: ArraySpec) -> ArraySpec:
    batch, m, n = require_matrix(x)
    return ArraySpec((*batch, n, m))


@strays(operands=8.0)  # it is made of singular values
def _pseudoinverse(x: Array) -> Array:
    """Return the pseudoinverse; of complex matrices the analytic continuation."""
    m, n = np.shape(x)[-2:]
    if x.dtype.kind != "c":
        y: Array = np.linalg.pinv(x, rcond=max(m, n) * float(np.finfo(x.dtype).eps))
    elif m >= n:
        y = np.linalg.solve(transposed(x) @ x, transposed(x))
    else:
        y = transposed(np.linalg.solve(x @ transposed(x), x))
    return y


@in_float32
def pinv(x: Array) -> tuple[Array, Pullback]:
    """Moore-Penrose pseudoinverse of each matrix, of m rows and n columns.

    Singular values up to max(m, n) * eps of the largest count as zero; in TensorFlow and JAX up
    to ten times as much. Where there are such, the pseudoinverse jumps and has no derivative.

    VJP: dx = -y^T @ dy @ y^T + (1 - x @ y) @ dy^T @ y @ y^T + y^T @ y @ dy^T @ (1 - y @ x).
    Ref: Golub, Pereyra (1973), The differentiation of pseudo-inverses, equation 4.12.
    """
    y = stably(_pseudoinverse, x)

    def pullback(dy: Array) -> tuple[Array]:
        yt, dyt = transposed(y), transposed(dy)
        rows, columns = product(product(dyt, y), yt), product(product(yt, y), dyt)
        # Of square matrices nothing is left but rounding errors, which everybody has.
        left = rows - product(x, product(y, rows))
        right = columns - product(product(columns, y), x)
        return (left + right - product(product(yt, dy), yt),)

    return y, pullback


register(
    Op(
        "inv",
        inv,
        infer=square,
        native=routines(
            torch=lambda torch, x: torch.linalg.inv(x),
            tensorflow=lambda tf, x: tf.linalg.inv(x),
            jax=lambda jax, x: jax.numpy.linalg.inv(x),
        ),
        domain={"x": Matrices()},
        examples=(
            Example("inv(x)", {"x": (3, 3)}),
            Example("inv(x)", {"x": (2, 1, 4, 4)}),
            Example("inv(x)", {"x": (1, 1)}),
        ),
    )
)
register(
    Op(
        "pinv",
        pinv,
        infer=_infer_pinv,
        native=routines(
            torch=lambda torch, x: torch.linalg.pinv(x),
            tensorflow=lambda tf, x: tf.linalg.pinv(x),
            jax=lambda jax, x: jax.numpy.linalg.pinv(x),
        ),
        domain={"x": Matrices()},
        examples=(
            Example("pinv(x)", {"x": (4, 3)}),
            Example("pinv(x)", {"x": (2, 2, 3)}),
            Example("pinv(x)", {"x": (3, 3)}),
        ),
    )
)
