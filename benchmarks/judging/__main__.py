"""Measures the judge on fresh graphs: false alarms and mutants found, beside its rivals.

python -m benchmarks.judging [--graphs 250] [--blocks 2] [--skip 0] [--cache DIRECTORY] [--small]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.judging.blocks import BLOCKS, HARD, block_case
from benchmarks.judging.edges import EDGES, edge_case
from benchmarks.judging.growing import random_case
from benchmarks.judging.measure import measure
from benchmarks.judging.recording import runs
from benchmarks.judging.results import Measured
from benchmarks.judging.table import anomalies, edge_lines, hard_lines, lines, rules
from gradcmp.case import BackendSpec, Case, DType

# Limits may be changed by what the first show; only the others are reported.
SEEDS = {"calibration": range(0, 300_000), "report": range(300_000, 400_000)}
DTYPES: tuple[DType, ...] = ("float32", "bfloat16")
BACKENDS = ("torch:eager", "tensorflow:eager", "jax:jit")
# Compiling a graph takes seconds, so these join one random graph in six, and every block.
COMPILED = ("jax:jit", "tensorflow:xla", "torch:compile")
SHARE = 6


def cases(
    seeds: range,
    graphs: int,
    blocks: int,
    dtypes: Sequence[DType],
    backends: Sequence[str],
    edges: int = 0,
) -> Iterator[Case]:
    """Return random graphs, each real block, and each case on the edge with several seeds."""
    specs = tuple(BackendSpec(*name.split(":")) for name in backends)
    quick = tuple(spec for spec in specs if str(spec) not in COMPILED)
    for i, seed in enumerate(seeds[:graphs]):
        for dtype in dtypes:
            yield random_case(seed, dtype, quick if i % SHARE and quick else specs)
    for seed in seeds[:blocks]:
        for name in (*BLOCKS, *HARD):
            for dtype in dtypes:
                yield block_case(name, seed, dtype, specs)
    for seed in seeds[:edges]:
        for name in EDGES:
            for dtype in dtypes:
                yield edge_case(name, seed, dtype, specs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graphs", type=int, default=250)
    parser.add_argument("--blocks", type=int, default=2, help="seeds for each real block")
    parser.add_argument("--edges", type=int, default=20, help="seeds for each case on the edge")
    parser.add_argument("--seeds", choices=SEEDS, default="report")
    parser.add_argument("--skip", type=int, default=0, help="seeds that are passed over")
    parser.add_argument("--backends", nargs="+", default=BACKENDS)
    parser.add_argument("--dtypes", nargs="+", default=DTYPES)
    parser.add_argument("--cache", type=Path, help="where recordings are kept")
    parser.add_argument("--small", action="store_true", help="8 graphs on torch, as in the tests")
    parser.add_argument("--verbose", action="store_true", help="name every alarm and every miss")
    options = parser.parse_args()
    if options.small:
        options.graphs, options.blocks, options.edges = 8, 0, 2
        options.backends = ("torch:eager",)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    start = time.perf_counter()
    found, hard, edge = ({dtype: Measured() for dtype in options.dtypes} for _ in range(3))
    seeds = SEEDS[options.seeds][options.skip :]
    chosen = cases(
        seeds, options.graphs, options.blocks, options.dtypes, options.backends, options.edges
    )
    for run in runs(chosen, options.cache):
        for failure in run.failures:
            print(f"{run.problem.case.name}: {failure.backend}: {failure.message}")
        block = run.problem.case.name.split()[0]
        kind = hard if block in HARD else edge if block in EDGES else found
        kind[run.problem.case.dtype].add(measure(run))
    for dtype, measured in found.items():
        print(f"\n## {dtype}, {options.seeds} seeds, {', '.join(options.backends)}\n")
        print("\n".join(lines(measured)))
        print("\n".join(hard_lines(hard[dtype])) + "\n")
        print("\n".join(edge_lines(edge[dtype])))
        if options.verbose:
            for one in (measured, hard[dtype], edge[dtype]):
                print("\n".join(anomalies(one)))
    if len(found) > 1:
        whole = Measured()
        for measured in found.values():
            whole.add(measured)
        print("\n## together\n")
        print("\n".join(rules(whole)))
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
