"""Order, quantiles, norms: NumPy's values, gradients by hand, and who of equal ones counts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gradcmp.case import Expression
from gradcmp.errors import GraphError
from gradcmp.graph import infer
from gradcmp.graph.build import assemble
from gradcmp.ops import OPS, Array, ArraySpec

X = np.random.default_rng(14).standard_normal((4, 5, 3))


def random(shape: tuple[int, ...]) -> Array:
    """Return a cotangent."""
    return np.asarray(np.random.default_rng(15).standard_normal(shape))


def call(op: str, *operands: Any, dy: Any, **static: Any) -> tuple[Array, list[Array]]:
    arrays = [np.asarray(a, float) for a in operands]
    value, pullback = OPS[op].reference(*arrays, **static)
    return value, [d for d in pullback(np.asarray(dy, float)) if d is not None]


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_sorted_as_numpy_sorts(axis: int) -> None:
    np.testing.assert_array_equal(call("sort", X, dy=X, axis=axis)[0], np.sort(X, axis))
    downwards, _ = call("sort", X, dy=X, axis=axis, descending=True)
    np.testing.assert_array_equal(downwards, np.flip(np.sort(X, axis), axis))
    order, _ = OPS["argsort"].reference(X, axis=axis)
    np.testing.assert_array_equal(order, np.argsort(X, axis, kind="stable"))


def test_equal_elements_stay_in_their_order() -> None:
    x, dy = [2, 1, 2, 1], [1, 10, 100, 1000]
    _, (dx,) = call("sort", x, dy=dy)
    np.testing.assert_array_equal(dx, [100, 1, 1000, 10])
    _, (dx,) = call("sort", x, dy=dy, descending=True)
    np.testing.assert_array_equal(dx, [1, 100, 10, 1000])
    value, (dx,) = call("top_k", x, dy=dy[:3], k=3)
    np.testing.assert_array_equal(value, [2, 2, 1])
    np.testing.assert_array_equal(dx, [1, 100, 10, 0])


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2), (2, 1)])
@pytest.mark.parametrize("keepdims", [True, False])
def test_quantiles_are_numpys(axis: Any, keepdims: bool) -> None:
    """Their gradients share all of dy among the elements, and each is homogeneous (Euler)."""
    expected = np.median(X, axis, keepdims=keepdims)
    dy = random(expected.shape)
    value, (dx,) = call("median", X, dy=dy, axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(value, expected, rtol=1e-15)
    assert np.sum(dx) == pytest.approx(np.sum(dy), rel=1e-12)
    assert np.sum(dx * X) == pytest.approx(np.sum(dy * expected), rel=1e-12)
    for q in (0, 0.1, 0.25, 0.77, 1):
        expected = np.quantile(X, q, axis, keepdims=keepdims)
        value, (dx,) = call("quantile", X, q=q, dy=dy, axis=axis, keepdims=keepdims)
        np.testing.assert_allclose(value, expected, rtol=1e-13)
        assert np.sum(dx) == pytest.approx(np.sum(dy), rel=1e-12)
        assert np.sum(dx * X) == pytest.approx(np.sum(dy * expected), rel=1e-12)


def test_the_middle_of_four_is_between_two_and_has_half_from_each() -> None:
    value, (dx,) = call("median", [7, 1, 5, 3], dy=8)
    assert value == 4
    np.testing.assert_array_equal(dx, [0, 0, 4, 4])
    value, (dx,) = call("quantile", [7, 1, 5, 3], q=0.25, dy=8)  # 0.25 * 3: 0.75 of the way
    assert value == 2.5
    np.testing.assert_array_equal(dx, [0, 2, 0, 6])


@pytest.mark.parametrize("op", ["median", "sort", "cumulative_max"])
def test_nan_is_not_swallowed(op: str) -> None:
    for x in ([math.nan, 1, 2], [1, math.nan, 2], [1, 2, math.nan]):
        assert np.isnan(call(op, x, dy=1.0 if op == "median" else [1, 1, 1])[0]).any()


@pytest.mark.parametrize("ord", [1, 2, 3, 1.5, "inf", math.inf])
def test_norms_are_numpys(ord: Any) -> None:
    expected = np.linalg.vector_norm(X, axis=1, ord=math.inf if ord == "inf" else ord)
    dy = random(expected.shape)
    value, (dx,) = call("norm", X, dy=dy, axis=1, ord=ord)
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    # Euler: it is homogeneous.
    np.testing.assert_allclose(np.sum(dx * X, 1), dy * expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("x", "ord", "dx"),
    [
        ([3, -4], 1, [10, -10]),
        ([3, 0, -4], 1, [10, 0, -10]),
        ([3, -4], "inf", [0, -10]),
        ([4, -4, 1], "inf", [5, -5, 0]),
        ([0, 0], 1, [0, 0]),
        ([0, 0], "inf", [0, 0]),
        ([0, 0], 3, [0, 0]),
    ],
)
def test_gradients_of_norms_and_their_conventions(x: Any, ord: Any, dx: Any) -> None:
    np.testing.assert_array_equal(call("norm", x, dy=10, ord=ord)[1][0], dx)


def test_powers_that_overflow_do_not_spoil_a_norm() -> None:
    value, (dx,) = call("norm", [3e200, 4e200, 5e200], dy=1, ord=3)
    assert value == pytest.approx(6e200, rel=1e-14)  # 27 + 64 + 125 = 216
    np.testing.assert_allclose(dx, np.square([3, 4, 5]) / 36, rtol=1e-14)


def test_cosine_of_three_four_and_four_three() -> None:
    value, (dx, dy) = call("cosine_similarity", [3, 4], [4, 3], dy=25)
    assert value == pytest.approx(24 / 25, rel=1e-15)
    np.testing.assert_allclose(dx, [1.12, -0.84], rtol=1e-13)  # (v - 0.96 u) / 5 * 25
    np.testing.assert_allclose(dy, [-0.84, 1.12], rtol=1e-13)


def test_the_cosine_with_nothing_is_zero() -> None:
    value, (dx, dy) = call("cosine_similarity", [0, 0], [3, 4], dy=1, eps=0.5)
    assert value == 0
    np.testing.assert_allclose(dx, [1.2, 1.6], rtol=1e-15)  # v / eps
    np.testing.assert_array_equal(dy, [0, 0])


def test_what_is_broadcast_along_the_axis_of_a_cosine_counts_as_often() -> None:
    value, _ = call("cosine_similarity", [[3, 4]], [[7]], dy=[1])
    np.testing.assert_allclose(value, [7 / 5 / math.sqrt(2)], rtol=1e-15)


@pytest.mark.parametrize("number", [2.0, 0.1, 1 / 3, 1e-300])
@pytest.mark.parametrize("n", [3, 7, 10])
def test_std_of_equal_numbers_has_the_gradient_zero(number: float, n: int) -> None:
    """Their mean may be rounded, and so they may seem to deviate from it, all alike."""
    value, (dx,) = call("std", np.full(n, number), dy=1)
    assert value <= np.spacing(number)
    np.testing.assert_allclose(dx, np.zeros(n), atol=1e-15)


FLOAT = ArraySpec((4, 3))
REFUSED = [
    ("norm(x, 1)", "'1' might be the axis or the order"),
    ("norm(x, ord=0.5)", "ord is 0.5, and must be a number of at least 1"),
    ("norm(x, ord='fro')", "ord is 'fro', and must be a number of at least 1, or 'inf'"),
    ("norm(x, axis=(0, 1))", "must be one integer"),
    ("top_k(x, 4)", "k is 4, and axis -1 has length 3"),
    ("top_k(x, -1)", "k is -1"),
    ("quantile(x, 1.5)", "q is 1.5, and must be from 0 to 1"),
    ("quantile(x, -0.5)", "q is -0.5"),
    ("sort(x, descending=1)", "descending is 1"),
    ("sort(x, axis=2)", "axis 2 is out of range"),
    ("cumulative_prod(x)", "axis must be given"),
    ("cumulative_max(x, axis=(0, 1))", "must be one integer"),
    ("cosine_similarity(x, x, eps=-1)", "eps is -1"),
    ("cosine_similarity(x, x, axis=2)", "axis 2 is out of range"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_refusal(text: str, reason: str) -> None:
    with pytest.raises(GraphError, match=reason):
        infer(assemble(("x",), (("node", Expression(text)),), "node"), {"x": FLOAT})
