"""Cases on the edge: at a kink and one step beside it, tied together, NaN in one element."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gradcmp.case import BackendSpec, Case, DType, Expression, InputSpec
from gradcmp.dtypes import FORMATS
from gradcmp.ops import Array

Body = dict[str, str]
Edge = Callable[[np.random.Generator, float], tuple[dict[str, Array], Body]]

SHAPE = (6, 5)


def edge_case(name: str, seed: int, dtype: DType, backends: tuple[BackendSpec, ...]) -> Case:
    """Return one case on the edge; its numbers and its op are those of the seed."""
    u = FORMATS[dtype].u
    rng = np.random.default_rng([seed, list(EDGES).index(name)])
    drawn, body = EDGES[name](rng, 2 * u)
    if "out" not in body:
        drawn["w"] = rng.standard_normal((SHAPE[1], 3))
        body |= {"z": "tanh(h @ w * 0.3)", "out": "sum(z * z + z, axis=0)"}
    inputs = {
        key: InputSpec("values", parameters={"values": array}) for key, array in drawn.items()
    }
    graph = {key: Expression(text) for key, text in body.items()}
    return Case(
        f"{name} {seed}", inputs, graph, "out", tuple(inputs), backends, seed=seed, dtype=dtype
    )


def _at_kink(rng: np.random.Generator, step: float) -> tuple[dict[str, Array], Body]:
    """One element lies at the kink exactly, and one that is tied with another."""
    x, y = rng.standard_normal((2, *SHAPE)).round(4)
    at = _somewhere(rng)
    text, number = _pick(rng, {
        "relu(x) * y": 0.0, "abs(x) * y": 0.0, "maximum(x, 0.5) * y": 0.5,
        "clip(x, -1, 1) * y": 1.0, "maximum(x, y)": None, "minimum(x, y) * x": None,
    })  # fmt: skip
    x[at] = y[at] if number is None else number
    return {"x": x, "y": y}, {"h": text}


def _beside_kink(rng: np.random.Generator, step: float) -> tuple[dict[str, Array], Body]:
    """One element lies one step of the dtype beside the kink, to either side."""
    x, y = rng.standard_normal((2, *SHAPE))
    at = _somewhere(rng)
    off = 1 + rng.choice([-1, 1]) * step
    text, number = _pick(rng, {
        "relu(x + y)": "minus", "abs(x + y) * x": "minus", "maximum(x, y)": "same",
        "minimum(x, y) * x": "same", "clip(x, -1, 1) * y": "one",
        "relu(x * y - 0.25) * x": "product",
    })  # fmt: skip
    y[at] = _powerless(y[at])
    x[at] = {"minus": -y[at], "same": y[at], "one": 1.0, "product": 0.25 / y[at]}[number] * off
    return {"x": x, "y": y}, {"h": text}


def _behind_product(rng: np.random.Generator, step: float) -> tuple[dict[str, Array], Body]:
    """A sum that nearly cancels, before a kink: rounding alone decides on the branch."""
    x, a = rng.standard_normal((6, 4)), rng.standard_normal((4, SHAPE[1]))
    i, j = _somewhere(rng)
    x[i, 0] = -(x[i, 1:] @ a[1:, j]) / a[0, j]
    text = str(rng.choice(["relu(x @ a)", "abs(x @ a)", "maximum(x @ a, 0) * 2"]))
    return {"x": x, "a": a}, {"h": text}


def _coupled(rng: np.random.Generator, step: float) -> tuple[dict[str, Array], Body]:
    """Several elements are tied: with their like in another tensor, or among themselves."""
    x, y = rng.standard_normal((2, *SHAPE)).round(2)
    text = str(rng.choice([
        "maximum(x, y)", "minimum(x, y) + maximum(x, y * 2)", "max(x, axis=1, keepdims=True) * y",
        "min(x, axis=0, keepdims=True) + y", "maximum(max(x, axis=1, keepdims=True), y)",
        "relu(maximum(x, y))",
    ]))  # fmt: skip
    for _ in range(int(rng.integers(1, 4))):
        i, j = _somewhere(rng)
        y[i, j] = x[i, j]
    row, column = _somewhere(rng)
    x[row, :2] = x[row].max() + 0.25  # the largest of its row, twice
    x[:2, column] = min(x.min(), -3.0)  # the smallest of its column
    y[row, 0] = x[row, 0]
    return {"x": x, "y": y}, {"h": text}


def _nan(rng: np.random.Generator, step: float) -> tuple[dict[str, Array], Body]:
    """One element is outside of the domain, on all sides alike: the others are judged as ever."""
    x, y = rng.standard_normal((2, *SHAPE))
    x = np.abs(x) + 0.1
    x[_somewhere(rng)] *= -1
    text = str(rng.choice(["sqrt(x)", "log(x)", "x ** 1.5", "rsqrt(x)"]))
    return {"x": x, "y": y}, {"h": f"{text} * y", "out": "h * x + y"}


def _somewhere(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(SHAPE[0])), int(rng.integers(SHAPE[1]))


def _pick(rng: np.random.Generator, table: Mapping[str, object]) -> tuple[str, object]:
    text = str(rng.choice(list(table)))
    return text, table[text]


def _powerless(y: float) -> float:
    """Keep clear of powers of two, below which a step is half as large."""
    return float(np.copysign(1.25, y))


EDGES: Mapping[str, Edge] = {
    "at_a_kink": _at_kink,
    "a_step_beside_a_kink": _beside_kink,
    "a_kink_behind_a_product": _behind_product,
    "coupled_ties": _coupled,
    "nan_on_both_sides": _nan,
}
