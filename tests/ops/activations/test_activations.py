"""Activation functions by hand, far out, at their kinks and beside NaN."""

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


def run(op: str, x: Any, **static: Any) -> tuple[Array, Array]:
    """Return value and slope: of a cotangent of 8, a power of two that is not 1, an eighth."""
    x = np.asarray(x, float)
    with np.errstate(under="ignore"):
        value, pullback = OPS[op].reference(x, **static)
        (dx,) = pullback(np.full_like(value, 8.0))
    assert dx is not None
    return value, dx / 8


LN2, LN3 = math.log(2), math.log(3)


@pytest.mark.parametrize(
    ("op", "x", "static", "value", "slope"),
    [
        ("leaky_relu", -2, {}, -0.02, 0.01),
        ("leaky_relu", -2, {"negative_slope": 0.25}, -0.5, 0.25),
        ("relu6", 4, {}, 4, 1),
        ("relu6", 7, {}, 6, 0),
        ("hard_sigmoid", 1.5, {}, 0.75, 1 / 6),
        ("hard_swish", 1.5, {}, 1.125, 1),
        ("hard_swish", -1.5, {}, -0.375, 0),
        ("hard_tanh", 0.5, {}, 0.5, 1),
        ("hard_tanh", -2, {}, -1, 0),
        ("elu", -LN2, {}, -0.5, 0.5),
        ("elu", -LN2, {"alpha": 3.0}, -1.5, 1.5),
        ("celu", -2 * LN2, {"alpha": 2.0}, -1, 0.5),
        ("softsign", -3, {}, -0.75, 1 / 16),
        ("softplus", LN2, {}, LN3, 2 / 3),
        ("log_sigmoid", LN2, {}, math.log(2 / 3), 1 / 3),
        # tanh(log(1 + 2)) = (9 - 1) / (9 + 1)
        ("mish", LN2, {}, 0.8 * LN2, 0.8 + LN2 * 0.36 * 2 / 3),
    ],
)
def test_by_hand(op: str, x: float, static: dict[str, Any], value: float, slope: float) -> None:
    found, dx = run(op, x, **static)
    assert found == pytest.approx(value, rel=4e-15)
    assert dx == pytest.approx(slope, rel=4e-15, abs=1e-16)


def test_selu_has_a_fixed_point() -> None:
    """Standard normal numbers come out with mean 0 and variance 1: that is what fixes both."""
    grid = np.linspace(0, 12, 20001)  # each side of the kink by itself
    density = np.exp(-grid * grid / 2) / math.sqrt(2 * math.pi)
    right, left = run("selu", grid)[0], run("selu", -grid)[0]
    mean = np.trapezoid((right + left) * density, grid)
    square = np.trapezoid((right**2 + left**2) * density, grid)
    assert mean == pytest.approx(0, abs=1e-7)
    assert square == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize(
    ("op", "x", "value", "slope"),
    [
        ("softplus", -50, math.exp(-50), math.exp(-50)),
        ("softplus", 25, 25 + math.log1p(math.exp(-25)), 1 / (1 + math.exp(-25))),
        ("softplus", 800, 800, 1),
        ("log_sigmoid", 50, -math.exp(-50), math.exp(-50)),
        ("log_sigmoid", -800, -800, 1),
        ("mish", -50, -50 * math.exp(-50), -49 * math.exp(-50)),
        ("mish", 800, 800, 1),
        ("elu", -50, math.expm1(-50), math.exp(-50)),
        ("celu", -50, math.expm1(-50), math.exp(-50)),
        ("sigmoid", 40, 1 / (1 + math.exp(-40)), math.exp(-40)),
        ("tanh", 20, math.tanh(20), 4 * math.exp(-40)),
        ("expm1", -50, math.expm1(-50), math.exp(-50)),
    ],
)
def test_far_out_all_digits_are_kept(op: str, x: float, value: float, slope: float) -> None:
    found, dx = run(op, x)
    assert found == pytest.approx(value, rel=1e-14, abs=0)
    assert dx == pytest.approx(slope, rel=1e-14, abs=0)


@pytest.mark.parametrize(
    ("op", "x", "static", "slope"),
    [
        ("relu", 0, {}, 0),
        ("leaky_relu", 0, {"negative_slope": 0.3}, 0.3),
        ("relu6", 0, {}, 0),
        ("relu6", 6, {}, 0),
        ("hard_sigmoid", -3, {}, 0),
        ("hard_sigmoid", 3, {}, 0),
        ("hard_swish", -3, {}, 0),
        ("hard_swish", 3, {}, 1),
        ("hard_tanh", -1, {}, 1),
        ("hard_tanh", 1, {}, 1),
        ("elu", 0, {"alpha": 2.0}, 2),
        ("selu", 0, {}, 1.7580993408473766),
        ("celu", 0, {"alpha": 2.0}, 1),
        ("softsign", 0, {}, 1),
    ],
)
def test_convention(op: str, x: float, static: dict[str, Any], slope: float) -> None:
    assert run(op, x, **static)[1] == slope


BRANCHING = [
    *("relu", "relu6", "leaky_relu", "hard_sigmoid", "hard_swish", "hard_tanh"),
    *("elu", "selu", "celu"),
]


@pytest.mark.parametrize("op", BRANCHING)
def test_nan_gives_nan_and_no_gradient(op: str) -> None:
    value, dx = run(op, [np.nan, 0.5])
    assert np.isnan(value[0])
    assert dx[0] == 0
    assert dx[1] != 0


@pytest.mark.parametrize("op", ["softplus", "log_sigmoid", "mish", "softsign"])
def test_nan_passes_through_what_is_smooth(op: str) -> None:
    assert all(np.isnan(one[0]) for one in run(op, [np.nan, 0.5]))


def test_prelu_has_a_weight_for_each_channel() -> None:
    x, weight = np.array([[-2.0, -2.0], [3.0, -4.0]]), np.array([0.5, 0.25])
    value, pullback = OPS["prelu"].reference(x, weight)
    np.testing.assert_array_equal(value, [[-1, -0.5], [3, -1]])
    dx, dw = pullback(np.array([[1.0, 10.0], [100.0, 1000.0]]))
    np.testing.assert_array_equal(dx, [[0.5, 2.5], [100, 250]])
    np.testing.assert_array_equal(dw, [-2, -20 - 4000])


def test_glu_gates_the_first_half_with_the_second() -> None:
    value, pullback = OPS["glu"].reference(np.array([4.0, 8.0, 0.0, LN3]))
    np.testing.assert_allclose(value, [2, 6], rtol=1e-15)
    (dx,) = pullback(np.array([1.0, 10.0]))
    np.testing.assert_allclose(dx, [0.5, 7.5, 1, 15], rtol=1e-15)


FLOAT = ArraySpec((4, 3))


@pytest.mark.parametrize(
    ("text", "weight", "reason"),
    [
        ("leaky_relu(x, 'a')", (), "negative_slope is 'a', and must be a number"),
        ("elu(x, alpha=True)", (), "alpha is True, and must be a number"),
        ("celu(x, alpha=0)", (), "alpha is 0"),
        ("prelu(x, w)", (4,), "nor one for each of the 3 channels along axis 1"),
        ("prelu(x, w)", (1, 3), "is not one number"),
        ("glu(x)", (), "axis -1 has length 3, and must be of two halves"),
        ("glu(x, axis=2)", (), "out of range"),
    ],
)
def test_refusal(text: str, weight: tuple[int, ...], reason: str) -> None:
    graph = assemble(("x", "w"), (("out", Expression(text)),), "out")
    with pytest.raises(GraphError, match=reason):
        infer(graph, {"x": FLOAT, "w": ArraySpec(weight)})
