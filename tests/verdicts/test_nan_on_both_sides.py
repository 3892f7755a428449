"""A NaN or an infinity that both sides have is no plain agreement: a node made it of numbers."""

from __future__ import annotations

import numpy as np
import pytest
from trial import Trial

from gradcmp.errors import ExitCode

# Finite inputs; the tensors that have a NaN or an infinity at some elements, by mathematics; the
# node where the first is born, going forward, or else backward.
CASES = {
    "the root of a negative number": (
        {"root": "sqrt(x)", "out": "root * w"},
        {"x": [1.0, 2.0, -1.0, 4.0], "w": [1.0, 0.5, 2.0, 3.0]},
        ("root", "out", "d w", "d x"),
        "root",
    ),
    "the logarithm of a negative number": (
        {"l": "log(x)", "out": "l + w"},
        {"x": [1.0, -2.0], "w": [1.0, 2.0]},
        ("l", "out"),
        "l",
    ),
    "the logarithm of zero": (
        {"l": "log(x)", "out": "l * w"},
        {"x": [1.0, 0.0], "w": [1.0, 2.0]},
        ("l", "out", "d x", "d w"),
        "l",
    ),
    "an exponential too large for float64": (
        {"e": "exp(x)", "out": "e * w"},
        {"x": [1.0, 800.0, 2.0], "w": [1.0, 2.0, 3.0]},
        ("e", "out", "d x", "d w"),
        "e",
    ),
    "a row of zeros over its length": (
        {"n": "norm(x, axis=1, keepdims=True)", "out": "x / n"},
        {"x": [[0.0, 0.0], [3.0, 4.0]]},
        ("out",),
        "out",
    ),
    "softmax of a masked row": (
        {"masked": "where(keep > 0, x, -inf)", "out": "softmax(masked)"},
        {"x": [[1.0, 2.0], [3.0, 4.0]], "keep": [[0.0, 0.0], [1.0, 0.0]]},
        ("out",),
        "masked",
    ),
    "the root of zero behind where, going backward": (
        {"n": "sqrt(s)", "kept": "where(n > 0.5, n, 1)", "out": "kept * w"},
        {"s": [4.0, 0.0], "w": [1.0, 2.0]},
        ("d s",),
        "n",
    ),
    "an overflow before a mask, going backward": (
        {"e": "exp(x)", "kept": "where(x < 10, e, 0)", "out": "kept * w"},
        {"x": [1.0, 800.0], "w": [1.0, 2.0]},
        ("d x",),
        "e",
    ),
}
TENSORS = [
    pytest.param(graph, inputs, name, id=f"{why}: {name}")
    for why, (graph, inputs, names, _) in CASES.items()
    for name in names
]


@pytest.mark.parametrize(("graph", "inputs", "name"), TENSORS)
def test_it_warns(graph, inputs, name):
    trial = Trial(graph, inputs)
    computed = trial.computed("torch", "float64").tensors[name]
    if np.isfinite(computed).all():
        pytest.fail(f"{name} is finite: the case does not test it", pytrace=False)
    assert trial.warns(name)


@pytest.mark.parametrize(
    ("graph", "inputs"), [case[:2] for case in list(CASES.values())[:3]], ids=list(CASES)[:3]
)
def test_it_fails_under_strict(graph, inputs):
    assert Trial(graph, inputs, strict=True).verdict.exit_code is ExitCode.DISAGREE


@pytest.mark.parametrize(("graph", "inputs", "names", "node"), CASES.values(), ids=CASES)
def test_the_node_that_makes_it_is_named(graph, inputs, names, node):
    trial = Trial(graph, inputs)
    assert any(f"'{node}'" in trial.words(name) for name in names)


def test_what_is_wrong_beside_it_still_fails():
    trial = Trial(
        {"root": "sqrt(x)", "out": "root * w"},
        {"x": [1.0, 4.0, -1.0], "w": [1.0, 0.5, 2.0]},
        both={"d w": [1.1, 2.0, np.nan]},
    )
    assert not trial.agrees("d w")


def test_finite_results_do_not_warn():
    trial = Trial({"root": "sqrt(x)", "out": "root * w"}, {"x": [1.0, 4.0], "w": [1.0, 0.5]})
    assert not any(trial.warns(name) for name in ("root", "out", "d x", "d w"))


def test_a_nan_on_one_side_fails():
    trial = Trial(
        {"root": "sqrt(x)", "out": "root * w"},
        {"x": [1.0, 4.0], "w": [1.0, 0.5]},
        both={"d w": [1.0, np.nan]},
    )
    assert trial.reason("d w") == "non-finite"
    assert trial.side("d w") == "torch"
