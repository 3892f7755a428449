"""Values and gradients that a textbook or a pencil gives, and the conventions at kinks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gradcmp.ops import OPS, Array
from gradcmp.ops.erf import erf_value


def call(op: str, *operands: Any, dy: Any, **static: Any) -> tuple[Array, list[Array]]:
    arrays = [a if isinstance(a, np.ndarray) else np.asarray(a, float) for a in operands]
    value, pullback = OPS[op].reference(*arrays, **static)
    return value, [np.asarray(d) for d in pullback(np.asarray(dy, float)) if d is not None]


def test_sigmoid_of_log_three() -> None:
    value, (dx,) = call("sigmoid", math.log(3), dy=2)
    assert value == pytest.approx(3 / 4, rel=1e-15)
    assert dx == pytest.approx(2 * 3 / 16, rel=1e-15)


def test_softmax_of_logarithms() -> None:
    value, (dx,) = call("softmax", np.log([1.0, 2.0, 5.0]), dy=[1, 0, 0])
    np.testing.assert_allclose(value, [1 / 8, 2 / 8, 5 / 8], rtol=1e-15)
    np.testing.assert_allclose(dx, [7 / 64, -2 / 64, -5 / 64], rtol=1e-14)


def test_matmul_by_hand() -> None:
    value, (dx, dy) = call("matmul", [[1, 2], [3, 4]], [[5], [6]], dy=[[1], [10]])
    np.testing.assert_array_equal(value, [[17], [39]])
    np.testing.assert_array_equal(dx, [[5, 6], [50, 60]])
    np.testing.assert_array_equal(dy, [[31], [42]])


def test_cross_entropy_of_equal_logits_is_log_of_the_classes() -> None:
    value, (dx,) = call("cross_entropy", np.zeros((2, 4)), np.array([0, 3]), dy=1)
    assert value == pytest.approx(math.log(4), rel=1e-15)
    np.testing.assert_allclose(dx, (1 / 4 - np.eye(4)[[0, 3]]) / 2, rtol=1e-15)


def test_conv2d_is_a_correlation() -> None:
    image = np.arange(9.0).reshape(1, 1, 3, 3)
    value, (dx, dw) = call("conv2d", image, [[[[1, 0], [0, -1]]]], dy=[[[[1, 2], [3, 4]]]])
    np.testing.assert_array_equal(value, np.full((1, 1, 2, 2), -4))
    np.testing.assert_array_equal(dx[0, 0], [[1, 2, 0], [3, 3, -2], [0, -3, -4]])
    np.testing.assert_array_equal(dw[0, 0], [[27, 37], [57, 67]])


def test_pools_by_hand() -> None:
    image = np.array([[[[1.0, 5.0], [5.0, 3.0]]]])
    value, (dx,) = call("max_pool", image, dy=[[[[6]]]], kernel=2)
    assert value.item() == 5
    np.testing.assert_array_equal(dx[0, 0], [[0, 6], [0, 0]])  # the first of equal ones
    value, (dx,) = call("avg_pool", image, dy=[[[[6]]]], kernel=2)
    assert value.item() == 3.5
    np.testing.assert_array_equal(dx[0, 0], np.full((2, 2), 1.5))


def test_layer_norm_of_two_numbers() -> None:
    value, (dx, dw, db) = call("layer_norm", [[1, 3]], [2, 2], [1, 1], dy=[[5, 7]], eps=0.0)
    np.testing.assert_allclose(value, [[-1, 3]], rtol=1e-15)
    np.testing.assert_allclose(dx, [[0, 0]], atol=1e-15)  # two standardized numbers are fixed
    np.testing.assert_allclose(dw, [-5, 7], rtol=1e-15)
    np.testing.assert_array_equal(db, [5, 7])


def test_variance_of_one_to_four() -> None:
    value, (dx,) = call("var", [1, 2, 3, 4], dy=3, correction=1)
    assert value == pytest.approx(5 / 3, rel=1e-15)
    np.testing.assert_allclose(dx, [-3, -1, 1, 3], rtol=1e-15)


def test_embedding_adds_up_what_is_taken_twice() -> None:
    dy = [[1, 2], [10, 20], [100, 200]]
    value, (dx,) = call("take", [[1, 2], [3, 4], [5, 6]], np.array([2, 0, 2]), dy=dy)
    np.testing.assert_array_equal(value, [[5, 6], [1, 2], [5, 6]])
    np.testing.assert_array_equal(dx, [[10, 20], [0, 0], [101, 202]])


def test_norm_of_three_four_five() -> None:
    value, (dx,) = call("norm", [3, 4], dy=10)
    assert value == 5
    np.testing.assert_allclose(dx, [6, 8], rtol=1e-15)


def test_cumulative_sum_runs_backwards() -> None:
    value, (dx,) = call("cumulative_sum", [1, 2, 3], dy=[1, 10, 100])
    np.testing.assert_array_equal(value, [1, 3, 6])
    np.testing.assert_array_equal(dx, [111, 110, 100])


@pytest.mark.parametrize(
    ("op", "operands", "static", "gradients"),
    [
        ("relu", [0], {}, [0]),
        ("abs", [0], {}, [0]),
        ("sign", [0], {}, [0]),
        ("maximum", [1, 1], {}, [4, 4]),
        ("minimum", [1, 1], {}, [4, 4]),
        ("max", [[7, 7, 1]], {}, [[4, 4, 0]]),
        ("min", [[7, 7, 1]], {}, [[0, 0, 8]]),
        ("norm", [[0, 0]], {}, [[0, 0]]),
        ("clip", [1], {"min": 1, "max": 2}, [8]),
        ("power", [0, 2], {}, [0, 0]),
        ("power", [0, 0], {}, [0, 0]),
        ("power", [-2, 3], {}, [96, math.nan]),
    ],
)
def test_convention(
    op: str, operands: list[Any], static: dict[str, Any], gradients: list[Any]
) -> None:
    _, found = call(op, *operands, dy=8, **static)
    for actual, expected in zip(found, gradients, strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_erf_to_the_last_digits() -> None:
    x = np.concatenate([np.linspace(-7, 7, 4001), np.linspace(-0.5, 0.5, 2001)])
    expected = np.array([math.erf(v) for v in x])
    assert np.all(np.abs(erf_value(x) - expected) <= 4 * np.spacing(np.abs(expected)))
    np.testing.assert_array_equal(erf_value(np.array([np.inf, -np.inf, 1e300])), [1, -1, 1])
    assert np.isnan(erf_value(np.array(np.nan)))


def test_erf_is_analytic_on_every_branch() -> None:
    x = np.linspace(-6, 6, 1201)
    slope = np.imag(erf_value(x + 1e-30j)) / 1e-30
    np.testing.assert_allclose(slope, 2 / math.sqrt(math.pi) * np.exp(-x * x), rtol=4e-15)


@pytest.mark.parametrize("op", ["sigmoid", "softmax", "log_softmax", "logsumexp", "silu", "gelu"])
def test_large_numbers_do_not_overflow(op: str) -> None:
    x = np.array([-800.0, 0.0, 800.0])
    with np.errstate(under="ignore"):
        value, (dx,) = call(op, x, dy=[1.0, 2.0, 3.0] if op != "logsumexp" else 1.0)
    assert np.all(np.isfinite(value))
    assert np.all(np.isfinite(dx))


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_infinities_pass_through_logsumexp(infinity: float) -> None:
    with np.errstate(divide="ignore"):  # the logarithm of 0
        assert OPS["logsumexp"].reference(np.full(2, infinity))[0] == infinity


@pytest.mark.parametrize("op", ["relu", "abs", "maximum", "minimum", "clip", "max", "max_pool"])
def test_nan_is_never_swallowed(op: str) -> None:
    for position in (0, 1):
        x = np.array([1.0, -1.0])
        x[position] = np.nan
        operands = [x[0], x[1]] if op in ("maximum", "minimum") else [x]
        static: dict[str, Any] = {"clip": {"min": 0.0}, "max_pool": {"kernel": (1, 2)}}.get(op, {})
        if op == "max_pool":
            operands = [x.reshape(1, 1, 1, 2)]
        assert np.isnan(OPS[op].reference(*operands, **static)[0]).any()
