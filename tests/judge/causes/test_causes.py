"""Causes: every kind of spoiled tensor is named so, and nothing is named that is not there."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import SHAPES, SPOILS, Scene

from gradcmp.case import Case, Expression, InputSpec
from gradcmp.graph import backward, build, forward
from gradcmp.judge.causes.diagnosis import diagnose
from gradcmp.judge.causes.emulation import FLOAT64, lowered, terms
from gradcmp.judge.causes.evidence import Evidence, Float


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


def test_what_is_left_of_large_numbers_is_no_lower_precision() -> None:
    """E[x²] − E[x]² near 300: multiples of 2⁻⁷, the last bit of 9·10⁴ in float32."""
    x = np.random.default_rng(0).normal(300, 1, (64, 64)).astype(np.float32)
    naive = np.asarray((x * x).mean(-1) - x.mean(-1) ** 2, np.float64)
    assert (naive * 2**7 == np.rint(naive * 2**7)).all()
    scene = Scene(0, naive.shape, "float32")
    evidence = Evidence(naive, x.astype(np.float64).var(-1), 1e-6, 8.0, "float32")
    assert [c.text for c in diagnose(evidence) if "every number" in c.text] == []
    small = rounded(scene.expected * 2.0**-9, 8)  # and where all are smaller than 1 it still is one
    evidence = Evidence(small, scene.expected * 2.0**-9, 1e-12, 8.0, "float32")
    assert [c.text for c in diagnose(evidence) if "bfloat16: every number" in c.text]


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
