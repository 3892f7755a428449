"""Functions of matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcmp.ops.linalg.matrices import routines, square
from gradcmp.ops.primitives import product
from gradcmp.ops.registry import register
from gradcmp.ops.routines import in_float32, squarings, stably, strays, transposed
from gradcmp.ops.spec import Array, ArraySpec, Example, Matrices, Op, Pullback
from gradcmp.ops.static import require_int


def _infer_power(x: ArraySpec, n: int) -> ArraySpec:
    require_int("n", n)
    return square(x)


@in_float32
def matrix_power(x: Array, n: int) -> tuple[Array, Pullback]:
    """Product of n factors x; for negative n of inverses, for 0 the identity.

    By repeated squaring, as in the frameworks. TensorFlow has none: its matrix products.

    VJP: dx = sum over k < n of (x^T)^k @ dy @ (x^T)^(n - 1 - k); none for n = 0.
    Ref: Higham (2008), Functions of Matrices, equation 3.26.
    """
    if n >= 0:
        return _power(x, n)
    y = stably(np.linalg.inv, x)
    z, pullback = _power(y, -n)

    def inverted(dz: Array) -> tuple[Array]:
        (dy,) = pullback(dz)
        return (-product(product(transposed(y), dy), transposed(y)),)  # type: ignore[arg-type]

    return z, inverted


def _power(x: Array, n: int) -> tuple[Array, Pullback]:
    """Return x to a power from 0 on, by that of half the exponent."""
    if n == 0:
        one = np.eye(np.shape(x)[-1], dtype=x.dtype)
        return np.zeros_like(x) + one, lambda dy: (None,)
    if n == 1:
        return x, lambda dy: (dy,)
    if n % 2:
        less, backward = _power(x, n - 1)

        def odd(dy: Array) -> tuple[Array]:
            (dx,) = backward(product(transposed(x), dy))
            return (product(dy, transposed(less)) + dx,)

        return product(x, less), odd
    half, pullback = _power(x, n // 2)

    def even(dy: Array) -> tuple[Array | None, ...]:
        seen = product(dy, transposed(half)) + product(transposed(half), dy)
        return pullback(seen)

    return product(half, half), even


def _tensorflow_power(tf: Any, x: Any, n: int) -> Any:
    """Multiply x by itself, by squares."""
    if n == 0:
        return tf.zeros_like(x) + tf.eye(x.shape[-1], dtype=x.dtype)
    if n < 0:
        return _tensorflow_power(tf, tf.linalg.inv(x), -n)
    if n == 1:
        return x
    half = _tensorflow_power(tf, x, n // 2)
    even = tf.matmul(half, half)
    return tf.matmul(x, even) if n % 2 else even


# Of the diagonal Pade approximant of degree 13 (Higham 2005, equation 2.3).
PADE = tuple(
    float(math.factorial(26 - k) // (math.factorial(13 - k) * math.factorial(k))) for k in range(14)
)


@strays(operands=4.0, results=16.0)
def _expm(x: Array) -> Array:
    """Return the exponential by a Pade approximant of x / 2^s, squared s times.

    Ref: Higham (2005), The scaling and squaring method for the matrix exponential revisited.
    """
    times = squarings(x)
    one = np.eye(np.shape(x)[-1], dtype=x.dtype)
    a = x * 2.0**-times
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2
    b = PADE
    odd = a @ (
        a6 @ (a6 * b[13] + a4 * b[11] + a2 * b[9]) + a6 * b[7] + a4 * b[5] + a2 * b[3] + one * b[1]
    )
    even = (
        a6 @ (a6 * b[12] + a4 * b[10] + a2 * b[8]) + a6 * b[6] + a4 * b[4] + a2 * b[2] + one * b[0]
    )
    y: Array = np.linalg.solve(even - odd, even + odd)
    for _ in range(times):
        y = y @ y
    return y


@strays(operands=4.0, results=16.0, together=True)  # torch puts both into a block matrix
def _expm_derivative(x: Array, e: Array) -> Array:
    """Return the derivative of the exponential at x along e: a block of a larger exponential.

    ``exp([[x, e], [0, x]]) = [[exp(x), L(x, e)], [0, exp(x)]]``; e is brought to size 1 first.
    Ref: Mathias (1996), A chain rule for matrix functions and applications, theorem 2.1.
    """
    n = np.shape(x)[-1]
    size = np.max(np.abs(np.real(e)), axis=(-2, -1), keepdims=True)
    size = np.where(size > 0, size, 1)
    top = np.concatenate([x, e / size], axis=-1)
    bottom = np.concatenate([np.zeros_like(x), x], axis=-1)
    y: Array = _expm(np.concatenate([top, bottom], axis=-2))[..., :n, n:] * size
    return y


@in_float32
def expm(x: Array) -> tuple[Array, Pullback]:
    """Exponential of each matrix: sum over k of x^k / k!.

    VJP: dx = L(x^T, dy), where L(a, e) is the derivative of the exponential at a along e.
    Ref: Higham (2008), Functions of Matrices, chapter 10 and equation 3.16.
    """
    return stably(_expm, x), lambda dy: (stably(_expm_derivative, transposed(x), dy),)


register(
    Op(
        "matrix_power",
        matrix_power,
        infer=_infer_power,
        native=routines(
            torch=lambda torch, x, n: torch.linalg.matrix_power(x, n),
            tensorflow=_tensorflow_power,
            jax=lambda jax, x, n: jax.numpy.linalg.matrix_power(x, n),
        ),
        domain={"x": Matrices()},
        examples=(
            Example("matrix_power(x, 3)", {"x": (3, 3)}),
            Example("matrix_power(x, n=-2)", {"x": (2, 3, 3)}),
            Example("matrix_power(x, 0)", {"x": (2, 2)}),
        ),
    )
)
register(
    Op(
        "expm",
        expm,
        infer=square,
        native=routines(
            torch=lambda torch, x: torch.linalg.matrix_exp(x),
            tensorflow=lambda tf, x: tf.linalg.expm(x),
            jax=lambda jax, x: jax.scipy.linalg.expm(x),
        ),
        domain={"x": Matrices()},
        examples=(
            Example("expm(x)", {"x": (3, 3)}),
            Example("expm(x)", {"x": (2, 4, 4)}),
        ),
    )
)
