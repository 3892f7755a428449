"""TensorFlow's blocks held against torch, JAX and NumPy: false alarms, and planted bugs found.

``python -m benchmarks.native.tensorflow_pairs [dtype] [first seed] [seeds] [seeds with bugs]``. Each
right block is compared with its twin; an alarm is a tensor that disagrees. Each planted bug is
compared as well; one is missed where all agree, and below what the dtype can show where the float64
runs tell the two apart.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import torch

import gradcmp
from benchmarks.native.tensorflow_blocks import BLOCKS, Block


def compared(block: Block, bug: str | None, dtype: Any, seed: int) -> gradcmp.CaseVerdict:
    """Return the verdict on one block beside its twin."""
    functions = {"block": block.function(bug), "twin": block.twin}
    frameworks = {"block": "tensorflow", "twin": block.framework}
    inputs = dict(block.inputs(np.random.default_rng(seed)))
    return gradcmp.compare_functions(functions, inputs, framework=frameworks, dtype=dtype)


def reasons(verdict: gradcmp.CaseVerdict) -> str:
    """Return what the tensors were judged to be, and who failed."""
    every = {one.verdict.reason for by in verdict.comparisons.values() for one in by.values()}
    failed = [o.message for o in verdict.outcomes.values() if hasattr(o, "message")]
    return ", ".join([*sorted(every), *failed])


def main(dtype: str = "float32", first: int = 0, seeds: int = 3, bugged: int = 1) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    pairs = alarms = planted = found = 0
    for name, block in BLOCKS.items():
        for seed in range(first, first + seeds):
            verdict = compared(block, None, dtype, seed)
            if any(hasattr(one, "message") for one in verdict.outcomes.values()):
                print(f"{name:26s} {seed} cannot: {reasons(verdict)[:100]}", flush=True)
                continue
            pairs, alarms = pairs + 1, alarms + (not verdict.agrees)
            word = "ok" if verdict.agrees else "ALARM"
            print(f"{name:26s} {seed} {word}: {reasons(verdict)}", flush=True)
    for name, block in BLOCKS.items():
        for seed in range(first, first + bugged):
            for bug in block.bugs:
                verdict = compared(block, bug, dtype, seed)
                if any(hasattr(one, "message") for one in verdict.outcomes.values()):
                    continue
                planted, found = planted + 1, found + (not verdict.agrees)
                word = "missed" if verdict.agrees else "found"
                print(f"{name:26s} {seed} {bug}, {word}: {reasons(verdict)}", flush=True)
    print(f"{dtype}: {alarms} alarms on {pairs} right pairs; {found} of {planted} bugs found")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(*given[:1], *map(int, given[1:]))
