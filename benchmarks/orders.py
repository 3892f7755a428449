"""Orders beyond the gradient: false alarms of correct graphs, and planted errors that are found.

    python -m benchmarks.orders [--seeds 10] [--planted 2] [--kinds mlp,gmm] [--derivatives hvp]

Correct graphs run in float32 by NumPy, torch and JAX, each in its own way to forward mode, H v,
Jacobians and Hessians; every pair of sides that disagrees is an alarm. Then errors are planted into
the derivative of one side: in both dtypes, as a wrong formula is, and in float32 alone, as a wrong
kernel is.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np

from gradcmp.api import run_plan
from gradcmp.case import BackendSpec, Case, Expression, InputSpec
from gradcmp.derivatives import Derivative, is_derived
from gradcmp.judge import CaseVerdict, Pair
from gradcmp.judge.case import GraphBody, compared
from gradcmp.plan import Plan, check
from gradcmp.recording import Array, Outcome, Recording
from gradcmp.workers import Pool

SPOILED = "torch"
SIDES = (BackendSpec("numpy", dtype="float32"), BackendSpec("torch"), BackendSpec("jax"))
DERIVATIVES: tuple[Derivative, ...] = ("jvp", "hvp", "jacobian", "hessian")
FIRST_SEED = 500_000  # of no other measurement

Body = dict[str, str]
LSTM = {
    "z": "x @ w + h @ u + b",
    "cell": "sigmoid(z[:, 4:8]) * c + sigmoid(z[:, :4]) * tanh(z[:, 8:12])",
    "y": "sigmoid(z[:, 12:]) * tanh(cell)",
}
# By kind: the inputs, the graph, and what it is differentiated by.
KINDS: Mapping[str, tuple[dict[str, str], Body, tuple[str, ...]]] = {
    "mlp": (
        {"x": "normal:6x5", "w": "normal:5x4:std=0.5", "v": "normal:4x3:std=0.5",
         "t": "integers:6:high=3"},
        {"y": "cross_entropy(tanh(x @ w) @ v, t)"},
        ("w", "v"),
    ),
    "rectified": (
        {"x": "normal:6x5", "w": "normal:5x4:std=0.5", "v": "normal:4x3:std=0.5"},
        {"y": "mean((relu(x @ w) @ v)**2)"},
        ("w", "v"),
    ),
    "layer_norm": (
        {"x": "normal:4x6", "g": "normal:6", "b": "normal:6"},
        {"y": "layer_norm(x, g, b)"},
        ("x", "g"),
    ),
    "rms_norm": (
        {"x": "normal:4x6", "g": "normal:6"},
        {"y": "gelu(rms_norm(x, g))"},
        ("x", "g"),
    ),
    "attention": (
        {name: "normal:1x2x4x3" for name in "qkv"},
        {"y": "scaled_dot_product_attention(q, k, v, causal=True)"},
        ("q", "k"),
    ),
    "softmax": (
        {"x": "normal:4x6:std=3"},
        {"y": "softmax(x) * log_softmax(x)"},
        ("x",),
    ),
    "lstm": (
        {"x": "normal:3x2", "h": "normal:3x4", "c": "normal:3x4", "w": "normal:2x16:std=0.5",
         "u": "normal:4x16:std=0.5", "b": "normal:16:std=0.1"},
        LSTM,
        ("h", "c"),
    ),
    "convolution": (
        {"x": "normal:2x2x5x5", "k": "normal:2x2x3x3:std=0.3"},
        {"y": "avg_pool(softplus(conv2d(x, k, padding=1)), 2)"},
        ("k",),
    ),
    "gmm": (
        {"x": "normal:8x3", "means": "normal:4x3", "logs": "normal:4x3:std=0.3", "a": "normal:4"},
        {
            "d": "(expand_dims(x, 1) - means) * exp(logs)",
            "y": "sum(logsumexp(a + sum(logs, axis=1) - 0.5 * sum(d * d, axis=2), axis=1))",
        },
        ("means", "logs"),
    ),
    "cholesky": (
        {"a": "normal:4x4", "e": "uniform:4:low=2,high=3", "r": "normal:4"},
        {"s": "a @ a.T + diag(e)", "y": "sum(log(diagonal(cholesky(s)))) + sum(r * solve(s, r))"},
        ("a", "e"),
    ),
    "solve": (
        {"a": "normal:4x4:std=0.3", "e": "uniform:4:low=2,high=3", "b": "normal:4x2"},
        {"y": "solve(a + diag(e), b)"},
        ("a", "b"),
    ),
    "similarity": (
        {"x": "normal:5x6", "z": "normal:5x6"},
        {"y": "cosine_similarity(x, z, axis=1) * norm(x, axis=1)"},
        ("x", "z"),
    ),
    "product": (
        {"x": "uniform:4x5:low=0.5,high=1.5"},
        {"y": "cumulative_prod(x, axis=1) / (1 + prod(x, axis=0))"},
        ("x",),
    ),
    "cancellation": (
        {"x": "normal:4x16:mean=30"},
        {"y": "log(mean(x * x, axis=1) - mean(x, axis=1)**2 + 0.1)"},
        ("x",),
    ),
    "special": (
        {"x": "uniform:4x5:low=0.5,high=3", "z": "uniform:4x5:low=0.5,high=2"},
        {"y": "lgamma(x) * erf(z) + x ** z + atan2(x, z)"},
        ("x", "z"),
    ),
}  # fmt: skip


def _one_element(x: Array) -> Array:
    """Return an array whose largest element is off by one part in a hundred."""
    spoiled = x.copy()
    spoiled.flat[np.argmax(np.abs(x))] *= 1.01
    return spoiled


SPOILS: Mapping[str, Callable[[Array], Array]] = {
    "sign": np.negative,
    "zero": np.zeros_like,
    "moved by one": lambda x: np.roll(x, 1, axis=-1 if x.ndim else None),
    "factor 1.01": lambda x: (x * 1.01).astype(x.dtype),
    "factor 1.001": lambda x: (x * 1.001).astype(x.dtype),
    "one element 1e-2": _one_element,
}


@dataclass
class Found:
    """What was counted: of one derivative, or of one kind of graph.

    Attributes
    ----------
    pairs, alarms : int
        Pairs of sides of correct graphs, and those that disagree.
    bugs : int
        Alarms that are said to be a bug: without doubt, as the judge has it.
    planted, formula, kernel : Counter
        Errors by how they spoil: all, found where both dtypes have them, found where float32 alone.
    """

    pairs: int = 0
    alarms: int = 0
    bugs: int = 0
    planted: Counter[str] = field(default_factory=Counter)
    formula: Counter[str] = field(default_factory=Counter)
    kernel: Counter[str] = field(default_factory=Counter)

    def add(self, other: Found) -> None:
        """Add what was counted elsewhere."""
        self.pairs += other.pairs
        self.alarms += other.alarms
        self.bugs += other.bugs
        for mine, theirs in ((self.planted, other.planted), (self.formula, other.formula),
                             (self.kernel, other.kernel)):  # fmt: skip
            mine.update(theirs)


def case_of(kind: str, derivative: Derivative, seed: int) -> Case:
    """Return one correct graph with the inputs of a seed."""
    from gradcmp.config import parse_input

    inputs, body, wrt = KINDS[kind]
    specs: dict[str, InputSpec] = {name: parse_input(name, text) for name, text in inputs.items()}
    graph = {name: Expression(text) for name, text in body.items()}
    output = [*body][-1]
    name = f"{kind} {derivative} {seed}"
    return Case(name, specs, graph, output, wrt, SIDES, seed=seed, derivative=derivative)


def measured(plan: Plan, pool: Pool, planting: bool) -> Found:
    """Run a correct graph, then, where that is asked for, plant errors into what it gave."""
    verdict = run_plan(plan, pool)
    if missing := [one for one in verdict.outcomes.values() if not isinstance(one, Recording)]:
        raise RuntimeError(f"{plan.case.name}: {missing}")
    found = Found()
    for pair, by in verdict.comparisons.items():
        wrong = {name: one for name, one in by.items() if not one.agrees}
        found.pairs += 1
        found.alarms += bool(wrong)
        found.bugs += any(one.verdict.reason == "bug" for one in wrong.values())
        for name, one in wrong.items():
            print(f"alarm: {plan.case.name}: {pair.actual} {name} {one.verdict.reason}")
    if planting and not found.alarms:
        _plant(plan, verdict, found)
    return found


def _plant(plan: Plan, verdict: CaseVerdict, found: Found) -> None:
    """Spoil each derivative of one side in every way that changes it."""
    right, twin = verdict.outcomes[SPOILED], verdict.twins[SPOILED]
    assert isinstance(right, Recording)
    assert isinstance(twin, Recording)
    for name in filter(is_derived, right.values):
        for how, spoil in SPOILS.items():
            wrong, wrong_twin = _spoiled(right, name, spoil), _spoiled(twin, name, spoil)
            if _unchanged(right.values[name], wrong.values[name]):
                continue
            found.planted[how] += 1
            found.formula[how] += _is_found(plan, verdict, wrong, wrong_twin)
            found.kernel[how] += _is_found(plan, verdict, wrong, twin)


def _spoiled(side: Recording, name: str, spoil: Callable[[Array], Array]) -> Recording:
    return replace(side, values={**side.values, name: spoil(side.values[name])})


def _unchanged(right: Array, wrong: Array) -> bool:
    """Whether an error is none: below a hundred roundings of the largest element."""
    size = float(np.max(np.abs(right), initial=0.0))
    return float(np.max(np.abs(right - wrong), initial=0.0)) <= 100 * 2.0**-24 * size


def _is_found(plan: Plan, verdict: CaseVerdict, wrong: Recording, twin: Recording) -> bool:
    outcomes: dict[str, Outcome] = {**verdict.outcomes, SPOILED: wrong}
    twins: dict[str, Outcome] = {**verdict.twins, SPOILED: twin}
    body = GraphBody(plan.graph, derivative=plan.case.derivative, wrt=plan.case.wrt)
    pair = Pair(SPOILED, verdict.reference)
    by = compared(plan.case, body, verdict.reference, outcomes, twins, [pair])[pair]
    return not all(one.agrees for one in by.values())


def rows(found: Mapping[str, Found]) -> Iterator[str]:
    """Yield the lines of two tables: alarms by derivative or kind, and planted errors."""
    yield "| | pairs | alarms | said to be bugs | planted | found | found in float32 alone |"
    yield "|---|---|---|---|---|---|---|"
    for name, one in found.items():
        planted = one.planted.total()
        yield (
            f"| {name} | {one.pairs} | {one.alarms} | {one.bugs} | {planted} | "
            f"{_share(one.formula.total(), planted)} | {_share(one.kernel.total(), planted)} |"
        )
    whole = Found()
    for one in found.values():
        whole.add(one)
    yield from ("", "| planted | errors | found | found in float32 alone |", "|---|---|---|---|")
    for how, planted in whole.planted.items():
        formula, kernel = whole.formula[how], whole.kernel[how]
        yield f"| {how} | {planted} | {_share(formula, planted)} | {_share(kernel, planted)} |"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.4f}" if whole else "–"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--planted", type=int, default=2, help="seeds with planted errors")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--derivatives", default=",".join(DERIVATIVES))
    given = parser.parse_args()
    by_derivative: dict[str, Found] = {}
    by_kind: dict[str, Found] = {}
    begun = time.perf_counter()
    asked = product(given.kinds.split(","), given.derivatives.split(","), range(given.seeds))
    try:
        with Pool() as pool:
            for kind, derivative, i in asked:
                plan = check(case_of(kind, derivative, FIRST_SEED + i))
                pool.start(plan.environments)
                one = measured(plan, pool, i < given.planted)
                by_derivative.setdefault(derivative, Found()).add(one)
                by_kind.setdefault(kind, Found()).add(one)
                print(f"{time.perf_counter() - begun:.0f} s: {plan.case.name}", flush=True)
    finally:  # what was counted when it is interrupted
        print("", *rows(by_derivative), "", *rows(by_kind), sep="\n")


if __name__ == "__main__":
    main()
