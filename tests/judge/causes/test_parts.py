"""Causes in a part of a tensor: a block left out, rows that should be zero, another's numbers."""

import numpy as np
import pytest
from scenes import Scene

from gradcmp.judge.causes.evidence import Evidence
from gradcmp.judge.causes.places import part, where


def spoiled(scene, key, value):
    actual = scene.correct
    actual[key] = value
    return actual


LEFT_OUT = [
    ((9, 4), slice(6, None), "from row 6 on"),
    ((9, 4), slice(None, 3), "up to row 2"),
    ((9, 4), [2, 5], "in rows 2 and 5"),
    ((9, 4), (slice(None), -1), "in column 3"),
    ((3, 4, 5), (slice(None), slice(2, None)), "from index 2 of axis 1 on"),
    ((40,), slice(32, None), "from element 32 on"),
]


@pytest.mark.parametrize(("shape", "key", "words"), LEFT_OUT)
def test_a_block_that_is_left_out_is_named(shape, key, words):
    for seed in range(5):
        scene = Scene(seed, shape)
        assert scene.diagnose(spoiled(scene, key, 0.0)) == [
            f"it is zero {words}: that part is left out"
        ]


def test_a_block_may_end_within_a_row():
    scene = Scene(0, (6, 10))
    actual = scene.correct
    actual.reshape(-1)[37:] = 0.0
    text = "it is zero from element 37 of 60 on, in the order of memory: that part is left out"
    assert scene.diagnose(actual) == [text]
    actual[1, 2] = 0.0
    assert scene.diagnose(actual) == []


def test_rows_that_should_be_zero_are_named():
    scene = Scene(0, (9, 4))
    scene.expected[[1, 4, 5]] = 0.0
    scene.noise[[1, 4, 5]] = 1e-40
    actual = scene.correct
    actual[[1, 4]] = 0.3
    assert scene.diagnose(actual) == ["it should be zero in rows 1 and 4"]
    actual[0, 0] += 1.0
    assert scene.diagnose(actual) == []


def test_another_tensor_in_one_part_is_named():
    scene = Scene(0, (9, 4))
    actual = scene.correct
    actual[:, 2:] = scene.others["X"][:, 2:]
    assert scene.diagnose(actual) == ["it is 'X' from column 2 on"]
    actual[0, 3] += 1.0
    assert scene.diagnose(actual) == []


def test_what_is_scattered_is_no_part():
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask = rng.random((8, 8)) < 0.4
        assert part(mask, np.ones_like(mask)) == ""


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda x: x >= 1.0, "'x' is at least"),
        (lambda x: x <= -1.0, "'x' is at most"),
        (lambda x: np.abs(x) >= 1.5, "the size of 'x' is at least"),
        (lambda x: np.abs(x) <= 0.4, "the size of 'x' is at most"),
    ],
)
def test_a_threshold_in_another_tensor_is_named(wrong, words):
    scene = Scene(3, (20, 30))
    x = scene.rng.standard_normal((20, 30))
    actual = scene.correct + wrong(x)
    evidence = Evidence(actual, scene.expected, scene.noise, 8.0, others={"x": x})
    assert where(evidence).startswith(f"all of it where {words}")
    actual[np.unravel_index(np.argmin(np.abs(x - 0.8)), x.shape)] += 3.0
    evidence = Evidence(actual, scene.expected, scene.noise, 8.0, others={"x": x})
    assert "where" not in where(evidence)
