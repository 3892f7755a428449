"""Products beside zeros, running maxima and log-sums: values and gradients by hand and NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gradcmp.ops import OPS, Array

INF = math.inf


def call(op: str, x: Any, dy: Any, **static: Any) -> tuple[Array, Array]:
    with np.errstate(all="ignore"):
        value, pullback = OPS[op].reference(np.asarray(x, float), **static)
        (dx,) = pullback(np.asarray(dy, float))
    assert dx is not None
    return value, dx


PRODUCTS = [
    ([2, 3, 5], 30, [15, 10, 6]),
    ([2, 0, 5], 0, [0, 10, 0]),
    ([0, 0, 5], 0, [0, 0, 0]),
    ([0], 0, [1]),
    ([], 1, []),
    ([1e-200, 1e-200, 1], 0, [1e-200, 1e-200, 0]),  # y / x would be 0
]


@pytest.mark.parametrize(("x", "value", "dx"), PRODUCTS)
def test_product(x: list[float], value: float, dx: list[float]) -> None:
    found = call("prod", x, 1.0)
    np.testing.assert_allclose(found[0], value, rtol=1e-15)
    np.testing.assert_allclose(found[1], dx, rtol=1e-15, atol=1e-300)


def test_product_along_two_axes_with_a_zero_in_each_row() -> None:
    x = np.array([[[1.0, 2], [3, 0]], [[5, 6], [7, 8]]])
    value, dx = call("prod", x, [2, 3], axis=(0, 2))
    np.testing.assert_array_equal(value, [60, 0])
    np.testing.assert_array_equal(dx, [[[120, 60], [0, 504]], [[24, 20], [0, 0]]])


RUNNING = [
    ([2, 3, 5], [2, 6, 30], [1 + 30 + 1500, 20 + 1000, 600]),
    ([2, 0, 5], [2, 0, 0], [1, 20 + 1000, 0]),
    ([0, 3, 0], [0, 0, 0], [1 + 30, 0, 0]),
    ([0, 0, 5], [0, 0, 0], [1, 0, 0]),
]


@pytest.mark.parametrize(("x", "value", "dx"), RUNNING)
def test_running_product(x: list[float], value: list[float], dx: list[float]) -> None:
    """dx_k = sum of dy_i times the product of all x_j up to i but x_k, with dy = 1, 10, 100."""
    found = call("cumulative_prod", x, [1, 10, 100])
    np.testing.assert_array_equal(found[0], value)
    np.testing.assert_array_equal(found[1], dx)


def test_running_maximum_keeps_the_last_of_equal_ones() -> None:
    value, dx = call("cumulative_max", [1, 3, 2, 3, 0], [1, 10, 100, 1000, 10000])
    np.testing.assert_array_equal(value, [1, 3, 3, 3, 3])
    np.testing.assert_array_equal(dx, [1, 110, 0, 11000, 0])


def test_running_maximum_along_the_first_axis_is_numpys() -> None:
    x, dy = np.random.default_rng(3).standard_normal((2, 7, 2))
    value, dx = call("cumulative_max", x, dy, axis=0)
    np.testing.assert_array_equal(value, np.maximum.accumulate(x, 0))
    for column in (0, 1):
        first = [np.argmax(x[: i + 1, column]) for i in range(7)]
        expected = np.bincount(first, weights=dy[:, column], minlength=7)
        np.testing.assert_allclose(dx[:, column], expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("x", "value"),
    [
        ([0.0, 0, 0, 0], np.log([1, 2, 3, 4])),
        ([-1000.0, 0, 1000], [-1000, 0, 1000]),
        ([800.0, 800, -800], [800, 800 + math.log(2), 800 + math.log(2)]),
        ([-INF, 1, -INF], [-INF, 1, 1]),
        ([1.0, INF, 1], [1, INF, INF]),
    ],
)
def test_running_log_of_sums(x: list[float], value: list[float]) -> None:
    found, _ = call("logcumsumexp", x, np.ones(len(x)))
    np.testing.assert_allclose(found, value, rtol=1e-15)


def test_gradient_of_running_log_of_sums_is_a_sum_of_softmaxes() -> None:
    x = np.array([-700.0, 1.0, 3.0, 2.0, 700.0])
    dy = np.array([1.0, -2, 3, -4, 5])
    _, dx = call("logcumsumexp", x, dy)
    expected = np.zeros(5)
    for i in range(5):
        e = np.exp(x[: i + 1] - x[: i + 1].max())
        expected[: i + 1] += dy[i] * e / e.sum()
    np.testing.assert_allclose(dx, expected, rtol=1e-14)


def test_nan_counts_for_nothing_in_nan_sum() -> None:
    value, dx = call("nan_sum", [[1, math.nan], [math.nan, math.nan]], [3, 5], axis=1)
    np.testing.assert_array_equal(value, [1, 0])
    np.testing.assert_array_equal(dx, [[3, 0], [0, 0]])


@pytest.mark.parametrize("op", ["prod", "cumulative_prod"])
def test_the_second_derivative_of_a_product_is_right_beside_two_zeros(op: str) -> None:
    """d^2 (x_0 x_1 x_2) / dx_1 dx_2 = x_0: by a complex step through the pullback."""
    x = np.array([2.0, 0, 0]) + 1e-30j * np.array([0, 1, 0])
    _, pullback = OPS[op].reference(x)
    (dx,) = pullback(np.asarray(1.0) if op == "prod" else np.array([0.0, 0, 1]))
    assert dx is not None
    np.testing.assert_array_equal(np.imag(dx) / 1e-30, [0, 0, 2])
