"""The noise in torch's stream of operations beside the errors that torch makes, and its cost.

``python -m benchmarks.native.torch_noise [dtype] [first seed] [number of seeds]``. Of each block:
noise over actual error (root mean squares of a tensor, the median), the largest error in units of
the noise (r, beyond what open branches explain) and of a common factor (p), and what runs cost in
plain ones in float64. CPU time of one thread.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from benchmarks.native.torch_blocks import Block, blocks
from gradcmp.dtypes import FORMATS
from gradcmp.dtypes.arrays import numpy_dtype
from gradcmp.judge.noise.calibration import pool
from gradcmp.native.outcome import Outcome
from gradcmp.native.torch.engine import Side, is_real, prepare

REPLICAS = 16
WAYS = 16


@dataclass(frozen=True)
class Measured:
    ratios: dict[str, float]  # noise over actual error
    r: dict[str, float]
    p: dict[str, float]
    near: int
    plain: float  # seconds
    clean: float  # in plain runs
    noisy: float


def side_of(block: Block, dtype: str) -> Side:
    """Return a block whose inputs, parameters and cotangents the dtype holds."""

    def held(array: Any) -> Any:
        return array.astype(numpy_dtype(dtype)).astype(np.float64) if is_real(array) else array

    given = {**prepare(block.function, block.inputs).parameters, **block.inputs}
    inputs = {name: held(np.asarray(array)) for name, array in given.items()}
    rng, cotangents = np.random.default_rng(7), {}
    for name, shape in prepare(block.function, inputs).shapes(dtype).items():
        cotangents[name] = held(rng.normal(size=shape)) if shape else 1.0
    return prepare(block.function, inputs, cotangents=cotangents, watched=False)


def measure(block: Block, dtype: str) -> Measured:
    side = side_of(block, dtype)
    plain, clean = side.plain(dtype), side.clean(dtype)
    seconds = timed(lambda: side.plain("float64"), 5)
    cleaned = timed(lambda: side.clean(dtype), 3)
    start = time.process_time()
    replicas = side.noisy(dtype, REPLICAS)
    noisy = time.process_time() - start
    jumps = spans(side, dtype, clean) if max(one.near for one in replicas) else {}
    ratios, r, p = {}, {}, {}
    for name, base in clean.tensors.items():
        stack = np.stack([base, *(one.tensors[name] for one in replicas)])
        scale = pool(stack, FORMATS[dtype], 1 + FORMATS[dtype].only_stores)
        error = np.asarray(plain.tensors[name], np.float64) - base
        jump = jumps.get(name, np.zeros_like(base))
        beyond = np.maximum(np.abs(error) - jump, 0.0)
        r[name] = float(np.max(beyond / scale.s))
        if jump.any():
            continue
        w = base / scale.s**2
        p[name] = float(abs(np.sum(w * error) / np.sum(w * base)) / scale.coherent)
        if rms(error):
            ratios[name] = rms(scale.s) / rms(error)
    return Measured(ratios, r, p, replicas[0].near, seconds, cleaned / seconds, noisy / seconds)


def spans(side: Side, dtype: str, clean: Outcome) -> dict[str, Any]:
    """Return how far each element moves when open branches are taken otherwise."""
    found: dict[str, Any] = {}
    for way in side.ways(dtype, WAYS):
        for name, base in clean.tensors.items():
            found[name] = np.maximum(found.get(name, 0.0), np.abs(way.tensors[name] - base))
    return {name: np.where(jump > 1e-12, jump, 0.0) for name, jump in found.items()}


def rms(array: Any) -> float:
    return float(np.sqrt(np.mean(np.square(array))))


def timed(run: Callable[[], Any], times: int) -> float:
    run()
    found = []
    for _ in range(times):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return min(found)


def main(dtype: str = "float32", first: int = 0, seeds: int = 3) -> None:
    torch.set_num_threads(1)
    every: list[Measured] = []
    print(f"{'block':26s} {'noise/error':>12s} {'r':>5s} {'p':>5s} near  plain ms  clean  16 noisy")
    for name in blocks(first):
        found = []
        for seed in range(first, first + seeds):
            block = replace(blocks(seed)[name])
            try:
                found.append(measure(block, dtype))
            except NotImplementedError as error:
                print(f"{name:26s} {error}")
        if not found:
            continue
        every += found
        ratios = [one for run in found for one in run.ratios.values()]
        print(
            f"{name:26s} {np.median(ratios):12.1f} {max(max(m.r.values()) for m in found):5.1f} "
            f"{max(max(m.p.values(), default=0) for m in found):5.1f} "
            f"{max(m.near for m in found):4d} {1e3 * np.median([m.plain for m in found]):9.1f} "
            f"{np.median([m.clean for m in found]):6.1f} {np.median([m.noisy for m in found]):9.0f}"
        )
    ratios = [one for run in every for one in run.ratios.values()]
    low, middle, high = np.percentile(ratios, [10, 50, 90])
    print(
        f"{len(ratios)} tensors: noise over error {low:.1f}, {middle:.1f}, {high:.1f} "
        f"(10, 50, 90 %), largest r {max(max(m.r.values()) for m in every):.1f}, largest p "
        f"{max(max(m.p.values(), default=0) for m in every):.1f}; 16 replicas cost "
        f"{np.median([m.noisy for m in every]):.0f} plain runs in the median"
    )


if __name__ == "__main__":
    given = sys.argv[1:]
    main(*given[:1], *map(int, given[1:]))
