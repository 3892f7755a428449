"""Determinants."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.ops.linalg.matrices import number_each, routines
from gradcmp.ops.registry import register
from gradcmp.ops.routines import in_float32, stably, transposed
from gradcmp.ops.spec import Array, ArraySpec, Example, Matrices, Op, Pullback
from gradcmp.ops.static import require_choice

PARTS = ("logabsdet", "sign")


def _each(dy: Array) -> Array:
    """Return numbers that multiply matrices, one each."""
    return np.expand_dims(dy, (-2, -1))


def cofactors(x: Array) -> Array:
    """Return det(x) inv(x)^T, by singular values: the products of all but one need no inverse.

    Of complex matrices by the inverse. Ref: Stewart (1998), On the adjugate matrix.
    """
    if x.dtype.kind == "c":
        return _each(np.linalg.det(x)) * transposed(np.linalg.inv(x))
    u, s, vt = np.linalg.svd(x)
    itself = np.eye(np.shape(x)[-1], dtype=bool)
    others = np.prod(np.where(itself, 1, np.expand_dims(s, -2)), axis=-1)
    sign = np.linalg.det(u) * np.linalg.det(vt)
    cofactors: Array = _each(sign) * ((u * np.expand_dims(others, -2)) @ vt)
    return cofactors


@in_float32
def det(x: Array) -> tuple[Array, Pullback]:
    """Determinant of each matrix on the last two axes.

    Convention: a singular matrix has a gradient, too: JAX finds it up to a rank of n - 1, and
    TensorFlow, which inverts, raises an error.

    VJP: dx = dy * C, C the cofactors: det(x) * inv(x)^T where there is an inverse.
    Ref: Giles (2008), Collected matrix derivative results, section 2.2.4.
    """
    y = stably(np.linalg.det, x)
    return y, lambda dy: (_each(dy) * stably(cofactors, x),)


def _log_of_size(x: Array) -> Array:
    """Return log |det(x)|, of complex matrices the analytic continuation."""
    sign, logarithm = np.linalg.slogdet(x)
    if x.dtype.kind == "c":
        angle = np.angle(np.where(np.real(sign) < 0, -sign, sign))
        logarithm = logarithm + 1j * angle
    y: Array = logarithm
    return y


def _sign(x: Array) -> Array:
    y: Array = np.linalg.slogdet(np.real(x))[0]
    return y


def _infer_slogdet(x: ArraySpec, output: str = "logabsdet") -> ArraySpec:
    require_choice("output", output, PARTS)
    return number_each(x)


@in_float32
def slogdet(x: Array, output: str = "logabsdet") -> tuple[Array, Pullback]:
    """Logarithm of the size of each determinant, log |det(x)|, or with output="sign" its sign.

    The frameworks return both at once; a node is one array, so `output` names one of them. Of a
    singular matrix the logarithm is -inf, the sign 0 and the gradient NaN.

    VJP: dx = dy * inv(x)^T; the sign has none.
    Ref: Giles (2008), Collected matrix derivative results, section 2.2.4.
    """
    if output == "sign":
        return stably(_sign, x), lambda dy: (None,)
    y = stably(_log_of_size, x)
    return y, lambda dy: (_each(dy) * transposed(stably(np.linalg.inv, x)),)


def _part(both: Any, output: str) -> Any:
    return both[1 if output == "logabsdet" else 0]


register(
    Op(
        "det",
        det,
        infer=number_each,
        native=routines(
            torch=lambda torch, x: torch.linalg.det(x),
            tensorflow=lambda tf, x: tf.linalg.det(x),
            jax=lambda jax, x: jax.numpy.linalg.det(x),
        ),
        domain={"x": Matrices()},
        examples=(
            Example("det(x)", {"x": (3, 3)}),
            Example("det(x)", {"x": (2, 1, 4, 4)}),
            Example("det(x)", {"x": (2, 2)}),
        ),
    )
)
register(
    Op(
        "slogdet",
        slogdet,
        infer=_infer_slogdet,
        native=routines(
            torch=lambda torch, x, output="logabsdet": _part(torch.linalg.slogdet(x), output),
            tensorflow=lambda tf, x, output="logabsdet": _part(tf.linalg.slogdet(x), output),
            jax=lambda jax, x, output="logabsdet": _part(jax.numpy.linalg.slogdet(x), output),
        ),
        domain={"x": Matrices()},
        examples=(
            Example("slogdet(x)", {"x": (3, 3)}),
            Example("slogdet(x)", {"x": (2, 4, 4)}),
            Example("slogdet(x, output='sign')", {"x": (2, 3, 3)}),
        ),
    )
)
