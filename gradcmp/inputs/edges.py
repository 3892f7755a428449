"""Edge values: numbers at which functions that are right elsewhere go wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np

from gradcmp.case import DType
from gradcmp.ops import Array

LARGE = 2.0**10  # whose exponential is infinite, and whose square float16 does not hold
HALF = 2.0  # so many steps in a standard deviation: most elements have an equal one
# What makes numbers about 1 smaller than the smallest normal one.
SUBNORMAL: Mapping[DType, float] = {
    "float64": 2.0**-1026,
    "float32": 2.0**-128,
    "bfloat16": 2.0**-128,
    "float16": 2.0**-16,
}


def ties(x: Array, rng: np.random.Generator, dtypes: Collection[DType]) -> Array:
    """Return numbers of which many are equal."""
    size = float(np.sqrt(np.mean(np.square(x)))) if x.size else 1.0
    step = size / HALF or 1.0
    return np.round(x / step) * step


def large(x: Array, rng: np.random.Generator, dtypes: Collection[DType]) -> Array:
    """Return numbers that overflow where a maximum is not subtracted first."""
    return x * LARGE


def subnormal(x: Array, rng: np.random.Generator, dtypes: Collection[DType]) -> Array:
    """Return numbers below the smallest normal one of the coarsest dtype."""
    return x * max(SUBNORMAL[dtype] for dtype in dtypes)


def masked(x: Array, rng: np.random.Generator, dtypes: Collection[DType]) -> Array:
    """Return rows of which one in four is all -inf, and one in four is so in its second half."""
    rows = _rows(x.copy())
    rows[1::4, rows.shape[1] // 2 :] = -np.inf
    rows[3::4] = -np.inf
    return rows.reshape(x.shape)


def zero_rows(x: Array, rng: np.random.Generator, dtypes: Collection[DType]) -> Array:
    """Return rows of which one in two is zero, as padding is."""
    rows = _rows(x.copy())
    rows[1::2] = 0.0
    return rows.reshape(x.shape)


def unnormalized(x: Array, rng: np.random.Generator, dtypes: Collection[DType]) -> Array:
    """Return positive rows that sum to anything but 1."""
    rows = np.abs(_rows(x))
    sums = rows.sum(1, keepdims=True)
    rows = rows / np.where(sums == 0, 1.0, sums) * (0.5 + rng.random((len(rows), 1)) ** 2 * 2)
    return rows.reshape(x.shape)


def _rows(x: Array) -> Array:
    """Return the last axis as rows; numbers of a single row are a row each."""
    return x.reshape(-1, x.shape[-1]) if x.ndim > 1 and x.size else x.reshape(-1, 1)


EDGES: Mapping[str, Callable[[Array, np.random.Generator, Collection[DType]], Array]] = {
    edge.__name__: edge for edge in (ties, large, subnormal, masked, zero_rows, unnormalized)
}
