"""What a run sees at a kink is explained by what was measured there, and by nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from gradcmp.case import BackendSpec, Case, Expression, InputSpec
from gradcmp.graph import backward, build, forward
from gradcmp.graph.walk import constants_of
from gradcmp.judge.case import judge
from gradcmp.ops.conventions import stored
from gradcmp.recording import Recording

X, Y = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.5, 1.0])


def verdict(expression: str, spoil=lambda name, d: d, inputs=(X, Y), backend="tensorflow"):
    """Judge a backend that has the reference's numbers, but for what is spoiled."""
    names = ("x", "y")[: len(inputs)]
    case = Case(
        "one",
        {name: InputSpec("normal", np.shape(x)) for name, x in zip(names, inputs, strict=True)},
        {"out": Expression(expression)},
        "out",
        names,
        (BackendSpec("numpy"), BackendSpec(backend)),
    )
    graph = build(case)
    given = dict(zip(names, inputs, strict=True))
    tape = forward(graph, given, constants_of(np.dtype(np.float64)))
    slopes = backward(graph, tape, np.ones(np.shape(tape.values["out"])))
    named = [*names, "out"]
    values = {name: tape.values[name] for name in named}
    right = {name: slopes[name] for name in named}
    wrong = {name: spoil(name, right[name]) for name in named}
    return judge(
        case,
        "numpy",
        {
            "numpy": Recording("numpy", "float64", values, right),
            backend: Recording(backend, "float64", values, wrong),
        },
    )


def whole(name: str, d):
    """Return a gradient of which x has all where both are tied."""
    tie = X == Y
    return np.where(tie, {"x": 1.0, "y": 0.0}[name], d) if name in "xy" else d


def test_a_kink_is_explained_by_the_row_that_was_measured() -> None:
    (said,) = verdict("sum(maximum(x, y))", whole).notes["tensorflow"]
    version = stored().versions["tensorflow"]
    assert said.startswith("has another convention for maximum at x = y, in out: value 1, d x 1")
    assert f"in tensorflow {version}, value 1, d x 0.5, d y 0.5 in NumPy by hand" in said
    assert said.endswith("gradcmp conventions maximum")


@pytest.mark.parametrize(
    "found",
    [
        lambda: verdict("sum(maximum(x, y))"),  # nothing to explain
        lambda: verdict("sum(maximum(x, y))", whole, backend="torch"),  # does as the reference
        lambda: verdict("sum(maximum(x, y + 10))", lambda n, d: d * 1.5),  # no tie
        lambda: verdict("sum(x * y)", lambda n, d: d * 1.5),  # no kink
        lambda: verdict("sum(maximum(y, y) + x)", lambda n, d: d * 1.5 if n == "x" else d),
    ],
)
def test_what_no_kink_explains_has_no_citation(found) -> None:
    assert not found().notes


def test_a_length_of_zero_is_cited_where_one_side_has_nan() -> None:
    zeros = np.zeros(3)
    spoil = lambda name, d: d * np.nan if name == "x" else d  # noqa: E731
    (said,) = verdict("norm(x)", spoil, (zeros,)).notes["tensorflow"]
    assert "norm at x = 0" in said
    assert "0 / 0" in said
