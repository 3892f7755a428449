"""Formulas that keep all of float64's digits far out, where the usual ones cancel or overflow.

Frameworks compute by the usual ones: so do references in a coarser dtype, and the noise of a
reference is theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcmp.ops.erf import erf_value, gaussian, scaled_complement
from gradcmp.ops.primitives import constant, magnitude, offered, total
from gradcmp.ops.shapes import Axis
from gradcmp.ops.spec import Array

SQRT_HALF = math.sqrt(0.5)
SAFE = 2.0**500  # the squares of numbers up to here, and down to its inverse, stay in float64
RESCUE = 2.0**600  # brings all others there


def precise(usual: Callable[..., Array], exact: Callable[..., Array], *operands: Array) -> Array:
    """Return ``exact(*operands)`` in float64, real or complex, and what is usual elsewhere.

    A class of arrays may treat it as one primitive, see `offered`: what models rounding takes
    the value of the one and the noise of the other.
    """
    answer = offered(precise, usual, exact, *operands)
    if answer is not NotImplemented:
        return answer  # type: ignore[no-any-return]
    fine = operands[0].dtype.itemsize >= 8 and all(np.size(x) for x in operands)
    return exact(*operands) if fine else usual(*operands)


def logistic_slope(x: Array) -> Array:
    """Return the derivative of 1 / (1 + exp(-x)): with e = exp(-|x|), e / (1 + e)^2."""
    e = np.exp(-magnitude(x))
    y: Array = e / ((1 + e) * (1 + e))
    return y


def gauss(x: Array) -> Array:
    """Return exp(-x^2 / 2), every digit of it."""
    return gaussian(x, 2)


def sigmoid_value(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)) from exp(-|x|), which cannot overflow."""
    e = np.exp(-magnitude(x))
    y: Array = np.where(np.real(x) < 0, e, 1) / (1 + e)
    return y


def hypot_value(x: Array, y: Array) -> Array:
    """Return sqrt(x^2 + y^2); of real numbers without overflow of the squares."""
    analytic = "c" in (x.dtype.kind, y.dtype.kind)  # of complex numbers NumPy has none
    z: Array = np.sqrt(x * x + y * y) if analytic else np.hypot(x, y)
    return z


def softplus_value(x: Array) -> Array:
    """Return log(1 + exp(x)), which cannot overflow and keeps its digits far below 0."""
    y: Array = np.where(np.real(x) < 0, 0, x) + np.log1p(np.exp(-magnitude(x)))
    return y


def normal_distribution(x: Array) -> Array:
    """Return (1 + erf(x / sqrt(2))) / 2, far below 0 by the complement of erf."""
    z = x * constant(SQRT_HALF, x)
    size = magnitude(z)
    tail = gauss(x) * scaled_complement(size) / 2
    outer = np.where(np.real(x) < 0, tail, 1 - tail)
    y: Array = np.where(np.real(size) <= 0.5, (1 + erf_value(z)) / 2, outer)
    return y


def first_largest(x: Array, axis: int) -> Array:
    """Return the place of the largest element along `axis`, the first of equal ones."""
    where: Array = np.expand_dims(np.argmax(np.real(x), axis=axis), axis)
    return where


def is_first_largest(x: Array, axis: int) -> Array:
    """Return where the largest element along `axis` is, the first of equal ones."""
    where = first_largest(x, axis)
    shape = [1] * np.ndim(x)
    shape[axis] = -1
    found: Array = where == np.reshape(np.arange(np.shape(x)[axis]), shape)
    return found


def log_softmax_precisely(x: Array, axis: int) -> Array:
    """Return x_i - m - log1p(sum of exp(x_j - m) over all but the largest, which is m)."""
    top = is_first_largest(x, axis)
    shifted = x - np.take_along_axis(x, first_largest(x, axis), axis=axis)
    others = np.where(top, 0, np.exp(shifted))
    y: Array = shifted - np.log1p(total(others, axis, keepdims=True))
    return y


def log_softmax_pullback_precisely(dy: Array, y: Array, axis: int) -> Array:
    """Return dy - p * sum(dy), for the largest p as dy * (1 - p) - p * (sum of the others)."""
    p, top = np.exp(y), is_first_largest(y, axis)
    rest, other = (total(np.where(top, 0, z), axis, keepdims=True) for z in (p, dy))
    dx: Array = np.where(top, dy * rest - p * other, dy - p * total(dy, axis, keepdims=True))
    return dx


def softmax_pullback_precisely(dy: Array, y: Array, axis: int) -> Array:
    """Return y_i * sum of y_j (dy_i - dy_j), all measured from the dy of the largest y."""
    away = dy - np.take_along_axis(dy, first_largest(y, axis), axis=axis)
    dx: Array = y * (away - total(y * away, axis, keepdims=True))
    return dx


def length(x: Array, axis: Axis, divisor: Any = None) -> Array:
    """Return sqrt(sum x^2 / divisor) along `axis`, its axes kept, where the squares overflow too.

    In float64 numbers whose squares do not fit are scaled by a power of two, which is exact.
    """
    scale = square_scale(x, axis)
    if scale is None:
        squares = total(x * x, axis, keepdims=True)
        return np.sqrt(squares if divisor is None else squares / divisor)
    scaled = x * scale
    squares = total(scaled * scaled, axis, keepdims=True)
    y: Array = np.sqrt(squares if divisor is None else squares / divisor) / scale
    return y


def square_scale(x: Array, axis: Axis) -> Array | None:
    """Return powers of two that bring the squares of x into float64; None if all are there."""
    answer = offered(square_scale, x, axis)
    if answer is not NotImplemented:
        return answer  # type: ignore[no-any-return]
    if x.dtype.itemsize < 8:
        return None
    size = np.max(np.abs(np.real(x)), axis=axis, keepdims=True, initial=0.0)
    large, small = size > SAFE, (size < 1 / SAFE) & (size > 0)
    if not (large.any() or small.any()):
        return None
    scale: Array = np.where(large, 1 / RESCUE, np.where(small, RESCUE, 1.0))
    return scale
