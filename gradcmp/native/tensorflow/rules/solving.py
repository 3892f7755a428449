"""Systems of linear equations.

A stable solver gives the exact answer of a system that is off by a rounding error, which its own
operations would not show: they cancel.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from gradcmp.native.outcome import Array
from gradcmp.native.tensorflow.rules.elementwise import jittered
from gradcmp.native.tensorflow.rules.rule import Context, Rule, numbers, table
from gradcmp.native.tensorflow.stream import Operation, Tensors, is_wide

SYMMETRIC = frozenset(("SelfAdjointEigV2", "Cholesky"))


def _nearby(context: Context, matrix: Array, symmetric: bool) -> Array:
    """Return the matrix with independent errors: ``u sqrt(n) / 2`` of the largest of each row."""
    largest = np.abs(matrix).max(-1, keepdims=True)
    size = context.rounding.model.precision.u * math.sqrt(matrix.shape[-1]) / 2
    error = context.rounding.scatter(matrix.shape) * largest * size
    if symmetric:
        error = np.tril(error) + np.swapaxes(np.tril(error, -1), -1, -2)
    near: Array = matrix + error
    return near


def _solved(context: Context, operation: Operation) -> Tensors:
    """What is solved, inverted or factored, of the matrix that stands first."""
    first, *rest = operation.inputs
    if not is_wide(first) or not numbers(first).size or context.rounding.is_exact:
        return operation.run()
    near = _nearby(context, numbers(first), operation.name in SYMMETRIC)
    return [jittered(context, one, 1.0) for one in operation.run([tf.constant(near), *rest])]


RULES: dict[str, Rule] = table(
    {
        "MatrixSolve MatrixTriangularSolve MatrixInverse Cholesky MatrixDeterminant "
        "LogMatrixDeterminant MatrixSolveLs SelfAdjointEigV2 Qr Svd Lu TridiagonalSolve "
        "BandedTriangularSolve": _solved,
    }
)
