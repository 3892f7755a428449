"""Nothing is said that is not there: correct results, garbage, several bugs at once."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import SHAPES, SPOILS, Scene, Spoil, U

from gradcmp.judge.causes.diagnosis import diagnose
from gradcmp.judge.causes.evidence import Evidence

SEEDS = range(20)  # a test has several shapes or kinds of them


@pytest.mark.parametrize("dtype", U)
@pytest.mark.parametrize("shape", [*SHAPES, (), (1,), (2,), (2, 2), (1, 3)], ids=str)
def test_nothing_is_said_of_correct_results(shape: tuple[int, ...], dtype: str) -> None:
    for seed in SEEDS:
        scene = Scene(seed, shape, dtype)
        assert scene.diagnose(scene.correct) == []
        assert scene.diagnose(scene.expected) == []


GARBAGE: dict[str, Spoil] = {
    "unrelated": lambda e, s: s.rng.standard_normal(e.shape),
    "added, of any size": lambda e, s: (
        e + 10 ** s.rng.uniform(-6, 1) * s.rng.standard_normal(e.shape)
    ),
    "factors, of any size": lambda e, s: (
        e * (1 + 10 ** s.rng.uniform(-6, 1) * s.rng.standard_normal(e.shape))
    ),
    "one element": lambda e, s: e + (np.arange(e.size) == e.size // 2).reshape(e.shape) * 1e-3,
    "half of it": lambda e, s: np.where(np.arange(e.size).reshape(e.shape) % 2, e, -e),
    "shuffled": lambda e, s: s.rng.permutation(e.reshape(-1)).reshape(e.shape),
    "not a number": lambda e, s: np.where(np.arange(e.size).reshape(e.shape) == 2, np.nan, e),
    "infinite": lambda e, s: np.where(np.arange(e.size).reshape(e.shape) == 2, np.inf, e),
}


@pytest.mark.slow  # all of them together
@pytest.mark.parametrize("dtype", ["float32", pytest.param("bfloat16", marks=pytest.mark.thorough)])
@pytest.mark.parametrize("shape", [(6, 6), (3, 4, 5), (40,), (), (3,)], ids=str)
@pytest.mark.parametrize("kind", GARBAGE)
def test_nothing_is_said_of_garbage(kind: str, shape: tuple[int, ...], dtype: str) -> None:
    shuffled_few = kind == "shuffled" and np.prod(shape) < 10  # may well come out reversed
    for seed in () if shuffled_few else SEEDS:
        scene = Scene(seed, shape, dtype)
        if kind == "half of it" and scene.expected.size == 1:
            continue
        assert scene.diagnose(GARBAGE[kind](scene.correct, scene)) == [], seed


TWO_BUGS = [
    ("negated", "reversed"),
    ("some factor", "rolled"),
    ("dropped", "negated"),
    ("doubled", "counted twice"),
    ("rolled", "reversed"),
]


@pytest.mark.parametrize("kinds", TWO_BUGS, ids=str)
def test_nothing_is_said_of_two_bugs_at_once(kinds: tuple[str, str]) -> None:
    for seed in SEEDS:
        scene = Scene(seed, (7, 5))
        actual = scene.correct
        for kind in kinds:
            actual = SPOILS[kind][0](actual, scene)
        assert scene.diagnose(actual) == [], seed


@pytest.mark.parametrize("kind", [kind for kind in SPOILS if "summed" not in kind])
def test_nothing_is_said_where_one_element_does_not_fit(kind: str) -> None:
    for seed in SEEDS:
        scene = Scene(seed, (7, 5))
        actual = np.array(SPOILS[kind][0](scene.correct, scene), ndmin=1)
        actual.reshape(-1)[3] += 0.3
        assert scene.diagnose(actual) == [], seed


def test_what_cannot_be_told_apart_is_not_told() -> None:
    few = Scene(0, ())
    assert few.diagnose(1.2345 * few.expected) == []  # any number is some factor of another
    assert few.diagnose(-few.expected) == ["the sign is flipped"]
    coarse = Scene(0, (), "bfloat16")
    assert coarse.diagnose(2 * coarse.expected) == []  # within a hundredth, by chance
    constant = Evidence(np.full(9, 1.3), np.ones(9), 1e-7, 8.0)
    assert diagnose(constant) == ()
    line = np.arange(30.0).reshape(6, 5)
    assert diagnose(Evidence(line + 1, line, 1e-6, 8.0)) == ()  # shifted, or a constant added
    symmetric = Scene(0, (6, 6))
    symmetric.expected = symmetric.expected + symmetric.expected.T
    assert symmetric.diagnose(-symmetric.expected.T) == ["the sign is flipped"]
    assert symmetric.diagnose(symmetric.expected.T) == []


def test_one_element_in_many_that_does_not_fit_is_seen() -> None:
    expected = Scene(0, (300, 400)).expected
    noise = 1e-7 * (np.abs(expected) + 0.1)
    assert [c.text for c in diagnose(Evidence(-expected, expected, noise))] == [
        "the sign is flipped"
    ]
    actual = -expected
    actual[123, 45] += 1e-3
    assert diagnose(Evidence(actual, expected, noise)) == ()


@pytest.mark.parametrize("shapes", [((0,), (0,)), ((0, 3), (3,)), ((3,), (0,))])
def test_nothing_is_said_of_nothing(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    assert diagnose(Evidence(np.ones(shapes[0]), np.ones(shapes[1]), 1e-7)) == ()
