"""Does the judge tell rounding from bugs in functions of users? False alarms, and what is found.

``python -m benchmarks.native [--seeds 5] [--dtypes float32 bfloat16] [--skip 900]``. The kernels of
`benchmarks/native/kernels` beside their eager code, and functions that are written twice: torch
beside torch, JAX and NumPy. Seeds from 900 on are for reports: nothing was tuned on them.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from benchmarks.native.kernels import KERNELS
from benchmarks.native.mutants import SMALL, STRUCTURAL, Mutant, of_twins, without_float64
from benchmarks.native.trial import FOUND, REASONS, is_live, reason
from benchmarks.native.twins import TWINS

WAYS = ("with float64", "without float64", "in one dtype alone")
Counts = Counter[tuple[str, ...]]


def correct_pairs(dtype: str, seeds: range) -> Iterator[tuple[str, str]]:
    """Return by whom each pair of functions is written, and the worst that is said of it."""
    for seed in seeds:
        for kernel in KERNELS.values():
            found = reason(
                kernel.eager, kernel.fused.apply, kernel.inputs, dtype, seed=seed, **kernel.options
            )
            yield "kernels: torch – torch", found
        for twins in TWINS.values():
            inputs = twins.inputs(np.random.default_rng(seed))
            for framework, other in twins.others.items():
                found = reason(twins.first, other, inputs, dtype, framework, seed=seed)
                yield f"twins: {framework} – torch", found


def planted(dtype: str, seed: int) -> Iterator[tuple[str, str, str]]:
    """Return of each live mutant its kind, how it is asked for, and the worst that is said."""
    for kernel in KERNELS.values():
        for bug in kernel.bugs.values():
            if bug.contiguous or dtype not in bug.dtypes:
                continue
            in_float64 = not bug.function.__self__.__name__.startswith("right_in_float64")
            ways = (
                ways_of(kernel.fused.apply, bug.function) if in_float64 else {WAYS[2]: bug.function}
            )
            for way, function in ways.items():
                said = reason(
                    kernel.eager, function, kernel.inputs, dtype, seed=seed, **kernel.options
                )
                yield "planted in kernels", way, said
    for twins in TWINS.values():
        inputs = twins.inputs(np.random.default_rng(seed))
        for group, changes in (("structural", STRUCTURAL), ("", SMALL)):
            for mutant in of_twins(twins, changes, alone=False):
                if not is_live(twins.first, mutant.function, inputs):
                    continue
                (only,) = of_twins(twins, {mutant.kind: changes[mutant.kind]}, alone=True)
                for way, one in three_ways(mutant, only).items():
                    yield (
                        group or mutant.kind,
                        way,
                        reason(twins.first, one, inputs, dtype, seed=seed),
                    )


def three_ways(mutant: Mutant, alone: Mutant) -> dict[str, Callable[..., Any]]:
    return {
        WAYS[0]: mutant.function,
        WAYS[1]: without_float64(mutant.function),
        WAYS[2]: alone.function,
    }


def ways_of(right: Callable[..., Any], wrong: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Return a wrong kernel: as it is, without a float64 run, and right in float64."""

    def alone(*args: Any) -> Any:
        fine = any(one.dtype == torch.float64 for one in args)
        return (right if fine else wrong)(*args)

    return {WAYS[0]: wrong, WAYS[1]: without_float64(wrong), WAYS[2]: alone}


def print_pairs(counts: Counts) -> None:
    shown = [one for one in (*REASONS, "failed") if any(key[2] == one for key in counts)]
    print(f"\n| correct pairs | dtype | pairs | {' | '.join(shown)} |")
    print(f"|---|---|---|{'---|' * len(shown)}")
    for who, dtype in dict.fromkeys(key[:2] for key in counts):
        numbers = [counts[who, dtype, one] for one in shown]
        print(f"| {who} | {dtype} | {sum(numbers)} | {' | '.join(map(str, numbers))} |")


def print_mutants(counts: Counts) -> None:
    print(f"\n| mutants | dtype | {' | '.join(WAYS)} |")
    print(f"|---|---|{'---|' * len(WAYS)}")
    for kind, dtype in dict.fromkeys(key[:2] for key in counts):
        cells = [
            share({k[3]: n for k, n in counts.items() if k[:3] == (kind, dtype, way)})
            for way in WAYS
        ]
        print(f"| {kind} | {dtype} | {' | '.join(cells)} |")


def share(counts: Mapping[str, int]) -> str:
    """Return how many were found, how many of them surely, and what was said of the others."""
    total, found = sum(counts.values()), sum(counts.get(one, 0) for one in FOUND)
    if not total:
        return "–"
    missed = ", ".join(f"{n} {one}" for one, n in counts.items() if one not in FOUND)
    suspect = counts.get("suspect", 0)
    words = [f"{found} of {total}", f"{suspect} suspect" if suspect else "", missed]
    return "; ".join(word for word in words if word)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="of each correct pair")
    parser.add_argument("--mutant-seeds", type=int, default=1)
    parser.add_argument(
        "--skip", type=int, default=0, help="the first seed; 900 and on for reports"
    )
    parser.add_argument("--minutes", type=float, default=np.inf, help="for the mutants of a dtype")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    given = parser.parse_args()
    torch.set_num_threads(1)
    pairs: Counts = Counter()
    for dtype in given.dtypes:
        for who, said in correct_pairs(dtype, range(given.skip, given.skip + given.seeds)):
            pairs[who, dtype, said] += 1
    if pairs:
        print_pairs(pairs)
    mutants: Counts = Counter()
    for dtype in given.dtypes:
        end = time.monotonic() + 60 * given.minutes
        for seed in range(given.skip, given.skip + given.mutant_seeds):
            for kind, way, said in planted(dtype, seed):
                mutants[kind, dtype, way, said] += 1
                if time.monotonic() > end:
                    print(f"\n{dtype}: the time was up at seed {seed}, after some of its mutants")
                    break
    print_mutants(mutants)


if __name__ == "__main__":
    main()
