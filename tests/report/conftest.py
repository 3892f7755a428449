"""Verdicts built by hand: what the reports are shown."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
from rich.console import Console, RenderableType

from gradcmp.case import BackendSpec, Case, DTypeTable, Expression, InputSpec
from gradcmp.graph import build as build_graph
from gradcmp.judge.comparison import Comparison, Element, Measured, Statistics, Verdict
from gradcmp.judge.diagnose.divergence import divergences
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Array, Failure, Recording

SEVEN = (
    "numpy",
    "tensorflow:eager",
    "tensorflow:graph",
    "tensorflow:session",
    "torch",
    "jax:eager",
    "jax:jit",
)
NODES = ("node1", "node2", "node3")
TENSORS = (*NODES, "d node3", "d node2", "d node1", "d Z", "d Y", "d X")
RULE = "|a - e| <= 1e-06 + 1e-05 * |e|"
X = np.array([[0.5, -1.25, 2.0], [0.75, 3.5, -0.125]])

Wrong = Mapping[tuple[str, str, str], Comparison]  # (actual, expected, tensor)


def same(*, ulp: float = 0.0) -> Comparison:
    """Two arrays that agree, at most `ulp` apart."""
    difference = ulp * 2.0**-23
    worst = Element((0, 1), -1.25 + difference, -1.25, difference, difference / 1.25, ulp, 1.35e-5)
    reason = "rounding" if ulp else "exact"
    counted = Statistics(6, 0, 0, difference, difference, ulp)
    return Comparison(Verdict(True, reason), RULE, Measured(counted, worst))


def flipped() -> Comparison:
    """One of six elements has the wrong sign."""
    worst = Element((1, 1), -3.5, 3.5, 7.0, 2.0, 29360128.0, 3.6e-5)
    excess = np.zeros((2, 3))
    excess[1, 1] = worst.excess
    counted = Statistics(6, 0, 0, 7.0, 2.0, 29360128.0)
    return Comparison(Verdict(False, "tolerance"), RULE, Measured(counted, worst, excess), 1)


def poisoned() -> Comparison:
    """One of six elements is NaN on one side."""
    nan = float("nan")
    worst = Element((1, 1), nan, 3.5, nan, nan, nan, 3.6e-5)
    verdict = Verdict(False, "non-finite", "nan against 3.5")
    counted = Statistics(6, 0, 0, nan, nan, nan)
    return Comparison(verdict, RULE, Measured(counted, worst), 1)


def refused(reason: str, detail: str) -> Comparison:
    """Arrays that cannot be held together at all."""
    return Comparison(Verdict(False, reason, detail), RULE)  # type: ignore[arg-type]


def recording(label: str) -> Recording:
    """What a backend computed; the textbook's graph on a 2×3 X."""
    dtype = np.float64 if label == "numpy" else np.float32
    values: dict[str, Array] = {
        "X": X,
        "Y": np.ones((2, 3)),
        "Z": np.arange(1.0, 7.0).reshape(2, 3),
        "node1": X,
        "node2": X + np.arange(1.0, 7.0).reshape(2, 3),
        "node3": np.asarray(26.375),
    }
    gradients: dict[str, Array] = {
        **dict.fromkeys(("node2", "node1", "Z", "X"), np.ones((2, 3))),
        "node3": np.asarray(1.0),
        "Y": X,
    }
    return Recording(
        label,
        np.dtype(dtype).name,
        {name: array.astype(dtype) for name, array in values.items()},
        {name: array.astype(dtype) for name, array in gradients.items()},
        {"numpy": "2.4.6", "threads": "2"},
        {"forward": 0.001, "backward": 0.002},
    )


def build(
    labels: Sequence[str] = SEVEN,
    wrong: Wrong | None = None,
    failures: Sequence[Failure] = (),
    name: str = "seed",
    replace: Mapping[str, Recording] | None = None,
) -> CaseVerdict:
    """Build a verdict in which everything agrees but what is `wrong`."""
    wrong = wrong or {}
    shape = (2, 3)
    case = Case(
        name,
        {
            "X": InputSpec("normal", shape),
            "Y": InputSpec("ones", shape),
            "Z": InputSpec("arange", shape),
        },
        {
            "node1": Expression("X * Y"),
            "node2": Expression("node1 + Z"),
            "node3": Expression("sum(node2)"),
        },
        "node3",
        ("X", "Y", "Z"),
        tuple(BackendSpec(label) for label in labels),
        DTypeTable(),
        seed=7,
    )
    comparisons = {
        Pair(actual, expected): {
            tensor: wrong.get((actual, expected, tensor), same(ulp=0.5 * (tensor == "d Y")))
            for tensor in TENSORS
        }
        for expected, actual in itertools.combinations(labels, 2)
    }
    outcomes = {label: recording(label) for label in labels} | dict(replace or {})
    lost = {failure.backend: failure for failure in failures}
    first = {pair: divergences(build_graph(case), by) for pair, by in comparisons.items()}
    edges = build_graph(case).reads
    return CaseVerdict(
        case, "numpy", {**outcomes, **lost}, comparisons, divergences=first, edges=edges
    )


CRASH = Failure(
    "jax:jit",
    "crashed",
    "the worker was ended by signal 11 (SIGSEGV)",
    "noise\n\x1b[31mFatal Python error\x1b[0m: Segmentation fault\n",
)
ABSENT = Failure("jax", "absent", "backend 'jax' is not installed", required=False)
ALL_PAIRS_OF_TORCH: Wrong = {
    (actual, expected, "d Y"): flipped()
    for expected, actual in itertools.combinations(SEVEN, 2)
    if "torch" in (actual, expected)
}


def all_verdicts() -> dict[str, CaseVerdict]:
    """Every kind of verdict that a report may meet."""
    torch = ("torch", "numpy")
    long = "tensorflow:session,dtype=float32,device=cuda:0,python=/opt/environments/bin/python3.11"
    return {
        "agree": build(),
        "three": build(("numpy", "tensorflow:eager", "torch")),
        "disagree": build(wrong=ALL_PAIRS_OF_TORCH),
        "hidden": build(wrong={("jax:jit", "torch", "d Y"): flipped()}),
        "nan": build(wrong={(*torch, "d Y"): poisoned()}),
        "missing": build(wrong={(*torch, "d Y"): refused("missing", "torch has no 'd Y'")}),
        "shape": build(wrong={(*torch, "d Y"): refused("shape", "(3,) against (2, 3)")}),
        "everything": build(
            wrong={(*torch, tensor): flipped() for tensor in TENSORS}
            | {("jax:jit", "torch", tensor): poisoned() for tensor in TENSORS}
        ),
        "crashed": build(SEVEN[:-1], failures=[CRASH]),
        "absent": build(SEVEN[:-2], failures=[ABSENT]),
        "disagrees and crashed": build(SEVEN[:-1], {(*torch, "d Y"): flipped()}, failures=[CRASH]),
        "nothing": build(("numpy",)),
        "nobody": build((), failures=[CRASH]),
        "hostile": build(
            ("numpy", "torch"),
            failures=[
                Failure("evil\x1b[2J", "error", "[red]\x1b]0;title\x07\x9b31m", "[/]\r\x1b[1A")
            ],
            name="[red]no markup[/red] \x1b[31m\u202e",
        ),
        "long": build(
            ("numpy", long, "torch"), {(long, "numpy", "d Y"): flipped()}, name="n" * 200
        ),
        "wide": build(("numpy", "勾配の" * 12), name="勾配" * 50),
    }


def render(
    renderable: RenderableType,
    width: int = 80,
    *,
    color: bool = False,
    encoding: str = "utf-8",
) -> str:
    """Render as a pipe, or as a terminal with colours, of this width and encoding."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    console = Console(
        file=file,
        width=width,
        force_terminal=color,
        color_system="truecolor" if color else None,
        _environ={},
    )
    console.print(renderable)
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.fixture(params=all_verdicts().values(), ids=list(all_verdicts()))
def verdict(request: pytest.FixtureRequest) -> CaseVerdict:
    """Each kind of verdict in turn."""
    found: CaseVerdict = request.param
    return found


@pytest.fixture
def verdicts() -> dict[str, CaseVerdict]:
    """All kinds of verdict by name."""
    return all_verdicts()


@pytest.fixture
def show() -> Callable[..., str]:
    """Render what a report gives as text."""
    return render


@pytest.fixture
def make() -> Callable[..., CaseVerdict]:
    """Build a verdict of one's own."""
    return build


@pytest.fixture
def flip() -> Callable[[], Comparison]:
    """A comparison in which one of six elements has the wrong sign."""
    return flipped
