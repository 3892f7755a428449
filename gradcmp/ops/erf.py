"""The error function and its complement in NumPy's ufuncs, to full float64 accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcmp.ops.primitives import constant, magnitude, offered
from gradcmp.ops.spec import Array

# W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of
# Computation 23 (1969), with the coefficients of his CALERF (netlib.org/specfun/erf), highest
# power first. Both sides of each quotient are divided by the denominator's largest coefficient
# where they are used, so that float16 does not overflow.
SMALL = 0.46875
LARGE = 4.0
FLAT = 30.0  # from here on erf(x) is 1 and its slope 0, and squares stay far from overflow
NEAR = (
    (
        1.85777706184603153e-1,
        3.16112374387056560e00,
        1.13864154151050156e02,
        3.77485237685302021e02,
        3.20937758913846947e03,
    ),
    (
        1.0,
        2.36012909523441209e01,
        2.44024637934444173e02,
        1.28261652607737228e03,
        2.84423683343917062e03,
    ),
)
MIDDLE = (
    (
        2.15311535474403846e-8,
        5.64188496988670089e-1,
        8.88314979438837594e00,
        6.61191906371416295e01,
        2.98635138197400131e02,
        8.81952221241769090e02,
        1.71204761263407058e03,
        2.05107837782607147e03,
        1.23033935479799725e03,
    ),
    (
        1.0,
        1.57449261107098347e01,
        1.17693950891312499e02,
        5.37181101862009858e02,
        1.62138957456669019e03,
        3.29079923573345963e03,
        4.36261909014324716e03,
        3.43936767414372164e03,
        1.23033935480374942e03,
    ),
)
FAR = (
    (
        1.63153871373020978e-2,
        3.05326634961232344e-1,
        3.60344899949804439e-1,
        1.25781726111229246e-1,
        1.60837851487422766e-2,
        6.58749161529837803e-4,
    ),
    (
        1.0,
        2.56852019228982242e00,
        1.87295284992346725e00,
        5.27905102951428412e-1,
        6.05183413124413191e-2,
        2.33520497626869185e-3,
    ),
)
SQRT_PI_INVERSE = 5.6418958354775628695e-1


def erf_value(x: Array) -> Array:
    """Return erf(x), analytic on either side of its branch points.

    A class of arrays may treat it as one primitive, see `offered`.
    """
    answer = offered(erf_value, x)
    value: Array = _cody(x) if answer is NotImplemented else answer
    return value


def _cody(x: Array) -> Array:
    size = magnitude(x)
    near = np.real(size) <= SMALL
    a = np.where(near, size, 0)  # each branch sees harmless numbers where it does not apply
    b = np.where(np.real(size) > FLAT, constant(FLAT, x), size)
    inner = a * _quotient(a * a, *NEAR)
    outer = 1 - np.exp(-b * b) * scaled_complement(b)
    positive = np.where(near, inner, outer)
    return np.where(np.real(x) < 0, -positive, positive)


def erfc_value(x: Array) -> Array:
    """Return erfc(x) = 1 - erf(x), with all its digits where erf(x) rounds to 1.

    A class of arrays may treat it as one primitive, see `offered`.
    """
    answer = offered(erfc_value, x)
    if answer is not NotImplemented:
        return answer  # type: ignore[no-any-return]
    size = magnitude(x)
    tail = gaussian(np.where(np.real(size) < FLAT, size, constant(FLAT, x))) * scaled_complement(
        size
    )
    y: Array = np.where(np.real(x) < 0, 2 - tail, tail)
    return np.where(np.real(size) <= SMALL, 1 - _cody(x), y)


def gaussian(x: Array, divisor: int = 1) -> Array:
    """Return exp(-x^2 / divisor): so many bits of x are squared at once that none is lost."""
    short = np.trunc(np.real(x) * 16) / 16
    y: Array = np.exp(-short * short / divisor) * np.exp(-(x - short) * (x + short) / divisor)
    return y


def scaled_complement(x: Array) -> Array:
    """Return exp(x^2) * (1 - erf(x)) for x from `SMALL` on: what is left when the tail is scaled.

    Smaller x are taken for `SMALL`, and those that are larger than `FLAT` for that.
    """
    size = np.real(x)
    far = size > LARGE
    b = np.where(np.logical_or(size < SMALL, far), constant(SMALL, x), x)
    c = np.where(np.logical_and(far, size < FLAT), x, constant(FLAT, x))
    inverse = 1 / (c * c)
    outer = (constant(SQRT_PI_INVERSE, x) - inverse * _quotient(inverse, *FAR)) / c
    y: Array = np.where(far, outer, _quotient(b, *MIDDLE))
    return y


def _quotient(x: Array, numerator: Sequence[float], denominator: Sequence[float]) -> Array:
    scale = max(denominator)
    return _polynomial(x, numerator, scale) / _polynomial(x, denominator, scale)


def _polynomial(x: Array, coefficients: Sequence[float], scale: float) -> Array:
    """Horner's rule for the coefficients divided by `scale`, highest power first."""
    y: Array = constant(coefficients[0] / scale, x)
    for coefficient in coefficients[1:]:
        y = y * x + constant(coefficient / scale, x)
    return y
