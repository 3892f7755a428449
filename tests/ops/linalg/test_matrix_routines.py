"""Inverses, factors, spectra and functions of matrices: from textbooks, SciPy and the pencil."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import linalg

from gradcmp.ops import OPS, Array, ArraySpec, ShapeError

rng = np.random.default_rng(14)


def call(op: str, *operands: Any, dy: Any, **static: Any) -> tuple[Array, list[Array]]:
    value, pullback = OPS[op].reference(*(np.asarray(a, float) for a in operands), **static)
    return value, list(pullback(np.asarray(dy, float)))


def close(actual: Any, expected: Any, rtol: float = 1e-13) -> None:
    np.testing.assert_allclose(actual, expected, rtol, rtol)


def differences(op: str, x: Array, dy: Array, **static: Any) -> Array:
    """Return the gradient by central differences, Richardson-extrapolated once."""

    def slope(direction: Array, h: float) -> float:
        ends = [OPS[op].reference(x + way * h * direction, **static)[0] for way in (1, -1)]
        return float(np.sum(dy * (ends[0] - ends[1]))) / (2 * h)

    found = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        direction = np.zeros(x.shape)
        direction[i] = 1
        found[i] = (4 * slope(direction, 5e-4) - slope(direction, 1e-3)) / 3
    return found


def test_inverse_of_two_by_two() -> None:
    value, (dx,) = call("inv", [[2, 1], [1, 1]], dy=[[1, 0], [0, 0]])
    close(value, [[1, -1], [-1, 2]])
    close(dx, [[-1, 1], [1, -1]])  # -y^T e1 e1^T y^T


def test_determinant_has_cofactors_for_a_gradient() -> None:
    value, (dx,) = call("det", [[1, 2], [3, 4]], dy=10)
    close(value, -2)
    close(dx, [[40, -30], [-20, 10]])


@pytest.mark.parametrize(
    ("x", "cofactors"),
    [
        ([[1, 2], [2, 4]], [[4, -2], [-2, 1]]),
        ([[0, 0], [0, 0]], [[0, 0], [0, 0]]),
        ([[1, 0, 0], [0, 2, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0], [0, 0, 2]]),
        ([[1, 1, 1], [1, 1, 1], [1, 1, 1]], np.zeros((3, 3))),
    ],
)
def test_a_singular_matrix_has_cofactors(x: Any, cofactors: Any) -> None:
    close(call("det", x, dy=1)[1][0], cofactors)


def test_logarithm_of_a_determinant_that_overflows() -> None:
    x = np.diag(np.full(400, -10.0))
    x[0, 0] = 10.0
    value, (dx,) = call("slogdet", x, dy=1)
    close(value, 400 * math.log(10))
    close(dx, np.linalg.inv(x))
    assert call("slogdet", x, dy=1, output="sign")[0] == -1


def test_cholesky_by_hand() -> None:
    """L = [[a, 0], [b/a, sqrt(c - b^2/a)]] with a = sqrt(x_11); each derivative with a pencil."""
    value, (dx,) = call("cholesky", [[4, 2], [2, 5]], dy=[[0, 7], [0, 1]])  # 7 counts for nothing
    close(value, [[2, 0], [1, 2]])
    close(dx, [[1 / 16, -1 / 8], [-1 / 8, 1 / 4]])
    upper, (du,) = call("cholesky", [[4, 2], [2, 5]], dy=[[0, 0], [7, 1]], upper=True)
    close(upper, value.T)
    close(du, dx)


def test_qr_of_two_columns() -> None:
    x = [[3, 1], [4, 2], [0, 5]]
    q, (dq,) = call("qr", x, dy=[[1, 0], [0, 0], [0, 0]], output="q")
    r, (dr,) = call("qr", x, dy=[[1, 0], [0, 0]], output="r")
    close(r[0], [5, 2.2])
    close(q[:, 0], [0.6, 0.8, 0])
    close(q @ r, x)
    close(dr, [[0.6, 0], [0.8, 0], [0, 0]])  # r_11 is the length of the first column
    close(dq, [[0.64 / 5, 0], [-0.48 / 5, 0], [0, 0]])  # q_11 = x_1 / length


def test_eigenvalues_of_two_by_two() -> None:
    value, (dx,) = call("eigvalsh", [[2, 1], [1, 2]], dy=[0, 1])
    close(value, [1, 3])
    close(dx, [[0.5, 0.5], [0.5, 0.5]])
    value, _ = call("eigvalsh", [[2, 2], [0, 2]], dy=[0, 1])  # the symmetric part counts
    close(value, [1, 3])


def test_a_projector_needs_no_gap_within() -> None:
    value, (dx,) = call("spectral_projector", np.diag([1.0, 1, 3]), dy=np.eye(3)[[2, 0, 1]], rank=1)
    close(value, np.diag([0, 0, 1]))
    # s_ij couples two eigenvalues by dP_ij = ds_ij / (3 - 1); of dy the symmetric part counts.
    close(dx, [[0, 0, 1 / 4], [0, 0, 1 / 4], [1 / 4, 1 / 4, 0]])


def test_singular_values_of_a_vector_are_its_length() -> None:
    value, (dx,) = call("svdvals", [[3], [4]], dy=[10])
    close(value, [5])
    close(dx, [[6], [8]])


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5)])
def test_equal_singular_values_within_what_is_kept(shape: tuple[int, int]) -> None:
    q, p = (np.linalg.qr(rng.standard_normal((n, n)))[0] for n in shape)
    x = (q[:, :3] * [2, 2, 0.5]) @ p[:3]
    dy = rng.standard_normal(shape)
    value, (dx,) = call("truncated_svd", x, dy=dy, rank=2)
    close(value, (q[:, :2] * 2) @ p[:2])
    close(dx, differences("truncated_svd", x, dy, rank=2), 1e-9)


def test_truncated_at_full_rank_is_the_identity() -> None:
    x, dy = rng.standard_normal((2, 4, 3))
    value, (dx,) = call("truncated_svd", x, dy=dy, rank=3)
    close(value, x)
    close(dx, dy, 1e-12)


def test_pseudoinverse_of_a_column() -> None:
    value, (dx,) = call("pinv", [[3], [4]], dy=[[1, 0]])
    close(value, [[3 / 25, 4 / 25]])
    close(dx, [[1 / 25 - 18 / 625], [-24 / 625]])  # of x_1 / (x_1^2 + x_2^2)


def test_solve_by_hand() -> None:
    value, (da, db) = call("solve", [[2, 0], [0, 4]], [2, 2], dy=[1, 8])
    close(value, [1, 0.5])
    close(db, [0.5, 2])
    close(da, [[-0.5, -0.25], [-2, -1]])


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("transpose", [True, False])
@pytest.mark.parametrize("unit", [True, False])
def test_triangular_solve_is_scipys(lower: bool, transpose: bool, unit: bool) -> None:
    a, (b, dy) = rng.uniform(0.5, 1.5, (4, 4)), rng.standard_normal((2, 4, 2))
    names = {"lower": lower, "unit_diagonal": unit}
    expected = linalg.solve_triangular(a, b, trans=int(transpose), **names)
    value, (da, db) = call("triangular_solve", a, b, dy=dy, transpose=transpose, **names)
    close(value, expected, 1e-12)
    close(db, linalg.solve_triangular(a, dy, trans=int(not transpose), **names), 1e-12)
    read = np.tril(np.ones((4, 4)), -unit) if lower else np.triu(np.ones((4, 4)), unit)
    close(da, -read * (expected @ db.T if transpose else db @ expected.T), 1e-12)
    assert np.all((da != 0) == read)


def test_powers_are_fibonaccis() -> None:
    fibonacci = [[1, 1], [1, 0]]
    close(call("matrix_power", fibonacci, dy=np.eye(2), n=10)[0], [[89, 55], [55, 34]])
    close(call("matrix_power", fibonacci, dy=np.eye(2), n=-10)[0], [[34, -55], [-55, 89]])
    _, (dx,) = call("matrix_power", fibonacci, dy=np.eye(2), n=10)
    close(dx, 10 * np.array([[55, 34], [34, 21]]))  # d trace(x^n) = n x^(n-1)


def test_exponential_of_a_rotation() -> None:
    t = 40.0  # scaled down and squared again
    value, (dx,) = call("expm", [[0, -t], [t, 0]], dy=[[0, -1], [1, 0]])
    close(value, [[math.cos(t), -math.sin(t)], [math.sin(t), math.cos(t)]], 1e-12)
    close(dx[1, 0] - dx[0, 1], 2 * math.cos(t), 1e-12)  # the derivative of 2 sin(t)


@pytest.mark.parametrize("size", [0.0, 1e-6, 1.0, 30.0])
@pytest.mark.parametrize("upstream", [1e-8, 1.0, 1e8])
def test_derivative_of_the_exponential_is_scipys(size: float, upstream: float) -> None:
    x = rng.standard_normal((5, 5))
    x *= size / np.linalg.norm(x, 2)
    dy = upstream * rng.standard_normal((5, 5))
    value, derivative = linalg.expm_frechet(x.T, dy)
    found, (dx,) = call("expm", x, dy=dy)
    for actual, expected in ((found, value.T), (dx, derivative)):
        assert np.abs(actual - expected).max() <= 1e-12 * np.abs(expected).max()


@pytest.mark.parametrize("dy", [0.0, 1.0])
def test_exponential_of_nothing_is_one(dy: float) -> None:
    value, (dx,) = call("expm", np.zeros((2, 2)), dy=np.full((2, 2), dy))
    close(value, np.eye(2))
    close(dx, np.full((2, 2), dy))


GOOD = np.array([[2.0, 1.0], [1.0, 3.0]])
SINGULAR = np.ones((2, 2))
FAILS: list[tuple[str, Array, dict[str, Any]]] = [
    ("inv", SINGULAR, {}),
    ("matrix_power", SINGULAR, {"n": -1}),
    ("cholesky", -GOOD, {}),
    ("inv", np.full((2, 2), np.nan), {}),
    ("det", np.full((2, 2), np.nan), {}),
    ("det", np.array([[1.0, np.nan], [1.0, 1.0]]), {}),
    ("slogdet", np.array([[np.nan, 1.0], [1.0, 1.0]]), {}),
    ("pinv", np.full((2, 2), np.nan), {}),
    ("eigvalsh", np.full((2, 2), np.nan), {}),
    ("svdvals", np.full((2, 2), np.nan), {}),
    ("truncated_svd", np.full((2, 2), np.nan), {"rank": 1}),
    ("expm", np.full((2, 2), np.nan), {}),
]


@pytest.mark.parametrize(("op", "bad", "static"), FAILS)
def test_where_there_is_no_result_is_nan_and_nowhere_else(
    op: str, bad: Array, static: dict[str, Any]
) -> None:
    batch = np.stack([GOOD, bad, 2 * GOOD])
    with np.errstate(invalid="ignore"):
        value, pullback = OPS[op].reference(batch, **static)
        dy = rng.standard_normal(value.shape)
        (dx,) = pullback(dy)
        alone, back = OPS[op].reference(batch[::2], **static)
    close(value[::2], alone)
    close(dx[::2], back(dy[::2])[0])
    lower = np.tril(np.ones((2, 2), bool)) if op == "cholesky" else ...
    assert np.isnan(value[1][lower]).all()
    assert np.isnan(dx[1]).all()


def test_a_singular_system_has_no_solution() -> None:
    b = rng.standard_normal((2, 2, 1))
    value, pullback = OPS["solve"].reference(np.stack([GOOD, SINGULAR]), b)
    close(value[0], np.linalg.solve(GOOD, b[0]))
    assert np.isnan(value[1]).all()
    assert np.isnan(pullback(b)[0][1]).all()


SQUARE, TALL, VECTOR = ArraySpec((3, 3)), ArraySpec((4, 3)), ArraySpec((3,))
REFUSED: list[tuple[str, tuple[ArraySpec, ...], dict[str, Any], str]] = [
    *(
        (op, (TALL,), static, "matrices of 4 rows and 3 columns: not square")
        for op, static in (
            ("inv", {}),
            ("det", {}),
            ("slogdet", {}),
            ("cholesky", {}),
            ("eigvalsh", {}),
            ("spectral_projector", {"rank": 1}),
            ("matrix_power", {"n": 2}),
            ("expm", {}),
        )
    ),
    ("inv", (VECTOR,), {}, "has no matrices"),
    ("inv", (ArraySpec((3, 3), "int"),), {}, "real numbers"),
    ("svdvals", (ArraySpec((0, 3)),), {}, "without elements"),
    ("slogdet", (SQUARE,), {"output": "both"}, "output is 'both', and must be one of 'logabsdet'"),
    ("cholesky", (SQUARE,), {"upper": 1}, "upper is 1"),
    ("qr", (TALL,), {"output": "Q"}, "output is 'Q', and must be one of 'q', 'r'"),
    ("qr", (ArraySpec((3, 4)),), {"output": "q"}, "more columns than rows"),
    ("spectral_projector", (SQUARE,), {"rank": 4}, "rank is 4, and must be at most 3"),
    ("truncated_svd", (TALL,), {"rank": 0}, "rank is 0, and must be an integer of at least 1"),
    ("matrix_power", (SQUARE,), {"n": 0.5}, "n is 0.5"),
    ("solve", (SQUARE, ArraySpec((4,))), {}, "a has 3 rows, b has 4"),
    ("solve", (SQUARE, ArraySpec(())), {}, "b has no axes"),
    ("solve", (ArraySpec((2, 3, 3)), ArraySpec((4, 3, 1))), {}, "cannot be broadcast"),
    ("triangular_solve", (SQUARE, VECTOR), {"lower": "yes"}, "lower is 'yes'"),
]


@pytest.mark.parametrize(("op", "specs", "static", "reason"), REFUSED)
def test_refusal(op: str, specs: Any, static: dict[str, Any], reason: str) -> None:
    with pytest.raises(ShapeError, match=reason):
        OPS[op].infer(*specs, **static)
