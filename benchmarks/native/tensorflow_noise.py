"""The noise in TensorFlow's stream of operations beside the errors that TensorFlow makes, its cost.

``python -m benchmarks.native.tensorflow_noise [dtype] [first seed] [number of seeds]``: the columns
of `torch_noise`.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from benchmarks.native.measuring import HEADER, Measured, measure, row, summary
from benchmarks.native.tensorflow_blocks import BLOCKS, Block
from gradcmp.dtypes.arrays import numpy_dtype
from gradcmp.native.tensorflow.engine import TensorFlowSide, prepare
from gradcmp.native.tensorflow.run import is_real


def side_of(block: Block, dtype: str, seed: int) -> TensorFlowSide:
    """Return a block whose inputs and cotangents the dtype holds."""

    def held(array: Any) -> Any:
        array = np.asarray(array)
        return array.astype(numpy_dtype(dtype)).astype(np.float64) if is_real(array) else array

    rng = np.random.default_rng(seed)
    inputs = {name: held(array) for name, array in block.inputs(rng).items()}

    def cotangent(name: str, shape: tuple[int, ...]) -> Any:
        drawn = np.random.default_rng([7, len(name)]).normal(size=shape)
        return held(drawn) if shape else 1.0

    return prepare(block.function(None), inputs, cotangents=cotangent)


def main(dtype: str = "float32", first: int = 0, seeds: int = 3, part: str = "") -> None:
    every: list[Measured] = []
    print(HEADER)
    for name, block in BLOCKS.items():
        if part not in name:
            continue
        found = [measure(side_of(block, dtype, first + i), dtype) for i in range(seeds)]
        every += found
        print(row(name, found), flush=True)
    print(summary(every))


if __name__ == "__main__":
    given = sys.argv[1:]
    main(*given[:1], *map(int, given[1:3]), *given[3:])
