"""Values and slopes of the mathematical functions against identities and published digits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gradcmp.ops import OPS, Array

special = pytest.importorskip("scipy.special")

X = np.linspace(-0.95, 0.95, 39)
POSITIVE = np.concatenate([np.linspace(0.05, 12, 240), np.logspace(-6, 6, 25)])
WIDE = np.concatenate([np.linspace(-6, 6, 97), [-300.0, 40.0, 300.0]])


def value(op: str, *operands: Any) -> Array:
    return OPS[op].reference(*(np.asarray(one, float) for one in operands))[0]


def gradients(op: str, *operands: Any) -> list[Array]:
    """Return the slopes: of a cotangent of 8, a power of two that is not 1, an eighth."""
    arrays = [np.asarray(one, float) for one in operands]
    found = OPS[op].reference(*arrays)[1](np.full(np.shape(arrays[0]), 8.0))
    return [np.asarray(one) / 8 for one in found if one is not None]


def close(actual: Array, expected: Array, digits: float = 1e-14) -> None:
    np.testing.assert_allclose(actual, expected, rtol=digits, atol=1e-300)


@pytest.mark.parametrize(
    ("op", "x", "expected"),
    [
        ("tan", math.pi / 4, 1.0),
        ("asin", 0.5, math.pi / 6),
        ("acos", 0.5, math.pi / 3),
        ("atan", 1.0, math.pi / 4),
        ("sinh", math.log(2), 0.75),
        ("cosh", math.log(2), 1.25),
        ("asinh", 0.75, math.log(2)),
        ("acosh", 1.25, math.log(2)),
        ("atanh", 0.6, math.log(2)),
        ("exp2", 3.0, 8.0),
        ("log2", 8.0, 3.0),
        ("log10", 1000.0, 3.0),
        ("cbrt", -27.0, -3.0),
        ("sinc", 0.5, 2 / math.pi),
        ("sinc", 0.0, 1.0),
        # Abramowitz and Stegun (1964), tables 7.1 and 6.1; erfc from erfc(x) = 1 - erf(x).
        ("erfc", 1.0, 0.15729920705028513),
        ("erfinv", 0.8427007929497149, 1.0),
        ("lgamma", 0.5, math.log(math.pi) / 2),
        ("lgamma", -0.5, math.log(2 * math.sqrt(math.pi))),
        ("lgamma", 11.0, math.log(math.factorial(10))),
        ("digamma", 1.0, -0.57721566490153286),
        ("digamma", 0.5, -0.57721566490153286 - 2 * math.log(2)),
    ],
)
def test_value_that_a_table_gives(op: str, x: float, expected: float) -> None:
    assert value(op, x) == pytest.approx(expected, rel=3e-15)


@pytest.mark.parametrize(
    ("op", "function", "x", "digits"),
    [
        ("erfc", special.erfc, np.linspace(-6, 26, 321), 1e-13),
        ("erfinv", special.erfinv, np.linspace(-0.999, 0.999, 401), 1e-14),
        ("erfinv", special.erfinv, 1 - np.logspace(-15, -1, 29), 1e-14),
        ("exp2", special.exp2, WIDE, 1e-15),
        ("cbrt", special.cbrt, WIDE, 1e-15),
        ("sinc", np.sinc, X, 1e-13),
    ],
)
def test_value_is_scipys(op: str, function: Any, x: Array, digits: float) -> None:
    close(value(op, x), function(x), digits)


@pytest.mark.parametrize(
    ("op", "function"), [("lgamma", special.gammaln), ("digamma", special.digamma)]
)
def test_gamma_family_is_scipys(op: str, function: Any) -> None:
    """It has zeros: the error is absolute there. Left of 0 there are poles."""
    left = -np.linspace(0.05, 9.9, 198) + 0.013
    for x, digits in ((POSITIVE, 2e-15), (left, 1e-13)):
        expected = function(x)
        error = np.abs(value(op, x) - expected) / (1 + np.abs(expected))
        assert error.max() < 4 * digits


def test_slope_of_digamma_is_the_sum_of_inverse_squares() -> None:
    """Of lgamma, digamma; at 1 it is pi^2 / 6, at 1/2 three times that."""
    close(gradients("digamma", [1.0, 0.5])[0], np.array([1, 3]) * math.pi**2 / 6)
    close(gradients("lgamma", POSITIVE)[0], value("digamma", POSITIVE))
    close(gradients("digamma", POSITIVE)[0], special.polygamma(1, POSITIVE), 2e-15)


def test_erfc_keeps_its_digits_where_erf_is_one() -> None:
    """erfc(10) and erfc(26), of Abramowitz and Stegun's asymptotic series summed exactly."""
    close(value("erfc", [10.0, 26.0]), np.array([2.0884875837625446e-45, 5.663192408856143e-296]))
    slope = -2 / math.sqrt(math.pi) * math.exp(-100)
    close(gradients("erfc", [10.0])[0], np.array([slope]))


def test_slope_of_sinc_keeps_its_digits_near_zero() -> None:
    x = np.array([1e-12, 1e-6, 1e-3, 0.2499999, 0.2500001])
    series = np.zeros_like(x)
    for k in range(12, 0, -1):
        series += (
            (-1) ** k * 2 * k * math.pi ** (2 * k) * x ** (2 * k - 1) / math.factorial(2 * k + 1)
        )
    close(gradients("sinc", x)[0], series, 1e-13)


@pytest.mark.parametrize("far", [1e3, 1e200])
def test_what_is_far_does_not_overflow(far: float) -> None:
    close(value("hypot", far, far), np.asarray(far * math.sqrt(2)))
    for op, signs in (("hypot", (1, 1)), ("atan2", (1, -1))):
        scale = math.sqrt(0.5) if op == "hypot" else 0.5 / far
        for dx, sign in zip(gradients(op, far, far), signs, strict=True):
            close(dx, np.asarray(sign * scale))
    close(gradients("asinh", far)[0], np.asarray(1 / far), 1e-6)
    close(value("logaddexp", far, far), np.asarray(far + math.log(2)))
    np.testing.assert_array_equal(gradients("logaddexp", far, -far), [1, 0])


def test_logaddexp_keeps_its_digits() -> None:
    """Of the smaller one's gradient, and of the sum where the larger one is 0."""
    close(value("logaddexp", 0.0, -50.0), np.asarray(math.log1p(math.exp(-50))))
    close(gradients("logaddexp", 0.0, -50.0)[1], np.asarray(math.exp(-50)), 1e-13)
    with np.errstate(invalid="ignore"):
        ends = value("logaddexp", [np.inf, -np.inf, 1, np.nan], [np.inf, -np.inf, -np.inf, 1])
    np.testing.assert_array_equal(ends, [np.inf, -np.inf, 1, np.nan])


@pytest.mark.parametrize(
    ("y", "x", "angle"),
    [
        (1, 1, 1 / 4),
        (1, -1, 3 / 4),
        (-1, -1, -3 / 4),
        (-1, 1, -1 / 4),
        (0.0, -1, 1),
        (-0.0, -1, -1),
    ],
)
def test_atan2_knows_the_quadrant(y: float, x: float, angle: float) -> None:
    close(value("atan2", y, x), np.asarray(angle * math.pi))


@pytest.mark.parametrize("x", [-2.5, -1.5, -0.5, -0.0, 0.5, 1.5, 2.5, 7.0])
def test_rounding_by_hand(x: float) -> None:
    expected = {"floor": math.floor, "ceil": math.ceil, "round": round, "trunc": math.trunc}
    for op, function in expected.items():
        assert value(op, x) == function(x)
        assert gradients(op, x) == []  # none


@pytest.mark.parametrize(
    ("x", "y"), [(7.0, 3.0), (-7.0, 3.0), (7.0, -3.0), (6.0, 3.0), (1e10, 0.3)]
)
def test_remainder_is_pythons(x: float, y: float) -> None:
    assert value("remainder", x, y) == x % y
    assert gradients("remainder", x, y) == [1, -(x // y)]


def test_copysign_knows_signs_of_zeros() -> None:
    found = value("copysign", [3.0, 3.0, -3.0, 0.0], [0.0, -0.0, 1.0, -1.0])
    np.testing.assert_array_equal(np.copysign(1, found), [1, -1, 1, -1])
    (dx,) = gradients("copysign", [3.0, 3.0, -3.0, 0.0], [0.0, -0.0, 1.0, -1.0])
    np.testing.assert_array_equal(dx, [1, -1, -1, 0])


def test_lerp_by_hand() -> None:
    assert value("lerp", 2.0, 10.0, 0.25) == 4
    assert gradients("lerp", 2.0, 10.0, 0.25) == [0.75, 0.25, 8]


@pytest.mark.parametrize(
    ("op", "operands", "expected"),
    [
        ("sqrt", [0], [np.inf]),
        ("cbrt", [0], [np.inf]),
        ("asin", [1], [np.inf]),
        ("acos", [-1], [-np.inf]),
        ("acosh", [1], [np.inf]),
        ("atanh", [1], [np.inf]),
        ("erfinv", [1], [np.inf]),
        ("atan2", [0, 0], [0, 0]),
        ("hypot", [0, 0], [0, 0]),
        ("power", [0, 0], [0, 0]),
        ("sinc", [0], [0]),
        ("xlogy", [0, 0], [0, 0]),
        ("xlogy", [0, 2], [math.log(2), 0]),
        ("xlog1py", [0, -1], [0, 0]),
        ("xlog1py", [0, 1], [math.log(2), 0]),
        ("copysign", [0, 2], [0]),
        ("remainder", [6, 3], [1, -2]),
        ("maximum", [np.nan, 1], [0, 0]),
        ("minimum", [1, np.nan], [0, 0]),
        ("abs", [np.nan], [0]),
    ],
)
def test_convention(op: str, operands: list[float], expected: list[float]) -> None:
    with np.errstate(divide="ignore", invalid="ignore"):
        found = gradients(op, *operands)
    np.testing.assert_array_equal(np.ravel(found), expected)


def test_nan_is_no_zero() -> None:
    """A weight of 0 hides an infinite logarithm, and no NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = value("xlogy", [0.0, 0.0, 0.0, np.nan], [0.0, -1.0, np.nan, 1.0])
    np.testing.assert_array_equal(found, [0, 0, np.nan, np.nan])


def test_poles_of_the_gamma_family() -> None:
    with np.errstate(divide="ignore", invalid="ignore"):
        np.testing.assert_array_equal(value("lgamma", [0.0, -1.0, -7.0, np.inf]), np.inf)
        assert not np.isfinite(value("digamma", [0.0, -1.0])).any()
