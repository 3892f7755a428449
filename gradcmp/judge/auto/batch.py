"""Tensors of one pair that are judged side by side, each by itself.

What several steps ask of them is computed once, by one call of NumPy for all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gradcmp.judge.auto.floor import FLOORS
from gradcmp.judge.auto.loudness import apart
from gradcmp.judge.auto.pair import Facing, Matched
from gradcmp.judge.comparison import Comparison, Element, Noise, Verdict
from gradcmp.judge.elementwise.arrays import compare, compare_laid, conclude
from gradcmp.judge.elementwise.laid import Laid
from gradcmp.judge.elementwise.segments import LONGEST, Float, Strip, batches
from gradcmp.judge.elementwise.statistics import Tally
from gradcmp.judge.elementwise.tolerance import rule_of
from gradcmp.judge.elementwise.ulp import FORMATS
from gradcmp.recording import Array


@dataclass(frozen=True)
class Sheet:
    """Real tensors of one pair, none of them empty, each in one shape on both sides.

    Attributes
    ----------
    tensors : sequence of Matched
        All with their float64 runs, or all without.
    """

    facing: Facing
    tensors: Sequence[Matched]

    @cached_property
    def strip(self) -> Strip:
        """Where each tensor lies in the flat arrays."""
        return Strip([tensor.values[1].shape for tensor in self.tensors])

    @cached_property
    def agree(self) -> list[bool]:
        """Whether each tensor agrees under the floor of the coarser dtype."""
        return [not counted.disagreeing for counted in self._counted]

    @cached_property
    def unmatched(self) -> list[bool]:
        """Whether one side of each tensor has NaN or an infinity that the other has not."""
        return [counted.nonfinite > 0 for counted in self._counted]

    def seen(self, i: int) -> Comparison:
        """Return one tensor as it compares under the floor."""
        return self._swept or compare_laid(self._laid, i)

    def judged(
        self,
        i: int,
        verdict: Verdict,
        rule: str,
        worst: Element,
        excess: Array | None,
        noise: Noise,
    ) -> Comparison:
        """Return what was seen of one tensor, with another judgement, under which it agrees."""
        if not self._swept:
            return conclude(self._laid.tallies[i], verdict, rule, worst, excess, noise)
        return replace(
            self._swept,
            verdict=verdict,
            rule=rule,
            disagreeing=0,
            worst=worst,
            excess=excess,
            noise=noise,
        )

    @property
    def _counted(self) -> Sequence[Comparison | Tally]:
        return [self._swept] if self._swept else self._laid.tallies

    @cached_property
    def _swept(self) -> Comparison | None:
        """The comparison of a large tensor, which is on a sheet of its own."""
        if len(self.tensors) > 1 or self.strip.lengths[0] <= LONGEST:
            return None
        return compare(*self.tensors[0].values, FLOORS[self.facing.dtype].allowed)

    @cached_property
    def _laid(self) -> Laid:
        rule = rule_of(FLOORS[self.facing.dtype].allowed, FORMATS[self.facing.dtype])
        return Laid(self.strip, self.actual, self.expected, rule)

    @cached_property
    def actual(self) -> Float:
        """The actual side, flat."""
        return self.strip.lay([tensor.values[0] for tensor in self.tensors])

    @cached_property
    def expected(self) -> Float:
        """The expected side, flat."""
        return self.strip.lay([tensor.values[1] for tensor in self.tensors])

    @cached_property
    def difference(self) -> Float:
        """How far the sides are apart, flat."""
        return _size(apart(self.actual, self.expected))

    @cached_property
    def left(self) -> tuple[Float, Float] | None:
        """What is left in float64: the size of each expected element, and the difference."""
        fine = [tensor.fine for tensor in self.tensors if tensor.fine]
        if not fine:
            return None
        actual, expected = (self.strip.lay(side) for side in zip(*fine, strict=True))
        return np.abs(expected), _size(apart(actual, expected))


def _size(difference: Float) -> Float:
    size: Float = np.abs(difference, out=difference)
    return size


def sheets(facing: Facing, tensors: Sequence[Matched]) -> Iterator[tuple[list[int], Sheet]]:
    """Share tensors out to sheets, each with their numbers; a large one has its own."""
    for known in (True, False):
        numbers = [i for i, tensor in enumerate(tensors) if (tensor.fine is not None) is known]
        for batch in batches(numbers, [tensor.values[1] for tensor in tensors]):
            yield batch, Sheet(facing, [tensors[i] for i in batch])
