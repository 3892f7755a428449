"""The noise in TensorFlow's stream of operations beside the errors that TensorFlow makes, its cost.

``python -m benchmarks.native.tensorflow_noise [dtype] [first seed] [number of seeds]``: the columns
of `torch_noise`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.native.measuring import HEADER, Measured, measure, row, summary
from benchmarks.native.tensorflow_blocks import BLOCKS, Block
from gradcmp.dtypes.arrays import numpy_dtype
from gradcmp.native.tensorflow.engine import TensorFlowSide, prepare
from gradcmp.native.tensorflow.run import is_real


def held_inputs(block: Block, dtype: str, seed: int) -> dict[str, Any]:
    """Return the inputs of a block, rounded to what the dtype holds."""
    drawn = block.inputs(np.random.default_rng(seed))
    return {name: held(np.asarray(array), dtype) for name, array in drawn.items()}


def cotangent_of(dtype: str) -> Callable[[str, tuple[int, ...]], Any]:
    """Return what draws a cotangent that the dtype holds."""

    def cotangent(name: str, shape: tuple[int, ...]) -> Any:
        return held(np.random.default_rng(7).normal(size=shape), dtype) if shape else 1.0

    return cotangent


def held(array: Any, dtype: str) -> Any:
    return array.astype(numpy_dtype(dtype)).astype(np.float64) if is_real(array) else array


def side_of(block: Block, dtype: str, seed: int) -> TensorFlowSide:
    """Return a block whose inputs and cotangents the dtype holds."""
    inputs = held_inputs(block, dtype, seed)
    return prepare(block.function(None), inputs, cotangents=cotangent_of(dtype))


def main(dtype: str = "float32", first: int = 0, seeds: int = 3, part: str = "") -> None:
    every: list[Measured] = []
    print(HEADER)
    for name, block in BLOCKS.items():
        if part not in name:
            continue
        try:
            found = [measure(side_of(block, dtype, first + i), dtype) for i in range(seeds)]
        except tf.errors.InvalidArgumentError as error:  # it has no such kernel
            print(f"{name:26s} {str(error).partition(';')[0][:90]}")
            continue
        every += found
        print(row(name, found), flush=True)
    print(summary(every))


if __name__ == "__main__":
    given = sys.argv[1:]
    main(*given[:1], *map(int, given[1:3]), *given[3:])
