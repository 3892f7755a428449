"""Small tensors of one pair, compared in one flat run, each by itself.

What several stages ask of them is computed once, by one call of NumPy for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gradcmp.case import Fixed
from gradcmp.dtypes import FORMATS
from gradcmp.judge.auto.loudness import apart, is_close
from gradcmp.judge.auto.tensors.pair import RecordingPair, TensorPair
from gradcmp.judge.comparison import Comparison, Element, Measured, Noise, Unread
from gradcmp.judge.elementwise.arrays import SegmentComparisons, is_small, segmented
from gradcmp.judge.elementwise.segments import Float, Segments
from gradcmp.judge.elementwise.tolerance import rule_of
from gradcmp.once import once
from gradcmp.recording import Array


@dataclass(frozen=True)
class Loudest:
    """The element of a tensor with the largest multiple of its noise; NaN counts as the largest."""

    multiple: float
    index: tuple[int, ...]
    noise: float
    actual: float
    expected: float


@dataclass(frozen=True)
class TensorBatch:
    """Real tensors of one pair, none of them empty, each in one shape on both sides.

    Attributes
    ----------
    tensors : sequence of TensorPair
        All with their float64 runs, or all without.
    floor : Fixed
        The smallest difference that can be more than rounding.
    """

    sides: RecordingPair
    tensors: Sequence[TensorPair]
    floor: Fixed

    @once
    def segments(self) -> Segments:
        """Where each tensor lies in the flat arrays."""
        return Segments([tensor.values[1].shape for tensor in self.tensors])

    @property
    def has_float64(self) -> bool:
        """Whether the float64 runs of its tensors are known."""
        return self.tensors[0].float64 is not None

    def at_floor(self, numbers: Sequence[int]) -> list[Comparison]:
        """Return how these tensors compare under the floor."""
        return self._compared.of(numbers)

    def measured(
        self, i: int, worst: Element, excess: Array | None, noise: Noise
    ) -> Measured | Unread:
        """Return how far apart both sides of a tensor are, whose worst element is known."""
        return Measured(self._compared.statistics[i], worst, excess, noise)

    @once
    def agree(self) -> list[bool]:
        """Whether each tensor agrees under the floor."""
        return [not disagreeing for disagreeing in self._compared.disagreeing]

    @once
    def equal(self) -> list[bool]:
        """Whether both sides of each tensor are the same."""
        return [counted.equal == counted.total for counted in self._compared.statistics]

    @once
    def unmatched(self) -> list[bool]:
        """Whether one side of each tensor has NaN or an infinity that the other has not."""
        return [counted.nonfinite > 0 for counted in self._compared.statistics]

    def close_in_float64(self, factor: float = 0.0, noise: Float | None = None) -> list[bool]:
        """Return for each tensor whether its float64 runs are as close as rounding leaves them.

        Parameters
        ----------
        factor, noise : float, array of float64
            What else is close: so many times the noise.
        """
        assert self.float64_difference
        allowed = 0.0 if noise is None else factor * noise
        close: list[bool] = self.segments.every(
            is_close(*self.float64_difference, allowed)
        ).tolist()
        return close

    def loudest(self, noise: Float) -> list[Loudest]:
        """Return the loudest element of each tensor."""
        segments, multiples = self.segments, self.difference / noise
        top = segments.largest(multiples)
        if len(segments) == 1:
            where = np.array([multiples.argmax()])
        else:
            where = segments.first(~(multiples < segments.broadcast(top)))
        columns = (where, top, noise[where], self.actual[where], self.expected[where])
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [
            Loudest(multiple, segments.index(i, flat), *rest)
            for i, (flat, multiple, *rest) in enumerate(rows)
        ]

    def excess(self, i: int, noise: Float, limit: float) -> Float | None:
        """Return a small tensor's multiples of what so many times the noise allows."""
        difference = self.segments.part(self.difference, i)
        if not is_small(difference):
            return None
        return difference / (limit * self.segments.part(noise, i))

    @once
    def _compared(self) -> SegmentComparisons:
        rule = rule_of(self.floor, FORMATS[self.sides.dtype])
        return segmented(self.segments, self.actual, self.expected, rule)

    @once
    def actual(self) -> Float:
        """The actual side, flat."""
        return self.segments.concatenate([tensor.values[0] for tensor in self.tensors])

    @once
    def expected(self) -> Float:
        """The expected side, flat."""
        return self.segments.concatenate([tensor.values[1] for tensor in self.tensors])

    @once
    def difference(self) -> Float:
        """How far the sides are apart, flat."""
        return magnitude(apart(self.actual, self.expected))

    @once
    def float64_difference(self) -> tuple[Float, Float] | None:
        """What is left in float64: the size of each expected element, and the difference."""
        known = [tensor.float64 for tensor in self.tensors if tensor.float64]
        if not known:
            return None
        actual, expected = (self.segments.concatenate(side) for side in zip(*known, strict=True))
        return np.abs(expected), magnitude(apart(actual, expected))


def magnitude(difference: Float) -> Float:
    """Return the absolute values of a difference, in its own place."""
    size: Float = np.abs(difference, out=difference)
    return size
