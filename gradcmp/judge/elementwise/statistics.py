"""All statistics of the segments of a flat run: small arrays side by side, or a chunk of one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from gradcmp.judge.comparison import NOTHING, Element, Statistics
from gradcmp.judge.elementwise.chunks import loader, pieces
from gradcmp.judge.elementwise.difference import (
    FAINT,
    FLOAT64,
    LARGEST,
    SLACK,
    Buffers,
    Difference,
    carrier_of,
    element_under,
)
from gradcmp.judge.elementwise.schedule import Schedule
from gradcmp.judge.elementwise.segments import Index, Segments
from gradcmp.judge.elementwise.tolerance import ElementTolerance
from gradcmp.judge.elementwise.ulp import octaves
from gradcmp.recording import Array, dtype_name


@dataclass(frozen=True)
class SegmentResult:
    """What one pass finds in a segment; two parts of an array add up to the whole.

    Attributes
    ----------
    worst : int
        Flat index of the element of the highest `key`, the first of equals.
    key : tuple of (bool, float, float)
        Whether it is an unmatched non-finite, its excess (under an ULP rule, its distance) and
        its absolute difference.
    """

    statistics: Statistics = NOTHING
    disagreeing: int = 0
    worst: int = 0
    key: tuple[bool, float, float] = (False, 0.0, 0.0)

    def __add__(self, other: SegmentResult) -> SegmentResult:
        """Return the result of both parts."""
        worse = max((self, other), key=lambda part: (part.key, -part.worst))
        return SegmentResult(
            self.statistics + other.statistics,
            self.disagreeing + other.disagreeing,
            worse.worst,
            worse.key,
        )


PIECE = 1 << 16  # integers
EMPTY = SegmentResult()


@dataclass(frozen=True)
class SegmentedDifference:
    """Pairs of arrays that lie in one flat run, each compared by itself.

    Attributes
    ----------
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
        if found.finite is not None or not math.isfinite(found.peak):
            return False
        if found.peak == 0 or rule.ulp is not None or self._is_minor:
            return True
        lost = rule.atol < FAINT and float(found.allowed.min()) < FAINT
        return not lost and float(self._tops.max()) >= FAINT

    def elements(self) -> list[Element]:
        """Return the worst element of each segment."""
        where = self.where
        found = self.difference.at(where)
        measures = (found.absolute, np.fmax(found.relative, 0.0), found.ulp)
        if found.unmatched is not None:
            measures = tuple(np.where(found.unmatched, np.inf, x) for x in measures)  # type: ignore[assignment]
        columns = (found.actual, found.expected, *measures, found.allowed)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        places = [self.segments.index(i, flat) for i, flat in enumerate(where.tolist())]
        return [Element(place, *row) for place, row in zip(places, rows, strict=True)]

    @cached_property
    def statistics(self) -> list[Statistics]:
        """What is counted in each segment, however it is judged."""
        segments, found, known = self.segments, self.difference, self.reached.statistics
        actual, expected = found.pair
        apart, histogram = self._by_distance()
        columns: tuple[Any, ...] = (
            segments.sizes,
            segments.sizes - self._nonfinite - apart,
            self._nonfinite,
            self._largest("absolute", found.peak, known.max_absolute),
            self._largest("relative", found.relative_peak, known.max_relative),
            self._most_steps / 2.0**found.scale.shift,
            histogram,
            segments.dot(actual, actual),
            segments.dot(expected, expected),
            segments.dot(actual, expected),
        )
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [Statistics(*row[:6], trimmed(row[6]), *row[7:]) for row in rows]  # type: ignore[call-arg]

    def _by_distance(self) -> tuple[Index, Index]:
        """Count unequal pairs of finite numbers of each segment, and all by octaves of ULP."""
        segments, found = self.segments, self.difference
        finite = segments.sizes - self._nonfinite
        if found.peak == 0:
            return np.zeros_like(finite), finite[:, None]
        shift = found.scale.shift
        narrow, floors = octaves(found.whole_steps(), found.steps_peak >> shift)
        reach = [segments.count(narrow >= np.uint8(floor)) for floor in floors]
        counts = np.array([finite, *reach, np.zeros_like(finite)])
        apart = segments.count(found.steps) if shift else counts[1]  # at least one step
        return apart, (counts[:-1] - counts[1:]).T

    @property
    def _slack(self) -> float:
        return SLACK[self.difference.carrier.name]

    @cached_property
    def _nonfinite(self) -> Index:
        unmatched = self.difference.unmatched
        if unmatched is None:
            return np.zeros(len(self.segments), np.intp)
        return self.segments.count(unmatched)

    @cached_property
    def _most_steps(self) -> Array:
        found = self.difference
        if len(self.segments) == 1:
            return np.array([found.steps_peak], found.steps.dtype)
        return self.segments.largest(found.steps)

    @property
    def _key(self) -> Array:
        """What the worst element of each segment is told by."""
        # Where not one ULP is allowed every excess is infinite, and the distances still tell.
        found = self.difference
        return found.excess if found.rule.ulp is None else found.steps

    @cached_property
    def _tops(self) -> Array:
        """The highest key of each segment."""
        if self.difference.rule.ulp is not None:
            return self._most_steps
        return self.segments.largest_number(self._key)

    @cached_property
    def _is_minor(self) -> bool:
        """Whether no element can be beyond its allowance or the worst so far.

        ``error / (atol + rtol·|e|)`` is at most ``error / atol`` and at most
        ``error / (rtol·|e|)``.
        """
        found, rule = self.difference, self.difference.rule
        if rule.ulp is not None or rule.rtol == 0 or rule.atol < FAINT or found.finite is not None:
            return False  # no bound, or one that underflow can spoil
        bound = min(found.peak / rule.atol, found.relative_peak / rule.rtol)
        return bound * (1 + self._slack) < min(1.0, self.reached.key[1])

    @cached_property
    def disagreeing(self) -> list[int]:
        """How many elements of each segment disagree."""
        segments = self.segments
        if self._all_close:
            return [counted.nonfinite for counted in self.statistics]
        disagreeing = segments.sizes - segments.count(self.difference.close)
        return list(disagreeing.tolist())

    @property
    def _all_close(self) -> bool:
        """Whether all pairs of finite numbers are close, by a cheap test."""
        found, rule = self.difference, self.difference.rule
        if found.peak == 0 or self._is_minor:
            return True
        top = self._tops.max()
        if rule.ulp is not None:
            return int(top) <= rule.ulp << found.scale.shift and found.peak <= LARGEST
        return float(top) * (1 + self._slack) < 1

    @property
    def may_be_worse(self) -> bool:
        """Whether any element can be worse than what was reached."""
        found = self.difference
        if found.unmatched is not None:
            return True
        if found.peak == 0 or self._is_minor:
            return False
        top = float(self._tops.max()) * (1 + self._slack)
        return top >= self.reached.key[1] * (
            1 if found.rule.ulp is None else 2.0**found.scale.shift
        )

    @cached_property
    def where(self) -> Index:
        """The flat index of the worst element of each segment, the first of equals."""
        found, segments = self.difference, self.segments
        where = segments.starts.copy()
        if found.peak > 0 and not self._is_minor:
            self._find_worst(where)
        if found.unmatched is not None:
            some = np.flatnonzero(self._nonfinite)
            unmatched = np.flatnonzero(found.unmatched)
            where[some] = unmatched[np.searchsorted(unmatched, segments.starts[some])]
        return where

    def _find_worst(self, where: Index) -> None:
        """Put in where the worst elements are, of segments that may exceed what was reached."""
        found, key, tops = self.difference, self._key, self._tops
        if found.rule.ulp is None:
            sought = (tops * (1 + self._slack) >= self.reached.key[1]) & (tops > 0)
            least = np.where(sought, self._lowered(tops), np.inf)
        else:
            sought = (tops >= self.reached.key[1] * 2.0**found.scale.shift) & (tops > 0)
            least = np.where(sought, tops, np.iinfo(tops.dtype).max)
        near = np.flatnonzero(key >= self.segments.broadcast(least))
        if len(near) > np.count_nonzero(sought):
            exact, segment = found.at(near), self.segments.containing(near)
            excess = exact.excess if exact.rule.ulp is None else exact.ulp
            order = np.lexsort((-exact.absolute, -excess, segment))
            near = near[order[np.flatnonzero(np.diff(segment, prepend=-1))]]
        where[sought] = near

    def _largest(self, name: str, peak: float, reached: float) -> Array:
        """Return the largest absolute or relative difference of each segment, by the definition."""
        found = self.difference
        if len(self.segments) > 1:
            return self.segments.largest_number(getattr(found, name))
        if found.carrier is not FLOAT64 and peak * (1 + self._slack) > reached:
            quantity: Array = getattr(found, name)
            near = np.flatnonzero(quantity >= self._lowered(quantity.dtype.type(peak)))
            peak = float(np.fmax.reduce(getattr(found.at(near), name)))
        return np.array([peak])

    def _lowered(self, tops: Array) -> Array:
        """Return what the element of the true maximum has at least."""
        lowered: Array = np.minimum(tops, self.difference.carrier.largest) * (1 - 2 * self._slack)
        return lowered


def trimmed(histogram: list[int]) -> tuple[int, ...]:
    """Return a histogram up to the last octave that anything lies in."""
    while histogram and not histogram[-1]:
        histogram.pop()
    return tuple(histogram)


def measure_chunks(
    actual: Array, expected: Array, rule: ElementTolerance, schedule: Schedule
) -> SegmentResult:
    """Return what is found in two large real arrays, a chunk at a time."""
    carrier = carrier_of(rule, dtype_name(actual.dtype), dtype_name(expected.dtype))
    dtype = np.dtype(carrier.name)
    size = min(schedule.chunk, actual.size)
    load_actual, load_expected = (loader(x.dtype, dtype, size) for x in (actual, expected))
    result, buffers = EMPTY, Buffers()
    with np.errstate(all="ignore"):  # infinities and NaN are findings
        for _, a, e in pieces(actual, expected, 0, actual.size, size):
            found = Difference(load_actual(a), load_expected(e), rule, carrier, buffers)
            result += _chunk_result(found, result)
    return result


@lru_cache(2)
def _one_segment(size: int) -> Segments:
    return Segments([(size,)])


def _chunk_result(found: Difference, reached: SegmentResult) -> SegmentResult:
    """Return what is found in one chunk after others."""
    segments = _one_segment(len(found.actual))
    chunk = SegmentedDifference(segments, found, reached)
    if not chunk.is_faithful:
        chunk = SegmentedDifference(segments, found.in_float64, reached)
    result = SegmentResult(chunk.statistics[0], chunk.disagreeing[0])
    if not chunk.may_be_worse:
        return result
    (where,) = chunk.where.tolist()
    numbers = float(found.actual[where]), float(found.expected[where])
    worst = element_under(found.rule, (where,), *numbers)
    if result.statistics.nonfinite:
        key = (True, math.inf, math.inf)
    else:
        key = (False, worst.excess if found.rule.ulp is None else worst.ulp, worst.absolute)
    return replace(result, worst=reached.statistics.total + where, key=key)


def measure_integers(actual: Array, expected: Array) -> SegmentResult:
    """Return what is found in integers or booleans; their distance in ULP is their difference."""
    result = EMPTY
    for start, a, e in pieces(actual, expected, 0, actual.size, PIECE):
        unequal = np.flatnonzero(a != e)
        equal = Statistics(total=len(a), equal=len(a) - unequal.size)
        if not unequal.size:
            result += SegmentResult(equal, worst=start)
            continue
        a, e = a[unequal], e[unequal]
        # Modulo 2^64 the difference is right even where int64 would overflow.
        up, down = a.astype(np.uint64), e.astype(np.uint64)
        error = np.where(a > e, up - down, down - up).astype(np.float64)
        with np.errstate(divide="ignore"):
            relative = error / np.abs(e.astype(np.float64))
        index, top = int(error.argmax()), float(error.max())
        counted = replace(equal, max_absolute=top, max_relative=float(relative.max()), max_ulp=top)
        key = (False, math.inf, top)
        result += SegmentResult(counted, unequal.size, start + int(unequal[index]), key)
    return result
