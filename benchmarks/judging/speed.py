"""What tolerance auto costs: judging one backend against the reference's own time.

python -m benchmarks.judging.speed [--cache DIRECTORY]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.judging.__main__ import SEEDS
from benchmarks.judging.blocks import BLOCKS, block_case
from benchmarks.judging.recording import Run, runs
from gradcmp.case import Auto, BackendSpec, Case
from gradcmp.config import load
from gradcmp.graph import backward, forward
from gradcmp.graph.walk import constants_of
from gradcmp.judge import judge

ROUNDS = 5
BACKEND = BackendSpec("torch", "eager")
MIB = 2.0**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, help="where recordings are kept")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    cases = [block_case(name, SEEDS["report"][0], "float32", (BACKEND,)) for name in BLOCKS]
    ratios = []
    print("| case | reference, ms | auto, ms | ratio | auto's peak, MiB |")
    print("|---|---|---|---|---|")
    for run in runs([*cases, seed_case()], options.cache):
        plain, auto = (
            median_time(lambda run=run: reference(run)),
            median_time(lambda run=run: verdict(run)),
        )
        tracemalloc.start()
        verdict(run)
        peak = tracemalloc.get_traced_memory()[1] / MIB
        tracemalloc.stop()
        name = run.problem.case.name.split()[0]
        if name in BLOCKS:
            ratios.append(auto / plain)
        print(f"| {name} | {plain:.2f} | {auto:.1f} | {auto / plain:.1f} | {peak:.1f} |")
    print(f"\nmedian ratio of the blocks: {statistics.median(ratios):.1f}")


def seed_case() -> Case:
    """Return the case that the project began with."""
    (case,) = load(Path(__file__).parents[2] / "configs" / "seed.yaml")
    return replace(case, backends=(BACKEND,))


def reference(run: Run) -> None:
    """Compute the plain float64 reference, forward and backward."""
    problem = run.problem
    tape = forward(problem.graph, problem.inputs, constants_of(np.dtype(np.float64)))
    backward(problem.graph, tape, problem.cotangent)


def verdict(run: Run) -> None:
    """Judge everything, as `gradcmp run` does once all backends have answered."""
    case, reference = replace(run.problem.case, tolerance=Auto()), run.problem.reference
    judge(case, reference.backend, {reference.backend: reference, **run.recordings}, run.twins)


def median_time(work: Callable[[], None]) -> float:
    """Return the median of some rounds, in milliseconds of this process, after one to warm up.

    Of the process, not of the clock: other work on the machine then counts for less.
    """
    work()
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append(1e3 * (time.process_time() - start))
    return statistics.median(times)


if __name__ == "__main__":
    main()
