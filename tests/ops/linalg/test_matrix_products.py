"""Products, contractions, diagonals and einsum against NumPy's own and against the pencil."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gradcmp.ops import OPS, Array, ArraySpec, ShapeError

rng = np.random.default_rng(14)


def call(op: str, *operands: Any, **static: Any) -> tuple[Array, Any]:
    return OPS[op].reference(*(np.asarray(a, float) for a in operands), **static)


def normal(*shape: int) -> Array:
    return rng.standard_normal(shape)


@pytest.mark.parametrize(
    ("op", "theirs", "shapes", "static"),
    [
        ("outer", np.outer, ((4,), (3,)), {}),
        ("inner", np.inner, ((2, 4, 3), (5, 3)), {}),
        ("inner", np.inner, ((), (3, 2)), {}),
        ("vecdot", np.vecdot, ((5, 4, 3), (4, 3)), {}),
        ("vecdot", np.vecdot, ((4, 3), (4, 1)), {"axis": 0}),
        ("kron", np.kron, ((2, 3), (4, 2)), {}),
        ("kron", np.kron, ((2, 3, 1), (2,)), {}),
        ("kron", np.kron, ((3,), (2, 2, 2)), {}),
        ("tensordot", np.tensordot, ((2, 3, 4), (3, 4, 5)), {}),
        ("tensordot", np.tensordot, ((2, 3), (4,)), {"axes": 0}),
        ("tensordot", np.tensordot, ((2, 3, 4), (4, 2, 5)), {"axes": ((0, 2), (1, 0))}),
        ("tensordot", np.tensordot, ((2, 3), (3, 4)), {"axes": (1, 0)}),
        ("trace", np.linalg.trace, ((2, 3, 4),), {"offset": 1}),
        ("diagonal", np.linalg.diagonal, ((2, 4, 3),), {"offset": -2}),
        ("diag", np.diag, ((3, 4),), {}),
        ("diag", np.diag, ((3,),), {}),
    ],
)
def test_values_are_numpys(op: str, theirs: Any, shapes: Any, static: dict[str, Any]) -> None:
    operands = [normal(*shape) for shape in shapes]
    expected = theirs(*operands, **static)
    np.testing.assert_allclose(call(op, *operands, **static)[0], expected, rtol=1e-13)


def test_diag_with_an_offset_is_numpys() -> None:
    x = normal(3)
    np.testing.assert_array_equal(call("diag", x, offset=-2)[0], np.diag(x, -2))


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("...ij,...jk->...ik", ((2, 1, 4, 3), (5, 3, 2))),
        ("i...,...i->...", ((3, 2), (4, 2, 3))),
        ("...i,i...", ((2, 3), (3, 1))),
        ("...,...", ((3,), (2, 3))),
        ("...->...", ((2, 3),)),
        ("b...i->...b", ((2, 3, 1, 4),)),
        ("ii", ((3, 3),)),
        ("ii->i", ((3, 3),)),
        ("iji->j", ((3, 2, 3),)),
        ("iii,i", ((3, 3, 3), (3,))),
        ("...ii->...i", ((2, 3, 3),)),
        ("iijj->ji", ((2, 2, 3, 3),)),
        (" b i i , i j -> b j ", ((2, 3, 3), (3, 4))),
        ("ba", ((2, 3),)),
    ],
)
def test_einsum_is_numpys(subscripts: str, shapes: Any) -> None:
    operands = [normal(*shape) for shape in shapes]
    spec = OPS["einsum"].infer(*(ArraySpec(shape) for shape in shapes), subscripts=subscripts)
    expected = np.einsum(subscripts, *operands)
    y, pullback = call("einsum", *operands, subscripts=subscripts)
    np.testing.assert_allclose(y, expected, rtol=1e-13, atol=1e-14)
    assert spec.shape == expected.shape
    dy = normal(*expected.shape)
    for i, dx in enumerate(pullback(dy)):  # <dy, y> is linear in each operand
        moved = [normal(*x.shape) if j == i else x for j, x in enumerate(operands)]
        along = np.sum(dy * np.einsum(subscripts, *moved))
        assert np.sum(dx * moved[i]) == pytest.approx(along, rel=1e-12, abs=1e-13)
        assert dx.shape == operands[i].shape


def test_einsum_that_is_no_trace_is_told_from_one() -> None:
    x = normal(3, 3)
    assert call("einsum", x, subscripts="ii")[0] == pytest.approx(math.fsum(np.diag(x)))
    (dx,) = call("einsum", x, subscripts="ii")[1](np.asarray(2.0))
    np.testing.assert_array_equal(dx, 2 * np.eye(3))


def test_a_symmetric_input_has_a_symmetric_gradient() -> None:
    y, pullback = call("symmetrize", [[1, 4], [2, 3]])
    np.testing.assert_array_equal(y, [[1, 3], [3, 3]])
    # TensorFlow's cholesky has the lower triangle for a gradient, torch's both.
    for dy in ([[1, 0], [4, 5]], [[1, 2], [2, 5]], [[1, 4], [0, 5]]):
        np.testing.assert_array_equal(pullback(np.asarray(dy, float))[0], [[1, 2], [2, 5]])


MATRIX, VECTOR, WHOLE = ArraySpec((4, 3)), ArraySpec((3,)), ArraySpec((3,), "int")
REFUSED: list[tuple[str, tuple[ArraySpec, ...], dict[str, Any], str]] = [
    ("outer", (MATRIX, VECTOR), {}, r"x has shape \(4, 3\), and must be a vector"),
    ("outer", (VECTOR, WHOLE), {}, "real numbers"),
    ("inner", (MATRIX, ArraySpec((4,))), {}, "the last axes have lengths 3 and 4"),
    ("vecdot", (MATRIX, ArraySpec((4, 1))), {}, "axis -1 has lengths 3 and 1"),
    ("vecdot", (MATRIX, VECTOR), {"axis": 0}, r"axis 0 is another one in \(4, 3\) than in \(3,\)"),
    ("vecdot", (MATRIX, ArraySpec(())), {}, "out of range"),
    (
        "tensordot",
        (MATRIX, ArraySpec((3, 4))),
        {},
        "axis 0 of x and axis 0 of y have",
    ),
    ("tensordot", (MATRIX, VECTOR), {"axes": 2}, "axes is 2, and must be from 0 to 1"),
    ("tensordot", (MATRIX, VECTOR), {"axes": True}, "axes is True, and must be an integer or two"),
    ("tensordot", (MATRIX, VECTOR), {"axes": ((0, 1), (0,))}, "differ in length"),
    ("tensordot", (MATRIX, MATRIX), {"axes": ((0, 0), (0, 1))}, "names an axis twice"),
    ("tensordot", (MATRIX, VECTOR), {"axes": (0, 0)}, "have lengths 4 and 3"),
    ("kron", (MATRIX, WHOLE), {}, "real numbers"),
    ("diagonal", (VECTOR,), {}, "has no matrices"),
    ("diagonal", (MATRIX,), {"offset": 3}, "offset is 3, and matrices of 4 rows and 3 columns"),
    ("diagonal", (MATRIX,), {"offset": 1.0}, "offset is 1.0"),
    ("trace", (MATRIX,), {"offset": -4}, "offset is -4"),
    ("diag", (ArraySpec((2, 3, 3)),), {}, "neither of a vector nor of a matrix"),
    ("symmetrize", (MATRIX,), {}, "4 rows and 3 columns: not square"),
    ("einsum", (MATRIX,), {"subscripts": "...->"}, "lacks '...'"),
    ("einsum", (MATRIX,), {"subscripts": "i......"}, "more than letters and one '...'"),
    ("einsum", (MATRIX,), {"subscripts": "ijk..."}, "does not name each axis of shape"),
    ("einsum", (MATRIX,), {"subscripts": "ij->ii"}, "the result 'ii' names an axis twice"),
    ("einsum", (MATRIX, ArraySpec((2,))), {"subscripts": "i...,..."}, "axis of '...' has lengths"),
]


@pytest.mark.parametrize(("op", "specs", "static", "reason"), REFUSED)
def test_refusal(op: str, specs: Any, static: dict[str, Any], reason: str) -> None:
    with pytest.raises(ShapeError, match=reason):
        OPS[op].infer(*specs, **static)
