"""The noise of routines on whole matrices, which are backward stable.

What such a routine computes is the exact result for operands that lie within a few roundings,
relative to the norm of each matrix: LU with pivoting, Householder's QR, Cholesky, and the QR
iterations for eigenvalues and singular values (Higham 2002, Accuracy and Stability of Numerical
Algorithms, theorems 9.3, 10.3, 19.4). So each replica moves the operands by so much and computes
without error. How far that carries is the condition of the problem, which needs no formula.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcmp.judge.noise.model import FUNCTIONS, NoisyArray, Stack
from gradcmp.judge.noise.rules.layout import stack_of
from gradcmp.ops.routines import STABILITY, Routine, Stability, stably


def _stably(routine: Routine, *operands: Any) -> Any:
    """Compute with operands that are moved, and round what comes out."""
    model = next(one.model for one in operands if isinstance(one, NoisyArray))
    stability = STABILITY.get(routine, Stability())
    stacks = [stack_of(one, model) for one in operands]
    sizes = [_size(one) for one in stacks]
    if stability.together:
        sizes[0] = np.maximum.reduce(sizes)
    moved = [
        model.move(one, stability.operands * math.sqrt(max(one.shape[-2:])), size)
        for one, size in zip(stacks, sizes, strict=True)
    ]
    found = stably(routine, *moved)
    if isinstance(found, tuple):
        return tuple(model.jitter(one, stability.results) for one in found)
    return model.jitter(found, stability.results)


def _size(stack: Stack) -> Stack:
    """Return the root mean square of the elements of each matrix."""
    squares = np.sum(np.square(stack), axis=(-2, -1), keepdims=True)
    size: Stack = np.sqrt(squares / max(1, math.prod(stack.shape[-2:])))
    return size


FUNCTIONS.update({stably: _stably})
