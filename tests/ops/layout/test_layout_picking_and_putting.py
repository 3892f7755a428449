"""Index arrays: what NumPy reads and writes with them, and who of several at one place counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcmp.ops import OPS, Array

RNG = np.random.default_rng(14)
X = RNG.standard_normal((3, 4))


def call(op: str, *operands: Any, dy: Any, **static: Any) -> tuple[Array, list[Array]]:
    arrays = [np.asarray(a) for a in operands]
    value, pullback = OPS[op].reference(*arrays, **static)
    return value, [d for d in pullback(np.asarray(dy, float)) if d is not None]


@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_take_along_axis_is_numpys(axis: int) -> None:
    indices = RNG.integers(0, 3, (3, 4))
    value, _ = call("take_along_axis", X, indices, dy=X, axis=axis)
    np.testing.assert_array_equal(value, np.take_along_axis(X, indices, axis))


def test_gather_reads_the_first_rows_where_take_along_axis_broadcasts() -> None:
    """The example of torch.gather's page, and one row of indices for two rows of numbers."""
    value, (dx,) = call(
        "gather", [[1.0, 2], [3, 4]], [[0, 0], [1, 0]], dy=[[1, 10], [5, 7]], axis=1
    )
    np.testing.assert_array_equal(value, [[1, 1], [4, 3]])
    np.testing.assert_array_equal(dx, [[11, 0], [7, 5]])
    one = [[1.0, 2], [3, 4]], [[1]]
    assert call("gather", *one, dy=[[1]], axis=1)[0].tolist() == [[2]]
    assert call("take_along_axis", *one, dy=[[1], [1]], axis=1)[0].tolist() == [[2], [4]]


@pytest.mark.parametrize("axis", [0, 1])
def test_scatter_is_numpys_put_along_axis(axis: int) -> None:
    indices = np.argsort(X, axis=axis)
    src = RNG.standard_normal(X.shape)
    expected = X.copy()
    np.put_along_axis(expected, indices, src, axis)
    value, (dx, dsrc) = call("scatter", X, indices, src, dy=X, axis=axis)
    np.testing.assert_array_equal(value, expected)
    np.testing.assert_array_equal(dx, np.zeros_like(X))
    np.testing.assert_array_equal(dsrc, np.take_along_axis(X, indices, axis))


@pytest.mark.parametrize(
    ("op", "order", "static"), [("scatter", (0, 1, 2), {"axis": 0}), ("index_put", (0, 2, 1), {})]
)
def test_the_last_of_several_at_one_place_counts_and_has_all_of_the_gradient(
    op: str, order: tuple[int, ...], static: dict[str, Any]
) -> None:
    operands = [5.0, 6, 7], [1, 0, 1], [10.0, 20, 30]
    value, (dx, dsrc) = call(op, *(operands[i] for i in order), dy=[1, 2, 4], **static)
    np.testing.assert_array_equal(value, [20, 30, 7])
    np.testing.assert_array_equal(dx, [0, 0, 4])
    np.testing.assert_array_equal(dsrc, [0, 1, 2])


@pytest.mark.parametrize(
    ("op", "order", "static"),
    [
        ("scatter_add", (0, 1, 2), {"axis": 0}),
        ("index_add", (0, 1, 2), {"axis": 0}),
        ("index_put", (0, 2, 1), {"accumulate": True}),
    ],
)
def test_what_is_added_adds_up(op: str, order: tuple[int, ...], static: dict[str, Any]) -> None:
    operands = [5.0, 6, 7], [1, 0, 1], [10.0, 20, 30]
    value, (dx, dsrc) = call(op, *(operands[i] for i in order), dy=[1, 2, 4], **static)
    np.testing.assert_array_equal(value, [25, 46, 7])
    np.testing.assert_array_equal(dx, [1, 2, 4])
    np.testing.assert_array_equal(dsrc, [2, 1, 2])


def test_values_that_are_broadcast_get_the_sum() -> None:
    x = np.zeros((2, 3))
    rows, columns = np.array([[0], [1]]), np.array([2, 0])
    value, (dx, dv) = call("index_put", x, 7.0, rows, columns, dy=[[1, 2, 4], [8, 16, 32]])
    np.testing.assert_array_equal(value, [[7, 0, 7], [7, 0, 7]])
    np.testing.assert_array_equal(dx, [[0, 2, 0], [0, 16, 0]])
    assert (dv.shape, dv.item()) == ((), 45)


def test_index_add_along_the_last_axis() -> None:
    src = np.array([[1.0, 10], [2, 20]])
    dy = [[1, 2, 4], [8, 16, 32]]
    value, (dx, dsrc) = call("index_add", np.zeros((2, 3)), [2, 2], src, dy=dy, axis=-1)
    np.testing.assert_array_equal(value, [[0, 0, 11], [0, 0, 22]])
    np.testing.assert_array_equal(dx, dy)
    np.testing.assert_array_equal(dsrc, [[4, 4], [32, 32]])
