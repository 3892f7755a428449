"""The noise in torch's stream of operations beside the errors that torch makes, and its cost.

``python -m benchmarks.native.torch_noise [dtype] [first seed] [number of seeds]``. Of each block:
noise over actual error (root mean squares of a tensor, the median), the largest error in units of
the noise (r, beyond what open branches explain) and of a common factor (p), and what runs cost in
plain ones in float64. CPU time of one thread.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchmarks.native.measuring import HEADER, Measured, measure, row, summary
from benchmarks.native.torch_blocks import Block, blocks
from gradcmp.dtypes.arrays import numpy_dtype
from gradcmp.native.torch.engine import Side, is_real, prepare


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


def main(dtype: str = "float32", first: int = 0, seeds: int = 3) -> None:
    torch.set_num_threads(1)
    every: list[Measured] = []
    print(HEADER)
    for name in blocks(first):
        found = []
        for seed in range(first, first + seeds):
            block = replace(blocks(seed)[name])
            try:
                found.append(measure(side_of(block, dtype), dtype))
            except NotImplementedError as error:
                print(f"{name:26s} {error}")
        if not found:
            continue
        every += found
        print(row(name, found))
    print(summary(every))


if __name__ == "__main__":
    given = sys.argv[1:]
    main(*given[:1], *map(int, given[1:]))
