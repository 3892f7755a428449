"""Causes: every kind of spoiled tensor is named so, and nothing is named that is not there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gradcmp.case import Case, Expression, InputSpec
from gradcmp.graph import backward, build, forward
from gradcmp.judge.causes.diagnosis import diagnose
from gradcmp.judge.causes.emulation import FLOAT64, lowered, terms
from gradcmp.judge.causes.evidence import Evidence, Float

SEEDS = range(50)
SHAPES = ((7, 5), (6, 6), (3, 4, 5), (40,))
U = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}


class Scene:
    """A random gradient, the noise that a correct implementation shows, and its neighbours."""

    def __init__(self, seed: int, shape: tuple[int, ...], dtype: str = "float32") -> None:
        self.rng = np.random.default_rng([seed, *shape])
        self.dtype = dtype
        self.expected = self.rng.standard_normal(shape)
        self.noise = 3 * U[dtype] * (np.abs(self.expected) + 0.3)
        self.others = {
            "X": self.rng.standard_normal(shape),
            "d node1": self.rng.standard_normal(shape),
            "d long": self.rng.standard_normal((11, *shape)),
            "batch": self.rng.standard_normal((32, 2)),
        }

    @property
    def correct(self) -> Float:
        """What a correct implementation gives."""
        return self.expected + 0.7 * self.noise * self.rng.standard_normal(self.expected.shape)

    def diagnose(self, actual: Float, **more: object) -> list[str]:
        """Return the causes in words."""
        facts = {"noise": self.noise, "limit": 8.0, "dtype": self.dtype, "others": self.others}
        found = diagnose(Evidence(actual, self.expected, **{**facts, **more}))  # type: ignore[arg-type]
        assert all(cause.residual <= 8.0 for cause in found)
        return [cause.text for cause in found]


Spoil = Callable[[Float, Scene], Float]

SPOILS: dict[str, tuple[Spoil, str]] = {
    "negated": (lambda e, s: -e, "the sign is flipped"),
    "doubled": (lambda e, s: 2 * e, "2 × too large"),
    "halved": (lambda e, s: e / 2, "2 × too small"),
    "mean for sum": (
        lambda e, s: e / e.shape[0],
        "{n} × too small; {n} is the length of axis 0",
    ),
    "sum for mean": (
        lambda e, s: e * e.shape[0],
        "{n} × too large; {n} is the length of axis 0",
    ),
    "batch": (
        lambda e, s: e / 32,
        "32 × too small; 32 is the length of axis 0 of 'batch'",
    ),
    "batch - 1": (
        lambda e, s: e * 32 / 31,
        "a factor of 32/31; 32 is the length of axis 0 of 'batch'",
    ),
    "offset": (lambda e, s: e + 0.37, "a constant, 0.37, is added to every element"),
    "some factor": (lambda e, s: 1.2345 * e, "a factor of 1.2345"),
    "some negative factor": (lambda e, s: -1.2345 * e, "a factor of -1.2345"),
    "a small factor": (lambda e, s: 1.0001 * e, "a factor of 1 + 0.0001"),
    "reversed": (lambda e, s: e[::-1], "reversed along axis 0"),
    "rolled": (lambda e, s: np.roll(e, 1, -1), "rolled by +1 along axis {last}"),
    "zero": (lambda e, s: np.zeros_like(e), "it is zero everywhere"),
    "dropped": (lambda e, s: e - s.others["d node1"], "'d node1' is missing"),
    "counted twice": (lambda e, s: e + s.others["X"], "'X' is accumulated twice"),
    "summed": (lambda e, s: e.sum(0), "summed over axis 0, which belongs to the result"),
    "averaged": (lambda e, s: e.mean(0), "averaged over axis 0, which belongs to the result"),
}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", SPOILS)
def test_each_kind_is_named(kind: str, shape: tuple[int, ...]) -> None:
    spoil, text = SPOILS[kind]
    if len(shape) == 1 and "over" in text:
        return  # one number alone proves little
    wanted = text.format(n=shape[0], last=len(shape) - 1)
    for seed in range(10):
        scene = Scene(seed, shape)
        assert scene.diagnose(np.asarray(spoil(scene.correct, scene))) == [wanted], seed


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize("kind", ["negated", "doubled", "reversed", "rolled", "dropped", "zero"])
def test_each_kind_is_named_in_other_dtypes(kind: str, dtype: str) -> None:
    spoil, text = SPOILS[kind]
    scene = Scene(1, (7, 5), dtype)
    assert scene.diagnose(spoil(scene.correct, scene)) == [text.format(last=1)]


@pytest.mark.parametrize("seed", range(10))
def test_axes_in_another_order(seed: int) -> None:
    square, odd, cube = (Scene(seed, shape) for shape in ((6, 6), (3, 7), (2, 3, 4)))
    assert square.diagnose(square.correct.T) == ["transposed"]
    assert odd.diagnose(odd.correct.T) == ["transposed"]
    moved = cube.correct.transpose(2, 0, 1)
    assert cube.diagnose(moved) == ["the axes are permuted to (2, 0, 1)"]
    read = odd.correct.T.reshape(3, 7)
    assert odd.diagnose(read) == ["transposed, then read in the shape (3, 7)"]
    flat = odd.correct.reshape(21)
    assert odd.diagnose(flat) == ["the same numbers in the shape (21,), not (3, 7)"]


@pytest.mark.parametrize("seed", range(10))
def test_shifted_with_anything_at_the_edge(seed: int) -> None:
    scene = Scene(seed, (9, 4))
    actual = np.roll(scene.correct, -1, 0)
    actual[-1] = scene.rng.standard_normal(4)
    assert scene.diagnose(actual) == ["shifted by -1 along axis 0"]


@pytest.mark.parametrize("seed", range(10))
def test_a_missing_broadcast_reduction(seed: int) -> None:
    scene = Scene(seed, (5,))
    rows = scene.rng.standard_normal((9, 5))
    rows[0] += scene.expected - rows.sum(0)
    others = {"d Y": rows}
    assert scene.diagnose(rows) == ["not summed over axis 0"]
    assert scene.diagnose(rows * 9) == ["not averaged over axis 0"]
    assert scene.diagnose(rows[-1], others=others) == [
        "only the last of 'd Y' along axis 0, not the sum"
    ]
    assert scene.diagnose(rows[3], others=others) == []


def test_flushed_subnormals() -> None:
    scene = Scene(0, (40,))
    expected = scene.expected * np.where(np.arange(40) % 3, 1.0, 1e-40)
    actual = np.where(np.abs(expected) < 2.0**-126, 0.0, expected)
    evidence = Evidence(actual, expected, 1e-5 * np.abs(expected))
    text = "subnormal numbers (below 2^-126) are flushed to zero"
    assert [cause.text for cause in diagnose(evidence)] == [text]
    actual[1] = 0.0  # a normal number among them
    assert diagnose(Evidence(actual, expected, 1e-5 * np.abs(expected))) == ()


def test_it_should_be_zero() -> None:
    scene = Scene(0, (7, 5))
    evidence = Evidence(scene.expected, np.zeros((7, 5)), 1e-7)
    assert [cause.text for cause in diagnose(evidence)] == ["it should be zero everywhere"]


def test_zero_times_infinity() -> None:
    scene = Scene(0, (7, 5))
    mask, exploded = np.ones((7, 5)), np.exp(scene.expected)
    mask[2], exploded[2:4] = 0.0, np.inf
    own = {"exploded": exploded, "d picked": mask}
    actual = scene.correct
    actual[2] = np.nan
    text = "0 · inf: NaN where 'd picked' is 0 and 'exploded' is infinite"
    assert scene.diagnose(actual, own=own) == [text]
    actual[5, 0] = np.nan  # and one elsewhere
    assert scene.diagnose(actual, own=own) == []
    assert scene.diagnose(np.where(mask == 0, np.nan, -scene.expected), own=own) == []


def rounded(x: Float, digits: int) -> Float:
    """Round the significand, by arithmetic that is not the code's."""
    unit = 2.0 ** (np.floor(np.log2(np.abs(x))) + 1 - digits)
    return np.round(x / unit) * unit


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    ("dtype", "digits", "name"),
    [
        ("float64", 24, "float32"),
        ("float64", 11, "float16 or TF32"),
        ("float32", 11, "float16 or TF32"),
        ("float32", 8, "bfloat16"),
        ("float16", 8, "bfloat16"),
    ],
)
def test_lower_precision(seed: int, dtype: str, digits: int, name: str) -> None:
    scene = Scene(seed, (7, 5), dtype)
    low = rounded(scene.expected * (1 + 2.0**-digits), digits)  # and not merely rounded once
    text = f"consistent with {name}: every number is one that {name} has"
    assert scene.diagnose(low, noise=scene.noise / 8) == [text]
    low[0, 0] = -low[0, 0]
    assert scene.diagnose(low) == []
    low[0, 0] = scene.expected[0, 0]
    assert [c for c in scene.diagnose(low) if "every number" in c] == []


def test_float32_inside_float64() -> None:
    scene = Scene(0, (7, 5), "float64")
    cubic = 1 + 1e-9 * scene.expected**2  # as from gelu's 0.044715 in float32
    assert scene.diagnose(scene.correct * cubic)[0].startswith("consistent with float32 in")
    constant = float(np.float32(0.1)) / 0.1
    assert scene.diagnose(scene.correct * constant) == [
        "a factor of 1 + 1.5e-08, consistent with a float32 constant inside float64"
    ]
    assert Scene(0, (7, 5)).diagnose(scene.expected * cubic) == []


def attention() -> tuple[dict[str, Float], dict[str, Float], Case]:
    shapes = {"X": (6, 8), "W": (8, 8), "b": (8,)}
    graph = {"h": "X @ W + b", "y": "softmax(h) * h", "o": "sum(y * y + h)"}
    case = Case(
        "case",
        {name: InputSpec("normal", shape) for name, shape in shapes.items()},
        {name: Expression(text) for name, text in graph.items()},
        "o",
        ("X", "W", "b"),
        (),
    )
    rng = np.random.default_rng(0)
    inputs = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    tape = forward(build(case), inputs, FLOAT64)
    gradients = backward(build(case), tape, np.ones(()))
    parts = terms(build(case), tape, gradients)
    assert set(parts) == {"h", "y"}
    for name, found in parts.items():
        np.testing.assert_allclose(sum(found.values()), gradients[name], rtol=1e-14)
    return gradients, parts["h"], case


def test_a_path_through_the_graph_that_is_missing() -> None:
    gradients, parts, _ = attention()
    expected = gradients["h"]
    for name, part in parts.items():
        found = diagnose(Evidence(expected - part, expected, 1e-7, 8.0, terms=parts))
        assert found[0].text == f"the term through '{name}' is missing"


@pytest.mark.parametrize("words", ["TF32 matmuls", "bfloat16 matmuls"])
def test_matmuls_in_lower_precision(words: str) -> None:
    gradients, _, case = attention()
    rng = np.random.default_rng(0)
    inputs = {name: rng.standard_normal(spec.shape) for name, spec in case.inputs.items()}
    ways = lowered(build(case), inputs, np.ones(()))
    X, W, digits = inputs["X"], inputs["W"], {"TF32 matmuls": 11, "bfloat16 matmuls": 8}[words]
    h = rounded(X, digits) @ rounded(W, digits) + inputs["b"]
    np.testing.assert_allclose(ways[words]["h"], h, rtol=1e-12)
    variants = {way: tensors["h"] for way, tensors in ways.items()}
    evidence = Evidence(
        h * (1 + 1e-7 * rng.standard_normal(h.shape)),
        X @ W + inputs["b"],
        1e-7 * np.abs(X) @ np.abs(W),
        8.0,
        variants=variants,
    )
    assert [cause.text for cause in diagnose(evidence)] == [f"consistent with {words}"]
    assert gradients.keys() >= case.inputs.keys()


def test_a_graph_without_matrix_products_has_no_lower_precision_of_them() -> None:
    case = Case("c", {"X": InputSpec("normal", (3,))}, {"y": Expression("sum(X)")}, "y", ("X",), ())
    assert lowered(build(case), {"X": np.arange(3.0)}, np.ones(())) == {}


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
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
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
