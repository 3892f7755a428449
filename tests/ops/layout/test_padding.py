"""Padding is NumPy's, and what it repeats gets the sum of its places' gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcmp.ops import OPS

X = np.arange(12.0).reshape(3, 4)
NUMPY: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    (((1, 2), (0, 3)), {}, {"constant_values": 0}),
    (2, {"value": -1.5}, {"constant_values": -1.5}),
    (((2, 1), (0, 3)), {"mode": "reflect"}, {"mode": "reflect"}),
    (((5, 0), (0, 7)), {"mode": "edge"}, {"mode": "edge"}),
    (0, {"mode": "reflect"}, {"mode": "reflect"}),
]


@pytest.mark.parametrize(("widths", "static", "expected"), NUMPY)
def test_value_is_numpys(widths: Any, static: dict[str, Any], expected: dict[str, Any]) -> None:
    value, pullback = OPS["pad"].reference(X, widths, **static)
    np.testing.assert_array_equal(value, np.pad(X, widths, **expected))
    dy = np.random.default_rng(1).integers(-9, 9, value.shape).astype(float)
    (dx,) = pullback(dy)
    linear = value - OPS["pad"].reference(np.zeros_like(X), widths, **static)[0]
    assert np.sum(dx * X) == np.sum(dy * linear)  # of whole numbers to the last digit


def test_gradients_of_one_row_by_hand() -> None:
    x = np.array([1.0, 2.0, 3.0])
    dy = np.array([1.0, 10, 100, 1000, 10000])
    for mode, value, dx in (
        ("constant", [0, 1, 2, 3, 0], [10, 100, 1000]),
        ("edge", [1, 1, 2, 3, 3], [11, 100, 11000]),
        ("reflect", [2, 1, 2, 3, 2], [10, 10101, 1000]),
    ):
        y, pullback = OPS["pad"].reference(x, 1, mode)
        np.testing.assert_array_equal(y, value)
        np.testing.assert_array_equal(pullback(dy)[0], dx)
