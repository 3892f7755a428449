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

from benchmarks.order_kinds import DERIVATIVES, FIRST_SEED, KINDS, KNOWN, SPOILED, case_of
from gradcmp.api import run_plan
from gradcmp.derivatives import is_derived
from gradcmp.judge import CaseVerdict, Pair
from gradcmp.judge.asked import compared
from gradcmp.judge.diagnose.body import GraphBody
from gradcmp.plan import Plan, check
from gradcmp.recording import Array, Recording
from gradcmp.workers import Pool


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
    known : int
        Pairs that disagree in a tensor of `KNOWN` alone, which are no alarms.
    planted, formula, kernel : Counter
        Errors by how they spoil: all, found where both dtypes have them, found where float32 alone.
    """

    pairs: int = 0
    alarms: int = 0
    bugs: int = 0
    known: int = 0
    planted: Counter[str] = field(default_factory=Counter)
    formula: Counter[str] = field(default_factory=Counter)
    kernel: Counter[str] = field(default_factory=Counter)

    def add(self, other: Found) -> None:
        """Add what was counted elsewhere."""
        self.pairs += other.pairs
        self.alarms += other.alarms
        self.bugs += other.bugs
        self.known += other.known
        self.planted.update(other.planted)
        self.formula.update(other.formula)
        self.kernel.update(other.kernel)


def measured(plan: Plan, pool: Pool, planting: bool, known: str) -> Found:
    """Run a correct graph, then, where that is asked for, plant errors into what it gave."""
    verdict = run_plan(plan, pool)
    if missing := [one for one in verdict.outcomes.values() if not isinstance(one, Recording)]:
        raise RuntimeError(f"{plan.case.name}: {missing}")
    found = Found()
    for pair, by in verdict.comparisons.items():
        wrong = {name: one for name, one in by.items() if not one.agrees}
        found.pairs += 1
        if wrong.keys() == {known}:
            found.known += 1
            continue
        found.alarms += bool(wrong)
        found.bugs += any(one.verdict.reason == "bug" for one in wrong.values())
        for name, one in wrong.items():
            print(f"alarm: {plan.case.name}: {pair.actual} {name} {one.verdict.reason}")
    if planting and not found.alarms and not found.known:
        _plant(plan, verdict, found)
    return found


def _plant(plan: Plan, verdict: CaseVerdict, found: Found) -> None:
    """Spoil each derivative of one side in every way that changes it.

    All of them are judged at once, so that the noise of the graph is found once.
    """
    right, twin = verdict.outcomes[SPOILED], verdict.twins[SPOILED]
    assert isinstance(right, Recording)
    assert isinstance(twin, Recording)
    outcomes, twins, planted = dict(verdict.outcomes), dict(verdict.twins), {}
    for name, (how, spoil) in product(filter(is_derived, right.values), SPOILS.items()):
        wrong, wrong_twin = _spoiled(right, name, spoil), _spoiled(twin, name, spoil)
        if _unchanged(right.values[name], wrong.values[name]):
            continue
        found.planted[how] += 1
        for counter, fine in ((found.formula, wrong_twin), (found.kernel, twin)):
            label = f"planted {len(planted)}"
            outcomes[label], twins[label] = wrong, fine
            planted[Pair(label, verdict.reference)] = (counter, how)
    body = GraphBody(plan.graph, derivative=plan.case.derivative, wrt=plan.case.wrt)
    judged = compared(plan.case, body, verdict.reference, outcomes, twins, planted)
    for pair, (counter, how) in planted.items():
        counter[how] += not all(one.agrees for one in judged[pair].values())


def _spoiled(side: Recording, name: str, spoil: Callable[[Array], Array]) -> Recording:
    return replace(side, values={**side.values, name: spoil(side.values[name])})


def _unchanged(right: Array, wrong: Array) -> bool:
    """Whether an error is none: below a hundred roundings of the largest element."""
    size = float(np.max(np.abs(right), initial=0.0))
    return float(np.max(np.abs(right - wrong), initial=0.0)) <= 100 * 2.0**-24 * size


def rows(found: Mapping[str, Found]) -> Iterator[str]:
    """Yield the lines of a table of what was counted by derivative, or by kind."""
    yield "| | pairs | alarms | said to be bugs | known | planted | found | in float32 alone |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, one in found.items():
        planted = one.planted.total()
        yield (
            f"| {name} | {one.pairs} | {one.alarms} | {one.bugs} | {one.known} | {planted} | "
            f"{_share(one.formula.total(), planted)} | {_share(one.kernel.total(), planted)} |"
        )


def planted_rows(found: Mapping[str, Found]) -> Iterator[str]:
    """Yield the lines of a table of planted errors."""
    whole = Found()
    for one in found.values():
        whole.add(one)
    yield from ("| planted | errors | found | found in float32 alone |", "|---|---|---|---|")
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
                known = KNOWN.get((kind, derivative), "")
                one = measured(plan, pool, i < given.planted, known)
                by_derivative.setdefault(derivative, Found()).add(one)
                by_kind.setdefault(kind, Found()).add(one)
                print(f"{time.perf_counter() - begun:.0f} s: {plan.case.name}", flush=True)
    finally:  # what was counted when it is interrupted
        tables = (rows(by_derivative), rows(by_kind), planted_rows(by_kind))
        print(*(line for table in tables for line in ("", *table)), sep="\n")


if __name__ == "__main__":
    main()
