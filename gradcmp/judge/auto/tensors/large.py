"""One large tensor of a pair, looked at in pieces.

What is computed of a piece stays in a core's cache; to keep it would take longer than to compute it
again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from gradcmp.case import Fixed
from gradcmp.dtypes import FORMATS
from gradcmp.judge.auto.loudness import apart, is_close
from gradcmp.judge.auto.tensors.batch import Loudest, TensorBatch, magnitude
from gradcmp.judge.auto.tensors.pair import RecordingPair, TensorPair
from gradcmp.judge.comparison import Comparison, Element, Measured, Noise, Unread, Verdict
from gradcmp.judge.elementwise.arrays import compare
from gradcmp.judge.elementwise.chunks import BUFFERS, loader, pieces
from gradcmp.judge.elementwise.difference import Difference
from gradcmp.judge.elementwise.segments import LONGEST, TOGETHER, Float, batches
from gradcmp.judge.elementwise.tolerance import ElementTolerance, rule_of
from gradcmp.once import once
from gradcmp.recording import Array

PIECE = 1 << 15  # elements


@dataclass(frozen=True)
class Glance:
    """What a first look at numbers that are all finite tells.

    Attributes
    ----------
    equal : bool
        Whether both sides are the same.
    within : bool
        Whether they agree under the floor.
    """

    equal: bool
    within: bool


class LargeTensor(TensorBatch):
    """One large tensor by itself: most agree, and then nobody may ever ask by how much."""

    @once
    def _rule(self) -> ElementTolerance:
        return rule_of(self.floor, FORMATS[self.sides.dtype])

    @property
    def _values(self) -> tuple[Array, Array]:
        return self.tensors[0].values

    def _pieces(self) -> Iterator[tuple[slice, Difference]]:
        for where, actual, expected in _in_float64(*self._values):
            yield where, Difference(actual, expected, self._rule, buffers=BUFFERS)

    @once
    def _glance(self) -> Glance | None:
        """What a first look tells; None where a number is not finite."""
        equal, within = True, True
        for _, found in self._pieces():
            if found.apart is not None or not math.isfinite(found.absolute_peak):
                return None
            if found.absolute_peak > 0:
                equal, within = False, within and bool(found.close.all())
        return Glance(equal, within)

    @once
    def _looked_at(self) -> Comparison:
        return compare(*self._values, self.floor)

    @property
    def _counted(self) -> Unread:
        return Unread(partial(_measured, *self._values, self.floor))

    def at_floor(self, numbers: Sequence[int]) -> list[Comparison]:
        """Return how the tensor compares under the floor."""
        seen = self._glance
        if seen is None:
            return [self._looked_at]
        verdict = Verdict(True, "exact") if seen.equal else Verdict(seen.within, "tolerance")
        return [Comparison(verdict, self._rule.text, self._counted)]

    def measured(
        self, i: int, worst: Element, excess: Array | None, noise: Noise
    ) -> Measured | Unread:
        """Return how far apart both sides are: counted when somebody reads it."""
        return self._counted.then(partial(replace, worst=worst, excess=excess, noise=noise))

    @once
    def agree(self) -> list[bool]:
        """Whether the tensor agrees under the floor."""
        seen = self._glance
        return [seen.within if seen else not self._looked_at.disagreeing]

    @once
    def equal(self) -> list[bool]:
        """Whether both sides are the same."""
        if self._glance:
            return [self._glance.equal]
        counted = self._looked_at.statistics
        return [counted.equal == counted.total]

    @once
    def unmatched(self) -> list[bool]:
        """Whether one side has NaN or an infinity that the other has not."""
        return [not self._glance and self._looked_at.statistics.nonfinite > 0]

    def close_in_float64(self, factor: float = 0.0, noise: Float | None = None) -> list[bool]:
        """Return whether the float64 runs are as close as rounding leaves them."""
        assert self.tensors[0].float64
        for where, actual, expected in _in_float64(*self.tensors[0].float64):
            allowed = 0.0 if noise is None else factor * noise[where]
            if not is_close(np.abs(expected), magnitude(apart(actual, expected)), allowed).all():
                return [False]
        return [True]

    def excess(self, i: int, noise: Float, limit: float) -> Float | None:
        """Return None: a large tensor is not reported whole."""
        return None

    def loudest(self, noise: Float) -> list[Loudest]:
        """Return the loudest element."""
        if not self._glance:
            return super().loudest(noise)
        top, place = -1.0, 0
        for where, found in self._pieces():
            multiples = np.divide(found.absolute, noise[where], out=found.room("multiples", "d"))
            largest = float(multiples.max())
            if not largest <= top:  # NaN is the largest
                top, place = largest, where.start + int(multiples.argmax())
            if math.isnan(top):
                break
        index = self.segments.index(0, place)
        actual, expected = (float(side[index]) for side in self._values)
        return [Loudest(top, index, float(noise[place]), actual, expected)]


def _in_float64(actual: Array, expected: Array) -> Iterator[tuple[slice, Float, Float]]:
    """Return two arrays a piece at a time, in memory that the next piece uses again."""
    wide = np.dtype(np.float64)
    loads = loader("actual", actual.dtype, wide), loader("expected", expected.dtype, wide)
    for start, a, e in pieces(actual, expected, 0, actual.size, PIECE):
        yield slice(start, start + len(a)), loads[0](a), loads[1](e)


def _measured(actual: Array, expected: Array, floor: Fixed) -> Measured:
    with np.errstate(all="ignore"):
        return compare(actual, expected, floor).measured


def tensor_batches(
    sides: RecordingPair, tensors: Sequence[TensorPair], floor: Fixed, together: int = TOGETHER
) -> Iterator[TensorBatch]:
    """Share tensors out to batches; a large one has its own."""
    for known in (True, False):
        alike = [tensor for tensor in tensors if (tensor.float64 is not None) is known]
        arrays = [tensor.values[1] for tensor in alike]
        for batch in batches(range(len(alike)), arrays, together):
            kind = LargeTensor if arrays[batch[0]].size > LONGEST else TensorBatch
            yield kind(sides, [alike[i] for i in batch], floor)
