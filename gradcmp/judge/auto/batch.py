"""Small tensors of one pair, compared in one flat run, each by itself.

What several stages ask of them is computed once, by one call of NumPy for all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gradcmp.case import Fixed
from gradcmp.dtypes import FORMATS
from gradcmp.judge.auto.loudness import apart
from gradcmp.judge.auto.pair import RecordingPair, TensorPair
from gradcmp.judge.comparison import Comparison, Statistics
from gradcmp.judge.elementwise.arrays import SegmentComparisons, compare, segmented
from gradcmp.judge.elementwise.segments import LONGEST, TOGETHER, Float, Segments, batches
from gradcmp.judge.elementwise.tolerance import rule_of
from gradcmp.once import once


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

    def at_floor(self, numbers: Sequence[int]) -> list[Comparison]:
        """Return how these tensors compare under the floor; most need their statistics alone."""
        return [self._large for _ in numbers] if self._large else self._small.of(numbers)

    @once
    def statistics(self) -> list[Statistics]:
        """What is counted in each tensor."""
        return [self._large.statistics] if self._large else self._small.statistics

    @once
    def agree(self) -> list[bool]:
        """Whether each tensor agrees under the floor."""
        each = [self._large.disagreeing] if self._large else self._small.disagreeing
        return [not disagreeing for disagreeing in each]

    @once
    def unmatched(self) -> list[bool]:
        """Whether one side of each tensor has NaN or an infinity that the other has not."""
        return [counted.nonfinite > 0 for counted in self.statistics]

    @once
    def _large(self) -> Comparison | None:
        """The comparison of a large tensor, which has a batch of its own: in chunks."""
        if len(self.tensors) > 1 or self.segments.lengths[0] <= LONGEST:
            return None
        return compare(*self.tensors[0].values, self.floor)

    @once
    def _small(self) -> SegmentComparisons:
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
        return _size(apart(self.actual, self.expected))

    @once
    def float64_difference(self) -> tuple[Float, Float] | None:
        """What is left in float64: the size of each expected element, and the difference."""
        known = [tensor.float64 for tensor in self.tensors if tensor.float64]
        if not known:
            return None
        actual, expected = (self.segments.concatenate(side) for side in zip(*known, strict=True))
        return np.abs(expected), _size(apart(actual, expected))


def _size(difference: Float) -> Float:
    size: Float = np.abs(difference, out=difference)
    return size


def tensor_batches(
    sides: RecordingPair, tensors: Sequence[TensorPair], floor: Fixed, together: int = TOGETHER
) -> Iterator[TensorBatch]:
    """Share tensors out to batches; a large one has its own."""
    for known in (True, False):
        alike = [tensor for tensor in tensors if (tensor.float64 is not None) is known]
        arrays = [tensor.values[1] for tensor in alike]
        for batch in batches(range(len(alike)), arrays, together):
            yield TensorBatch(sides, [alike[i] for i in batch], floor)
