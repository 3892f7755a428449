"""TensorFlow's blocks held against torch, JAX and NumPy: false alarms, and planted bugs found.

``python -m benchmarks.native.tensorflow_pairs [dtype] [first seed] [number of seeds]``. A block in
the dtype is compared with the float64 run of its twin by the noise of TensorFlow's stream alone, in
bfloat16 by the larger one of both: loud is r > 8 or p > 6 (4.5). No float64 run of the block itself
helps, as it does in a comparison by gradcmp, so this measures what noise is worth by itself.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from benchmarks.native.measuring import spans
from benchmarks.native.tensorflow_blocks import BLOCKS, Block
from benchmarks.native.tensorflow_noise import cotangent_of, held_inputs
from gradcmp.dtypes import FORMATS
from gradcmp.judge.auto.loudness import limits_of
from gradcmp.judge.noise.calibration import pool
from gradcmp.native.frameworks import engine
from gradcmp.native.outcome import Outcome
from gradcmp.native.side import attempted

REPLICAS = 16


def side_of(block: Block, framework: str, function: Any, dtype: str, seed: int) -> Any:
    inputs = held_inputs(block, dtype, seed)
    return engine(framework).prepare(function, inputs, cotangents=cotangent_of(dtype))


def scales(side: Any, dtype: str, names: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the noise of a side by tensor; nothing of one without a stream."""
    replicas = attempted(lambda: side.noisy(dtype, REPLICAS), ())
    if not replicas:
        return []
    base, roundings = side.clean(dtype).tensors, 1 + FORMATS[dtype].only_stores
    stacks = {n: np.stack([base[n], *(one.tensors[n] for one in replicas)]) for n in names}
    return [{n: pool(stack, FORMATS[dtype], roundings) for n, stack in stacks.items()}]


def loud(
    plain: Outcome, base: Mapping[str, Any], noise: list[dict[str, Any]], jumps: Any, dtype: Any
) -> tuple[float, float, bool]:
    """Return the largest r and p, and whether anything is loud."""
    limits, r, p = limits_of(dtype), 0.0, 0.0
    for name, expected in base.items():
        error = np.asarray(plain.tensors[name], np.float64) - expected
        jump = jumps.get(name, np.zeros_like(expected))
        s = np.max([one[name].s for one in noise], 0)
        beyond = np.maximum(np.abs(error) - jump, 0.0) / s
        r = max(r, float(np.max(np.where(np.isfinite(error), beyond, np.inf))))
        w = expected / s**2
        if np.any(w * expected) and not jump.any() and expected.size > 1:
            alpha = abs(np.sum(w * error) / np.sum(w * expected))
            p = max(p, float(alpha / max(one[name].coherent for one in noise)))
    return r, p, not (r <= limits.r and p <= limits.p)


def main(dtype: Any = "float32", first: int = 0, seeds: int = 3) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    pairs = alarms = planted = found = 0
    for name, block in BLOCKS.items():
        for seed in range(first, first + seeds):
            side = side_of(block, "tensorflow", block.function(None), dtype, seed)
            twin = side_of(block, block.framework, block.twin, dtype, seed)
            plain = attempted(lambda s=side: s.plain(dtype), None)
            if plain is None:
                continue  # TensorFlow has no such kernel
            common = side.clean(dtype).outputs.keys() | {f"d {n}" for n in side.wrt}
            base = {n: a for n, a in twin.clean(dtype).tensors.items() if n in common}
            noise = scales(side, dtype, base)
            if FORMATS[dtype].only_stores:
                noise += scales(twin, dtype, base)
            jumps = spans(side, dtype, side.clean(dtype))
            r, p, alarm = loud(plain, base, noise, jumps, dtype)
            missed, at_all = [], 0
            for bug in block.bugs:
                wrong = side_of(block, "tensorflow", block.function(bug), dtype, seed)
                at_all += 1
                if not loud(wrong.plain(dtype), base, noise, jumps, dtype)[2]:
                    missed.append(bug)
            pairs, alarms = pairs + 1, alarms + alarm
            planted, found = planted + at_all, found + at_all - len(missed)
            text = f"missed: {', '.join(missed)}" if missed else f"all {at_all} bugs found"
            alarmed = "ALARM " if alarm else ""
            print(f"{name:26s} {seed:3d} r {r:5.1f} p {p:4.1f} {alarmed}{text}", flush=True)
    print(f"{dtype}: {alarms} alarms on {pairs} right pairs; {found} of {planted} bugs found")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(*given[:1], *map(int, given[1:]))
