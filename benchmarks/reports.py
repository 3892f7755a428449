"""Reports of many comparisons: seconds, memory and size of JSON, JUnit and Markdown.

    python benchmarks/reports.py [COMPARISONS]

The verdicts are those of a small case of nine tensors, with all their arrays: seven backends or
three, and of the comparisons none, one in a hundred or every one disagrees. Seconds are those of
the one core that is used, so that what else the machine does counts for little. Memory is the peak
of what one report allocates, its text included, as tracemalloc counts it, in a run of its own.
"""

from __future__ import annotations

import statistics
import sys
import time
import tracemalloc
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from gradcmp.case import BackendSpec, Case, DTypeTable, Expression, InputSpec
from gradcmp.errors import Location
from gradcmp.judge import compare
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.recording import Recording
from gradcmp.report import report_named

COMPARISONS = 10_000
ROUNDS = 3
REPORTS = ("json", "junit", "markdown")
SEVEN = ("numpy", "tensorflow:eager", "tensorflow:graph", "tensorflow:session", "torch")
SEVEN += ("jax:eager", "jax:jit")
NODES = ("node1", "node2", "node3", "X", "Y", "Z")
SHAPE = (4, 3)


def verdicts(labels: Sequence[str], comparisons: int, every: int | None) -> list[CaseVerdict]:
    """Make verdicts in which each `every`-th comparison disagrees."""
    rng = np.random.default_rng(0)
    right = rng.standard_normal(SHAPE)
    near, wrong = (right * (1 + 1e-7)).astype(np.float32), -right.astype(np.float32)
    agree, disagree = (compare(one, right, DTypeTable()) for one in (near, wrong))
    arrays = dict.fromkeys(NODES, near)
    recordings = {
        label: Recording(label, "float32", arrays, arrays, {"numpy": "2"}, {"forward": 1e-3})
        for label in labels
    }
    tensors = (*NODES[:3], *(f"d {name}" for name in NODES))
    pairs = [Pair(actual, expected) for expected, actual in combinations(labels, 2)]
    found, number = [], 0
    for count in range(-(-comparisons // (len(pairs) * len(tensors)))):
        case = Case(
            f"case{count}",
            dict.fromkeys("XYZ", InputSpec("normal", SHAPE)),
            dict.fromkeys(NODES[:3], Expression("X * Y")),
            "node3",
            ("X", "Y", "Z"),
            tuple(map(BackendSpec, labels)),
            where=Location("configs/many.yaml", count + 1),
        )
        by: dict[Pair, dict[str, object]] = {}
        for pair in pairs:
            for name in tensors:
                number += 1
                fails = every is not None and number % every == 0
                by.setdefault(pair, {})[name] = disagree if fails else agree
        found.append(CaseVerdict(case, labels[0], recordings, by))
    return found


def seconds(name: str, given: Sequence[CaseVerdict]) -> float:
    start = time.process_time()
    report_named(name)(given)
    return time.process_time() - start


def peak(name: str, given: Sequence[CaseVerdict]) -> tuple[float, float]:
    """Return the peak and the size of the text in MB."""
    tracemalloc.start()
    text = report_named(name)(given)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1e6, len(text.encode()) / 1e6


def main() -> None:
    comparisons = int(sys.argv[1]) if len(sys.argv) > 1 else COMPARISONS
    print(f"{comparisons} comparisons, medians of {ROUNDS} rounds\n")
    print("| backends | disagree | " + " | ".join(REPORTS) + " | together | peak |")
    print("|---|---|" + "---|" * len(REPORTS) + "---|---|")
    for labels in (SEVEN, ("numpy", "tensorflow", "torch")):
        for word, every in (("none", None), ("1 in 100", 100), ("all", 1)):
            given = verdicts(labels, comparisons, every)
            taken = {
                name: statistics.median(seconds(name, given) for _ in range(ROUNDS))
                for name in REPORTS
            }
            sizes = {name: peak(name, given) for name in REPORTS}
            cells = " | ".join(f"{taken[n]:.2f} s, {sizes[n][1]:.1f} MB" for n in REPORTS)
            most = max(one for one, _ in sizes.values())
            total = sum(taken.values())
            print(
                f"| {len(labels)} | {word} | {cells} | {total:.2f} s | {most:.0f} MB |", flush=True
            )


if __name__ == "__main__":
    main()
