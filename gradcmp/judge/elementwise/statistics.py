"""All statistics of the segments of a flat run: small arrays side by side, or a chunk of one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from gradcmp.judge.comparison import Element, Statistics
from gradcmp.judge.elementwise.difference import (
    FAINT,
    FLOAT64,
    LARGEST,
    SLACK,
    Difference,
    element_under,
)
from gradcmp.judge.elementwise.result import EMPTY, UNMATCHED, SegmentResult
from gradcmp.judge.elementwise.segments import Each, Index, Segments
from gradcmp.judge.elementwise.ulp import octaves
from gradcmp.once import once
from gradcmp.recording import Array

ALL: Any = slice(None)
FEW = 64  # elements take less time together than one by itself
ONE_BY_ONE = 16  # elements take less time by Python's numbers than by NumPy
NOWHERE = np.empty(0, np.intp)


@dataclass(frozen=True)
class SegmentedDifference:
    """Pairs of arrays that lie in one flat run, each compared by itself.

    Attributes
    ----------
    segments : Segments
        A `Run` where there is one.
    difference : Difference
        Of all elements, flat.
    reached : SegmentResult
        What earlier chunks of the same array have found: nobody needs less to be known exactly.
    """

    segments: Segments
    difference: Difference
    reached: SegmentResult = EMPTY

    @property
    def is_faithful(self) -> bool:
        """Whether the carrier keeps its slack here; if not, float64 has to measure."""
        found, rule = self.difference, self.difference.rule
        if found.carrier is FLOAT64:
            return True
        if not math.isfinite(found.absolute_peak):
            return False
        if found.absolute_peak == 0 or rule.ulp is not None or self._few is not None:
            return True
        return found.least_allowed >= FAINT and float(self._top) >= FAINT

    def results(self, start: int = 0) -> list[SegmentResult]:
        """Return what is found in each segment, of a run that begins at this flat index."""
        where, keys = self._worst
        found = zip(self.statistics, self.disagreeing, where.tolist(), keys, strict=True)
        return [
            SegmentResult(
                counted, disagreeing, start + place, UNMATCHED if counted.nonfinite else key
            )
            for counted, disagreeing, place, key in found
        ]

    @once
    def statistics(self) -> list[Statistics]:
        """What is counted in each segment, however it is judged."""
        segments, found = self.segments, self.difference
        actual, expected = found.pair
        finite, zero = segments.sizes - self._unmatched, 0.0 * segments.sizes
        apart, histogram, largest = 0, [finite], (zero, zero, zero)
        if found.absolute_peak > 0:
            apart, histogram = self._by_distance(finite)
            steps = self._most_steps / 2.0**found.scale.shift
            largest = (self._largest("absolute"), self._largest("relative"), steps)
        columns = (
            segments.sizes,
            finite - apart,
            self._unmatched,
            *largest,
            segments.dot(actual, actual),
            segments.dot(expected, expected),
            segments.dot(actual, expected),
            *histogram,
        )
        return [
            Statistics(*row[:6], trimmed(row[9:]), *row[6:9])  # type: ignore[call-arg]
            for row in segments.rows(columns)
        ]

    def _by_distance(self, finite: Each) -> tuple[Each, list[Each]]:
        """Count unequal pairs of finite numbers of each segment, and all by octaves of ULP."""
        segments, found = self.segments, self.difference
        shift = found.scale.shift
        narrow, floors = octaves(found.steps, found.steps_peak, shift, found.room("octaves", "u1"))
        reach = segments.reaching(narrow, floors, found.room("above", "?"))
        apart = segments.count(found.steps) if shift else reach[0]  # at least one step
        return apart, [more - fewer for more, fewer in pairwise([finite, *reach, 0])]

    def _largest(self, name: str) -> Each:
        """Return the largest absolute or relative difference of each segment."""
        found = self.difference
        if self._is_screen:
            return getattr(self._exact, f"{name}_peak") if self._near.size else 0.0
        if self.segments.is_one:
            return getattr(found, f"{name}_peak")
        return self.segments.largest_number(getattr(found, name))

    @property
    def _is_screen(self) -> bool:
        return self.difference.carrier is not FLOAT64

    @property
    def _slack(self) -> float:
        return SLACK[self.difference.carrier.name]

    @once
    def _unmatched(self) -> Each:
        unmatched = self.difference.unmatched
        if unmatched is None:
            return 0 * self.segments.sizes
        return self.segments.count_places(unmatched)

    @once
    def _most_steps(self) -> Each:
        found = self.difference
        return found.steps_peak if self.segments.is_one else self.segments.largest(found.steps)

    @once
    def _tops(self) -> Each:
        """The highest key of each segment."""
        if self.difference.rule.ulp is not None:
            return self._most_steps
        if self.segments.is_one:
            return self.difference.excess_peak
        return self.segments.largest_number(self.difference.excess)

    @once
    def _top(self) -> Any:
        """The highest key of all."""
        return self.segments.top(self._tops)

    @once
    def _bounds(self) -> tuple[float, float]:
        """How many times each difference is allowed, at least: by atol, and by rtol beside it."""
        found, rule = self.difference, self.difference.rule
        if rule.ulp is not None or rule.rtol == 0 or rule.atol < FAINT:
            return 0.0, 0.0  # no bound, or one that underflow can spoil
        nearly = 1 - 2 * self._slack
        by_rtol = rule.rtol / found.relative_peak  # the smallest of rtol·|e| / error
        return rule.atol / found.absolute_peak * nearly, by_rtol * nearly

    @once
    def _few(self) -> Index | None:
        """The few elements that alone may be worse than what was reached, where all are close.

        None where their relative differences cannot tell: then their excess has to.
        """
        found, reached = self.difference, self.reached.key[1]
        by_atol, by_rtol = self._bounds
        if by_atol + by_rtol <= 1 or reached == 0:
            return None
        rest = 1 / reached - by_atol  # rtol·|e| / error of what is worse is at most that
        if rest <= by_rtol:
            return NOWHERE
        least = found.rule.rtol / rest * (1 - 2 * self._slack)
        few = np.flatnonzero(found.relative >= least)
        return few if least >= FAINT and few.size * FEW < len(found.relative) else None

    @once
    def disagreeing(self) -> list[int]:
        """How many elements of each segment disagree."""
        segments = self.segments
        if self._all_close:
            return [counted.nonfinite for counted in self.statistics]
        apart = segments.sizes - segments.count(self.difference.close)
        return [count for (count,) in segments.rows([apart])]

    @property
    def _all_close(self) -> bool:
        """Whether all pairs of finite numbers are close, by a cheap test."""
        found, rule = self.difference, self.difference.rule
        if found.absolute_peak == 0 or sum(self._bounds) > 1:
            return True
        if rule.ulp is not None:
            return (
                int(self._top) <= rule.ulp << found.scale.shift and found.absolute_peak <= LARGEST
            )
        return float(self._top) * (1 + self._slack) < 1

    @once
    def _may_be_worse(self) -> bool:
        """Whether any pair of finite numbers can be worse than what was reached."""
        found = self.difference
        if found.absolute_peak == 0 or self.reached.key[0]:
            return False
        if self._few is not None:
            return self._few.size > 0
        return float(self._top) * (1 + self._slack) >= self.reached.key[1] * found.key_unit

    @once
    def _near(self) -> Index:
        """The elements that may be the largest or worst of all so far."""
        found, known = self.difference, self.reached.statistics
        sought: list[tuple[Array, Each]] = []
        if self._is_screen and found.absolute_peak * (1 + self._slack) > known.max_absolute:
            sought.append((found.absolute, found.absolute_peak))
        if self._is_screen and found.relative_peak * (1 + self._slack) > known.max_relative:
            sought.append((found.relative, found.relative_peak))
        if self._few is None and self._may_be_worse:
            sought.append((found.key, self._tops))
        nearly = 1 - 2 * self._slack
        places = [self.segments.near(x, top, nearly, found.carrier.largest) for x, top in sought]
        places += [] if self._few is None else [self._few]
        return places[0] if len(places) == 1 else np.concatenate([NOWHERE, *places])

    @once
    def _exact(self) -> Difference:
        """The differences of those elements, by the definition."""
        return self.difference.at(self._near)

    @once
    def _worst(self) -> tuple[Index, list[tuple[bool, float, float]]]:
        """The flat index of the worst element of each segment, the first of equals; its key."""
        found, segments = self.difference, self.segments
        where, keys = segments.starts.copy(), [EMPTY.key] * len(segments)
        if self._may_be_worse:
            near = self._near
            by_definition = not self._is_screen and self._few is None
            exact, there = (found, near) if by_definition else (self._exact, ALL)
            worth, absolute = exact.key[there] / exact.key_unit, exact.absolute[there]
            best = segments.highest(near, worth, absolute)
            places = near[best]
            rows = zip(
                segments.containing(places).tolist(),
                places.tolist(),
                worth[best].tolist(),
                absolute[best].tolist(),
                strict=True,
            )
            for i, place, most, error in rows:
                where[i], keys[i] = place, (False, most, error)
        if found.unmatched is not None:
            which = segments.containing(found.unmatched)
            where[which[::-1]] = found.unmatched[::-1]  # the first is written last
        return where, keys

    def elements(self, numbers: Sequence[int]) -> list[Element]:
        """Return the worst element of each of these segments."""
        found, (where, _) = self.difference, self._worst
        where = where[numbers]
        places = [
            self.segments.index(i, flat) for i, flat in zip(numbers, where.tolist(), strict=True)
        ]
        if len(places) <= ONE_BY_ONE:
            pairs = zip(found.actual[where].tolist(), found.expected[where].tolist(), strict=True)
            return [
                element_under(found.rule, place, float(actual), float(expected))
                for place, (actual, expected) in zip(places, pairs, strict=True)
            ]
        found = found.at(where)
        columns = [found.actual, found.expected, found.absolute, np.fmax(found.relative, 0.0)]
        columns += [found.ulp, found.allowed]
        if found.unmatched is not None:
            for measure in columns[2:5]:
                measure[found.unmatched] = np.inf
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [Element(place, *row) for place, row in zip(places, rows, strict=True)]


def trimmed(histogram: Iterable[int]) -> tuple[int, ...]:
    """Return a histogram up to the last octave that anything lies in."""
    counts = tuple(histogram)
    end = len(counts)
    while end and not counts[end - 1]:
        end -= 1
    return counts[:end]
