"""All statistics of many small pairs of arrays at once, by the definition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gradcmp.judge.comparison import Element
from gradcmp.judge.elementwise.difference import Difference, differ
from gradcmp.judge.elementwise.segments import Float, Index, Segments
from gradcmp.judge.elementwise.statistics import OCTAVES, Statistics
from gradcmp.judge.elementwise.tolerance import ElementTolerance
from gradcmp.recording import Array


@dataclass(frozen=True)
class SegmentedDifference:
    """Pairs of arrays that lie on one strip, held together each by itself.

    Attributes
    ----------
    actual, expected : array
        Both sides, flat, in float64.
    """

    strip: Segments
    actual: Float
    expected: Float
    rule: ElementTolerance

    @cached_property
    def difference(self) -> Difference:
        """The differences of all elements, flat."""
        return differ(self.actual, self.expected, self.rule)

    @cached_property
    def excess(self) -> list[Float]:
        """The excess of every element, in the shapes of the arrays."""
        return self.strip.cut(self._excess)

    @cached_property
    def tallies(self) -> list[Statistics]:
        """What a sweep over each pair would count, but for the place and key of its worst."""
        columns = {name: column.tolist() for name, column in self._columns()}
        return [
            Statistics(**dict(zip(columns, row, strict=True)))
            for row in zip(*columns.values(), strict=True)
        ]

    def worst(self, i: int) -> Element:
        """Return the worst element of one pair."""
        found, flat = self.difference, self._where[i]
        measures = (found.absolute, found.relative, found.ulp, found.allowed)
        numbers = (float(part[flat]) for part in (self.actual, self.expected, *measures))
        return Element(self.strip.index(i, int(flat)), *numbers)

    @cached_property
    def _excess(self) -> Float:
        return self.difference.excess

    @cached_property
    def _unmatched(self) -> Array:
        """Where one side alone is NaN or infinite: finite numbers are so many steps apart."""
        unmatched: Array = self.difference.ulp == np.inf
        return unmatched

    @cached_property
    def _where(self) -> Index:
        """The flat index of each array's element of the highest key, the first of equals."""
        # Where not one ULP is allowed every excess is infinite, and the distances still tell.
        excess = self._excess if self.rule.ulp is None else self.difference.ulp
        best = np.ones(len(self.actual), np.bool_)
        for part in (self._unmatched, excess, self.difference.absolute):
            if np.count_nonzero(best) == len(self.strip):
                break
            if part.any():
                top = self.strip.largest(np.where(best, part, -1))
                best &= part == self.strip.spread(top)
        return self.strip.first(best)

    def _columns(self) -> Iterator[tuple[str, Any]]:
        """Return the statistics of all pairs, by their names in a `Statistics`."""
        strip, found = self.strip, self.difference
        actual, expected, ulp = self.actual, self.expected, found.ulp
        absolute, relative = found.absolute, found.relative
        finite = np.isfinite(actual) & np.isfinite(expected)
        if not finite.all():
            actual, expected, ulp, absolute, relative = (
                np.where(finite, x, 0.0) for x in (actual, expected, ulp, absolute, relative)
            )
        _, octave = np.frexp(np.floor(ulp))
        bins = np.bincount(strip.ids * OCTAVES + octave, ~self._unmatched, OCTAVES * len(strip))
        yield "total", np.array(strip.lengths)
        yield "equal", strip.count(found.absolute == 0)
        yield "disagreeing", strip.count(~(found.absolute <= found.allowed))
        yield "nonfinite", strip.count(self._unmatched)
        yield "max_absolute", strip.largest(absolute)
        yield "max_relative", strip.largest(relative)
        yield "max_ulp", strip.largest(ulp)
        yield "octaves", bins.reshape(-1, OCTAVES).astype(np.intp)
        yield "aa", strip.total(actual * actual)
        yield "ee", strip.total(expected * expected)
        yield "ae", strip.total(actual * expected)
