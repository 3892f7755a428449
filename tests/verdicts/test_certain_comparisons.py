"""Numbers that were given are the same everywhere: what compares them has one outcome.

At a tie of two of them a gradient may be that of either side, where the value is the same by both,
and nothing else may differ.
"""

import re

import numpy as np
import pytest
from trial import Trial

X = np.array([0.3, -0.7, 1.2, 0.5])
LABELS = np.array([0.0, 1.0, 1.0, 2.0])
Z = np.array([0.0, 1.0, 0.0, -1.0])
STEP = {"m": "where(l > 1, x, 0 * x)", "out": "sum(sin(m))"}
EQUAL = {"m": "where(l == 1, x, 0 * x)", "out": "sum(sin(m))"}
FLOOR = {"m": "floor(l) * x", "out": "sum(sin(m))"}
# The second mask follows from the first, and is certain of nothing itself.
NESTED = {"m": "where(l > 1, x, 0 * x)", "out": "sum(where(1.1 * m > 0.1, x * x, 0 * x))"}
LEFT = {"m": "remainder(l, 0.5) * x", "out": "sum(sin(m))"}
SIGN = {"m": "sign(l - 1) * x", "out": "sum(sin(m))"}
RELU = {"m": "relu(z)", "out": "sum(sin(m) * x)"}
# The step of l keeps its outcome, and relu has either slope.
BOTH = {"r": "relu(z)", "m": "where(l > 1, x, 0 * x)", "out": "sum(r * x) + sum(sin(m))"}
# More relus than comparisons can be tried one by one.
MANY = {
    **{f"r{i}": "relu(z) * x" for i in range(24)},
    "m": "where(l > 1, x, 0 * x)",
    "out": "sum(" + " + ".join([f"r{i}" for i in range(24)] + ["sin(m)"]) + ")",
}


def trial(graph, name, array, kind):
    used = re.findall(r"\w+", " ".join(graph.values()))
    inputs = {one: x for one, x in {"x": X, "l": LABELS, "z": Z}.items() if one in used}
    return Trial(graph, inputs, **{kind: {name: array}})


@pytest.mark.parametrize("kind", ["both", "alone"])
@pytest.mark.parametrize(
    ("graph", "name", "array"),
    [
        (STEP, "out", np.sin(X[1:]).sum()),  # of >=
        (STEP, "m", np.where(LABELS >= 1, X, 0)),
        (STEP, "d x", np.where(LABELS >= 1, np.cos(X), 0)),
        (EQUAL, "out", 0.0),
        (EQUAL, "d x", np.zeros(4)),
        (FLOOR, "out", np.sin((LABELS - 1) * X).sum()),
        (FLOOR, "d x", (LABELS - 1) * np.cos(LABELS * X)),
        (NESTED, "out", 1.2**2 + 0.5**2),
        (LEFT, "out", np.sin(0.5 * X).sum()),
        (LEFT, "d x", 0.5 * np.cos(0.5 * X)),
        (BOTH, "d x", np.maximum(Z, 0) + np.where(LABELS >= 1, np.cos(X), 0)),
        (RELU, "d z", (Z >= 0) * 2 * X * np.cos(np.maximum(Z, 0))),
    ],
)
def test_the_other_outcome_of_what_is_certain_is_wrong(graph, name, array, kind):
    assert not trial(graph, name, array, kind).agrees(name)


@pytest.mark.parametrize("kind", ["both", "alone"])
@pytest.mark.parametrize(
    ("graph", "name", "array"),
    [
        (RELU, "d z", (Z >= 0) * X * np.cos(np.maximum(Z, 0))),
        (BOTH, "d z", (Z >= 0) * X),
        # Two comparisons of the same numbers come out otherwise together, or not at all.
        (
            {"out": "sum((where(z < 1, z, 0) + where(z >= 1, 1.0, 0)) * x)"},
            "d z",
            (Z <= 1) * X,
        ),
        (MANY, "d z", (Z >= 0) * X * 24),
        ({"out": "max(z) * sum(x)"}, "d z", np.array([0, X.sum(), 0, 0])),
        ({"out": "sum(where(z > 0, z, 0 * z) * x)"}, "d z", (Z >= 0) * X),
    ],
)
def test_either_slope_at_a_tie_is_a_kink(graph, name, array, kind):
    assert trial(graph, name, array, kind).agrees(name)


def test_a_computed_tie_may_go_either_way():
    """x x - x x is 0, and rounding may make more or less than that of it."""
    graph = {"m": "where(x * x - y * y > 0, x, 0 * x)", "out": "sum(sin(m))"}
    inputs = {"x": X, "y": X}
    assert Trial(graph, inputs, alone={"m": X, "out": np.sin(X).sum()}).agrees("out")
