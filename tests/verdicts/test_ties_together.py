"""What tied branches leave open is one choice for each op, and what lies between choices.

Moved together, tied operands have no kink: there the derivative is unique, whoever wins.
"""

from __future__ import annotations

import numpy as np
import pytest
from trial import Trial


def tie(graph, inputs, **gradients):
    return {"out": graph}, inputs, {f"d {name}": array for name, array in gradients.items()}


MAX = {"x": [3.0, 3.0, 1.0]}
PAIR = {"a": [0.5, -1.0], "b": [0.5, 2.0]}
TRIPLE = {"a": [1.0], "b": [1.0], "c": [1.0]}
POOL = {"x": np.reshape([2.0, 2.0, 1.0, 0.0], (1, 1, 2, 2))}


def pool(*numbers):
    return tie("sum(max_pool(x, 2))", POOL, x=np.reshape(numbers, (1, 1, 2, 2)))


# The shares of tied elements add up to 1 and none is below 0.
LAWFUL = {
    "max: the first": tie("max(x)", MAX, x=[1, 0, 0]),
    "max: the last": tie("max(x)", MAX, x=[0, 1, 0]),
    "max: halves": tie("max(x)", MAX, x=[0.5, 0.5, 0]),
    "max: 0.3 and 0.7": tie("max(x)", MAX, x=[0.3, 0.7, 0]),
    "min: the last": tie("min(x)", {"x": [1.0, 1.0, 3.0]}, x=[0, 1, 0]),
    "max of rows: first, last": tie(
        "sum(max(x, axis=1))", {"x": [[3.0, 3.0], [4.0, 4.0]]}, x=[[1, 0], [0, 1]]
    ),
    "maximum: a": tie("sum(maximum(a, b))", PAIR, a=[1, 0], b=[0, 1]),
    "maximum: b": tie("sum(maximum(a, b))", PAIR, a=[0, 0], b=[1, 1]),
    "maximum: halves": tie("sum(maximum(a, b))", PAIR, a=[0.5, 0], b=[0.5, 1]),
    "minimum: b": tie("sum(minimum(a, b))", PAIR, a=[0, 1], b=[1, 0]),
    "max_pool: the second": pool(0, 1, 0, 0),
    "max_pool: halves": pool(0.5, 0.5, 0, 0),
    "relu: 1": tie("sum(relu(x))", {"x": [0.0, 1.0]}, x=[1, 1]),
    "relu: 1/2": tie("sum(relu(x))", {"x": [0.0, 1.0]}, x=[0.5, 1]),
    "abs: 1": tie("sum(abs(x))", {"x": [0.0, 1.0]}, x=[1, 1]),
    "abs: -1": tie("sum(abs(x))", {"x": [0.0, 1.0]}, x=[-1, 1]),
    "clip: 0": tie("sum(clip(x, 0, 1))", {"x": [1.0, 0.5]}, x=[0, 1]),
    "relu of relu: 1": tie("sum(relu(relu(x)))", {"x": [0.0, 1.0]}, x=[1, 1]),
    "relu of relu: 1/4": tie("sum(relu(relu(x)))", {"x": [0.0, 1.0]}, x=[0.25, 1]),
    "relu of x minus relu of -x: 0": tie("sum(relu(x) - relu(-x))", {"x": [0.0, 1.0]}, x=[0, 1]),
    "three operands: a": tie("sum(maximum(maximum(a, b), c))", TRIPLE, a=[1], b=[0], c=[0]),
    "three operands: c": tie("sum(maximum(maximum(a, b), c))", TRIPLE, a=[0], b=[0], c=[1]),
    # Reached through other ties.
    "relu of x minus relu of -x: 2": tie("sum(relu(x) - relu(-x))", {"x": [0.0, 1.0]}, x=[2, 1]),
    "three operands: b": tie("sum(maximum(maximum(a, b), c))", TRIPLE, a=[0], b=[1], c=[0]),
    "a tie behind a tie: x": tie(
        "sum(maximum(maximum(x, 0), z))", {"x": [0.0, 1.0], "z": [0.0, 3.0]}, x=[1, 0], z=[0, 1]
    ),
    "the smaller of the maximum and each": tie(
        "sum(minimum(max(x), x))", {"x": [1.0, 1.0, 0.0]}, x=[1.5, 0.5, 1]
    ),
    "a tie behind an absolute value": tie(
        "sum(minimum(abs(x), z))", {"x": [0.0, 2.0], "z": [0.0, 1.0]}, x=[-0.5, 0], z=[0.5, 1]
    ),
    "a relu behind a tie: a quarter": tie(
        "sum(relu(minimum(x, z)))", {"x": [0.0, 2.0], "z": [0.0, 1.0]}, x=[0.25, 0], z=[0.25, 1]
    ),
    "the smallest of what a clip lets through at its end": tie(
        "sum(min(clip(x, -1, 1), axis=0))", {"x": [[-1.0], [-2.0], [0.0]]}, x=[[1], [0], [0]]
    ),
    "an absolute value behind a tie: -1": tie(
        "sum(abs(maximum(x, z - 1)))", {"x": [0.0, 2.0], "z": [1.0, 1.0]}, x=[0, 1], z=[-1, 0]
    ),
    "a tie behind a relu: halves": tie(
        "sum(maximum(relu(x), z))", {"x": [0.0, 1.0], "z": [0.0, 3.0]}, x=[0.5, 0], z=[0.5, 1]
    ),
}
WRONG = {
    # Shares that do not add up within a tensor.
    "max: 1 to each": tie("max(x)", MAX, x=[1, 1, 0]),
    "max: none": tie("max(x)", MAX, x=[0, 0, 0]),
    "max: quarters": tie("max(x)", MAX, x=[0.25, 0.25, 0]),
    "max of three: 1 to each": tie("max(x)", {"x": [2.0, 2.0, 2.0]}, x=[1, 1, 1]),
    "min: 1 to each": tie("min(x)", {"x": [1.0, 1.0, 3.0]}, x=[1, 1, 0]),
    "max of rows: 1 to each of one row": tie(
        "sum(max(x, axis=1))",
        {"x": [[3.0, 3.0], [1.0, 2.0], [4.0, 4.0]]},
        x=[[1, 1], [0, 1], [0, 1]],
    ),
    "max_pool: 1 to each": pool(1, 1, 0, 0),
    "max_pool: none": pool(0, 0, 0, 0),
    # By a tensor each: what is right in either alone is wrong in both.
    "maximum: both": tie("sum(maximum(a, b))", PAIR, a=[1, 0], b=[1, 1]),
    "maximum: neither": tie("sum(maximum(a, b))", PAIR, a=[0, 0], b=[0, 1]),
    "maximum: 0.3 each": tie("sum(maximum(a, b))", PAIR, a=[0.3, 0], b=[0.3, 1]),
    "minimum: both": tie("sum(minimum(a, b))", PAIR, a=[1, 1], b=[1, 0]),
    "maximum with weights: both": tie(
        "sum(w * maximum(a, b))", {**PAIR, "w": [2.0, 3.0]}, a=[2, 0], b=[2, 3]
    ),
    "a maximum behind a maximum: both": tie(
        "max(maximum(a, b))", {"a": [3.0, 1.0], "b": [3.0, 2.0]}, a=[1, 0], b=[1, 0]
    ),
    "where by a comparison: both": tie(
        "sum(maximum(a, b) * 2)", {"a": [0.0, 1.0], "b": [0.0, 3.0]}, a=[2, 0], b=[2, 2]
    ),
    # What no choice gives, and no mean of choices.
    "max: 2 and -1": tie("max(x)", MAX, x=[2, -1, 0]),
    "max: 1.5 and -0.5": tie("max(x)", MAX, x=[1.5, -0.5, 0]),
    "max: a share to the smaller": tie("max(x)", MAX, x=[0.5, 0, 0.5]),
    "maximum: 2 and -1": tie("sum(maximum(a, b))", PAIR, a=[2, 0], b=[-1, 1]),
    "relu: 1.5": tie("sum(relu(x))", {"x": [0.0, 1.0]}, x=[1.5, 1]),
    "relu: -0.5": tie("sum(relu(x))", {"x": [0.0, 1.0]}, x=[-0.5, 1]),
    "abs: 1.5": tie("sum(abs(x))", {"x": [0.0, 1.0]}, x=[1.5, 1]),
    "clip: 2": tie("sum(clip(x, 0, 1))", {"x": [1.0, 0.5]}, x=[2, 1]),
    "relu, off beside the tie": tie("sum(relu(x))", {"x": [0.0, 1.0]}, x=[0, 1.001]),
    "relu of relu: 1.5": tie("sum(relu(relu(x)))", {"x": [0.0, 1.0]}, x=[1.5, 1]),
}
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def blamed(trial):
    return [name for name in trial.both if not trial.agrees(name)]


@DTYPES
@pytest.mark.parametrize(("graph", "inputs", "says"), LAWFUL.values(), ids=LAWFUL)
def test_a_lawful_choice_agrees(graph, inputs, says, dtype):
    assert not blamed(Trial(graph, inputs, both=says, dtype=dtype))


@pytest.mark.parametrize(
    ("dtype", "share"),
    [
        ("float32", 1),
        ("float32", 0),
        ("float64", 1),
        ("float64", 0),
    ],
)
def test_two_tied_elements_of_a_maximum_may_go_either_way(dtype, share):
    trial = Trial(
        {"out": "sum(maximum(a, b))"},
        {"a": [0.5, 0.5, 1.0], "b": [0.5, 0.5, 2.0]},
        both={"d a": [share, share, 0], "d b": [1 - share, 1 - share, 1]},
        dtype=dtype,
    )
    assert not blamed(trial)


@DTYPES
@pytest.mark.parametrize(("graph", "inputs", "says"), WRONG.values(), ids=WRONG)
def test_what_no_choice_gives_fails(graph, inputs, says, dtype):
    assert blamed(Trial(graph, inputs, both=says, dtype=dtype))


# The sums tie in the first row: 0 + 1 = 1 + 0.
SUMS = {"x": [[0.0, 1.0, 0.0], [1.0, 1.0, -1.0]], "z": [[1.0, 0.0, -1.0], [0.0, 1.0, 1.0]]}


def sums(*first_row, dtype="float32"):
    both = {"d x": [first_row, [0, 1, 0]], "d z": [first_row, [0, 1, 0]]}
    return Trial({"out": "sum(max(x + z, axis=1))"}, SUMS, both=both, dtype=dtype)


@DTYPES
def test_a_choice_at_a_tie_of_computed_numbers_is_a_kink(dtype):
    assert sums(0, 1, 0, dtype=dtype).reason("d x") == "kink"


@pytest.mark.parametrize(
    ("dtype", "row"),
    [
        *(("float32", row) for row in ((1, 1, 0), (1.5, -0.5, 0))),
        ("float32", (0, 0, 0)),
        ("float64", (0, 0, 0)),
        ("float64", (1, 1, 0)),
        ("float64", (1.5, -0.5, 0)),
    ],
    ids=str,
)
def test_what_no_choice_gives_at_a_tie_of_computed_numbers_fails(dtype, row):
    assert blamed(sums(*row, dtype=dtype))


UNSTABLE = {
    "a": "relu(x)",
    "s": "a + 300",
    "m": "mean(s, axis=-1, keepdims=True)",
    "v": "mean(s * s, axis=-1, keepdims=True) - m * m",
    "z": "(s - m) * rsqrt(v + 1e-5) * g + b",
    "out": "z + abs(a)",
}
STABLE = {"a": "relu(x)", "z": "layer_norm(a + 300, g, b)", "out": "z + abs(a)"}


@pytest.mark.parametrize(
    ("ties", "digits"),
    [
        (True, False),
        (False, True),
        (True, True),
    ],
)
def test_a_tie_beside_lost_digits_is_no_bug(ties, digits):
    """The slope of abs is +1 at 0, and the variance E[x^2] - E[x]^2 at mean 300."""
    rng = np.random.default_rng(0)
    inputs = {"x": rng.standard_normal((8, 16)), "g": rng.standard_normal(16)}
    inputs["b"] = rng.standard_normal(16)
    stable, unstable = Trial(STABLE, inputs), Trial(UNSTABLE, inputs)
    side = unstable if digits else stable
    coarse, fine = (side.computed("torch", dtype) for dtype in ("float32", "float64"))
    at_zero = np.where(fine.values["a"] == 0, side.cotangent, 0) if ties else 0
    trial = Trial(
        STABLE,
        inputs,
        both={"d a": fine.gradients["a"] + at_zero},
        alone={"d a": coarse.gradients["a"] + at_zero},
    )
    assert trial.reason("d a") != "bug"
