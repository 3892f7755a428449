"""What is counted in one pass over a pair of arrays; two halves add up to the whole."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from gradcmp.recording import Array

ROW = 8192  # elements of one product: a BLAS starts threads of its own for longer ones
OCTAVES = 65  # below 1 ULP, then one for each bit of the longest distance


@dataclass
class Statistics:
    """Statistics of the elements seen so far.

    Attributes
    ----------
    equal : int
        Elements that are the same number, or the same non-finite value.
    nonfinite : int
        Elements that disagree because NaN or infinity is not matched by the same.
    worst : int
        Flat index of the element of the highest `key`, the first of equals.
    key : tuple of (bool, float, float)
        Whether it is an unmatched non-finite, its excess and its absolute difference.
    octaves : list of int
        Numbers of finite pairs by distance: below 1 ULP, from 1, from 2, from 4 ULP on …
    aa, ee, ae : float
        Sums of a², e² and a·e over finite pairs: for norms and the cosine.
    """

    total: int = 0
    equal: int = 0
    disagreeing: int = 0
    nonfinite: int = 0
    worst: int = 0
    key: tuple[bool, float, float] = (False, 0.0, 0.0)
    max_absolute: float = 0.0
    max_relative: float = 0.0
    max_ulp: float = 0.0
    octaves: list[int] = field(default_factory=lambda: [0] * OCTAVES)
    aa: float = 0.0
    ee: float = 0.0
    ae: float = 0.0

    @property
    def trimmed(self) -> tuple[int, ...]:
        """The octaves up to the last that anything lies in."""
        # There is none beyond that of the largest distance.
        length = min(len(self.octaves), int(self.max_ulp).bit_length() + 1)
        while length and not self.octaves[length - 1]:
            length -= 1
        return tuple(self.octaves[:length])

    def offer(self, index: int, key: tuple[bool, float, float]) -> None:
        """Make this element the worst if it is worse than all before."""
        if key > self.key or (key == self.key and index < self.worst):
            self.worst, self.key = index, key

    def dot(self, actual: Array, expected: Array) -> None:
        """Add a piece of finite numbers to the products."""
        products = [_dot(x, y) for x, y in _pairs(actual, expected)]
        if not all(map(math.isfinite, products)):  # float32 overflows where float64 does not
            wide = (actual.astype(np.float64), expected.astype(np.float64))
            products = [_dot(x, y) for x, y in _pairs(*wide)]
        self.aa += products[0]
        self.ee += products[1]
        self.ae += products[2]

    def add(self, other: Statistics) -> None:
        """Add what another thread counted elsewhere in the same arrays."""
        self.total += other.total
        self.equal += other.equal
        self.disagreeing += other.disagreeing
        self.nonfinite += other.nonfinite
        self.offer(other.worst, other.key)
        self.max_absolute = max(self.max_absolute, other.max_absolute)
        self.max_relative = max(self.max_relative, other.max_relative)
        self.max_ulp = max(self.max_ulp, other.max_ulp)
        self.aa += other.aa
        self.ee += other.ee
        self.ae += other.ae
        self.octaves = [sum(pair) for pair in zip(self.octaves, other.octaves, strict=True)]


def _pairs(actual: Array, expected: Array) -> Iterator[tuple[Array, Array]]:
    yield actual, actual
    yield expected, expected
    yield actual, expected


def _dot(x: Array, y: Array) -> float:
    """Return the sum of products, row by row, the rows added up in float64."""
    whole = len(x) - len(x) % ROW
    rows = np.vecdot(x[:whole].reshape(-1, ROW), y[:whole].reshape(-1, ROW))
    return float(rows.sum(dtype=np.float64)) + float(np.dot(x[whole:], y[whole:]))
