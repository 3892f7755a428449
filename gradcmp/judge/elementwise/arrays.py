"""Two arrays compared element by element, whatever their size, layout and dtype."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradcmp.case import DTypeTable, Tolerance
from gradcmp.dtypes import FORMATS, Format, coarser
from gradcmp.judge.comparison import (
    SMALL,
    Comparison,
    Element,
    Measured,
    Reason,
    Statistics,
    Verdict,
)
from gradcmp.judge.elementwise import by_numpy, compiled
from gradcmp.judge.elementwise.chunks import aligned, pieces
from gradcmp.judge.elementwise.difference import Difference, element_under
from gradcmp.judge.elementwise.result import SegmentResult
from gradcmp.judge.elementwise.schedule import USUAL, Schedule
from gradcmp.judge.elementwise.segments import Run, Segments, batches
from gradcmp.judge.elementwise.statistics import SegmentedDifference
from gradcmp.judge.elementwise.tolerance import EXACT, ElementTolerance, rule_of
from gradcmp.once import once
from gradcmp.recording import BFLOAT16, Array, dtype_name

PIECE = 1 << 16  # elements that are searched for a finite number at a time
NOTHING_FINITE = Verdict(
    True, "non-finite", "NaN or infinity at every element of both: nothing finite was compared"
)
BY_DTYPE = DTypeTable()
KINDS = {
    **dict.fromkeys(FORMATS, "float"),
    **dict.fromkeys(("int8", "int16", "int32", "int64"), "int"),
    **dict.fromkeys(("uint8", "uint16", "uint32", "uint64"), "int"),
    "bool": "bool",
}


def compare(actual: Array, expected: Array, tolerance: Tolerance = BY_DTYPE) -> Comparison:
    """Compare two arrays element by element.

    An element is close when ``a = e``, or when ``error = |a − e|`` is finite and
    ``error <= atol + rtol·|e|`` (or the distance is at most so many ULP). +0 and −0 are equal.
    NaN agrees with NaN at the same place, whatever its sign and payload; an infinity with the
    same infinity. Integers and booleans are compared exactly. Shapes must be the same, not
    merely broadcastable, and kinds (real, integer, boolean) too; real dtypes may differ: both
    values are exact in float64, and ULP and default tolerances are those of the coarser.

    Memory beyond the inputs is constant: both are read in pieces. Large ones are
    measured by compiled loops on all cores, where numba is installed.

    Parameters
    ----------
    actual, expected : array
        Of any strides and byte order; memory-mapped and read-only ones too.
    """
    (comparison,) = compare_all([(actual, expected)], tolerance)
    return comparison


def compare_all(
    pairs: Sequence[tuple[Array, Array]],
    tolerance: Tolerance = BY_DTYPE,
    schedule: Schedule = USUAL,
) -> list[Comparison]:
    """Compare pairs of arrays, each as `compare` does; small ones take less time together."""
    arrays = [(np.asarray(actual), np.asarray(expected)) for actual, expected in pairs]
    found: dict[int, Comparison] = {}
    small: dict[Format, list[int]] = {}
    for i, (actual, expected) in enumerate(arrays):
        refused, unit = _refused(actual, expected), _unit(actual, expected)
        if refused:
            found[i] = refused
        elif unit and actual.size <= schedule.longest:
            small.setdefault(unit, []).append(i)
        elif unit:
            found[i] = _large(actual, expected, rule_of(tolerance, unit), schedule)
        else:
            found[i] = _integers(actual, expected)
    for unit, numbers in small.items():
        sides = [expected for _, expected in arrays]
        for batch in batches(numbers, sides, schedule.together, schedule.longest):
            compared = _small([arrays[i] for i in batch], rule_of(tolerance, unit))
            found |= zip(batch, compared, strict=True)
    return [found[i] for i in range(len(arrays))]


def compare_named(
    pairs: Mapping[str, tuple[Array, Array]], tolerance: Tolerance = BY_DTYPE
) -> dict[str, Comparison]:
    """Compare pairs of arrays that have names."""
    return dict(zip(pairs, compare_all([*pairs.values()], tolerance), strict=True))


def is_small(array: Array) -> bool:
    """Whether an array is reported whole."""
    return array.ndim <= 2 and max(array.shape, default=1) <= SMALL


def is_real(array: Array) -> bool:
    """Whether an array is of real numbers that can be compared."""
    return KINDS.get(dtype_name(array.dtype)) == "float"


def _unit(actual: Array, expected: Array) -> Format | None:
    """Return the coarser format of two real arrays; None of integers and booleans."""
    names = dtype_name(actual.dtype), dtype_name(expected.dtype)
    return coarser(*names) if is_real(actual) and is_real(expected) else None


def _refused(actual: Array, expected: Array) -> Comparison | None:
    """Describe why two arrays cannot be compared, or have nothing to compare."""
    if actual.shape != expected.shape:
        return _refuse("shape", f"{actual.shape} against {expected.shape}")
    names = dtype_name(actual.dtype), dtype_name(expected.dtype)
    for name in names:
        if name not in KINDS:
            return _refuse("dtype", f"{name} is not a dtype that can be compared")
    kind, other = (KINDS[name] for name in names)
    if kind != other:
        return _refuse("dtype", f"{names[0]} against {names[1]}")
    if actual.size == 0:
        return Comparison(
            Verdict(True, "empty", f"shape {actual.shape} has no elements"), EXACT.text
        )
    return None


def _small(pairs: Sequence[tuple[Array, Array]], rule: ElementTolerance) -> list[Comparison]:
    """Compare small real arrays together."""
    segments = Segments([expected.shape for _, expected in pairs])
    actual, expected = (segments.concatenate(side) for side in zip(*pairs, strict=True))
    return compare_segments(segments, actual, expected, rule)


def compare_segments(
    segments: Segments, actual: Array, expected: Array, rule: ElementTolerance
) -> list[Comparison]:
    """Compare float64 arrays that lie in flat runs, each pair by itself."""
    return segmented(segments, actual, expected, rule).of(range(len(segments)))


def segmented(
    segments: Segments, actual: Array, expected: Array, rule: ElementTolerance
) -> SegmentComparisons:
    """Put float64 arrays that lie in flat runs beside each other: nothing is computed yet."""
    one = Run(segments.shapes[0]) if len(segments) == 1 else segments
    with np.errstate(all="ignore"):
        return SegmentComparisons(SegmentedDifference(one, Difference(actual, expected, rule)))


@dataclass(frozen=True)
class SegmentComparisons:
    """Comparisons of small arrays: counted all together, and concluded when that is asked for."""

    found: SegmentedDifference

    @once
    def statistics(self) -> list[Statistics]:
        """What is counted in each pair, however it is judged."""
        with np.errstate(all="ignore"):
            return self.found.statistics

    @once
    def disagreeing(self) -> list[int]:
        """How many elements of each pair disagree."""
        with np.errstate(all="ignore"):
            return self.found.disagreeing

    def of(self, numbers: Sequence[int]) -> list[Comparison]:
        """Return the comparisons of these pairs."""
        found, difference = self.found, self.found.difference
        segments, rule = found.segments, difference.rule
        with np.errstate(all="ignore"):
            results = [SegmentResult(found.statistics[i], found.disagreeing[i]) for i in numbers]
            excess = [segments.part(difference.excess, i) for i in numbers]
            compared = [
                _conclude(result, rule, worst, part if is_small(part) else None)
                for result, worst, part in zip(
                    results, found.elements(numbers), excess, strict=True
                )
            ]
        sides = [segments.part(difference.expected, i) for i in numbers]
        pairs = zip(compared, sides, strict=True)
        return [_warn_if_nothing_finite(one, side) for one, side in pairs]


def _large(
    actual: Array, expected: Array, rule: ElementTolerance, schedule: Schedule
) -> Comparison:
    """Compare two real arrays by themselves, a chunk at a time."""
    a, e, order = aligned(actual, expected)
    result = by_numpy.measure_equal(a, e) or _measured(a, e, rule, schedule)
    worst = _worst(result, rule, actual, expected, order)
    return _warn_if_nothing_finite(_conclude(result, rule, worst), e)


def _measured(
    actual: Array, expected: Array, rule: ElementTolerance, schedule: Schedule
) -> SegmentResult:
    loops = compiled.worthwhile_kernels(actual.size, schedule.worthwhile)
    if loops:
        return compiled.measure_chunks(actual, expected, rule, schedule, loops)
    return by_numpy.measure_chunks(actual, expected, rule, schedule)


def _integers(actual: Array, expected: Array) -> Comparison:
    """Compare integers or booleans exactly."""
    a, e, order = aligned(actual, expected)
    result = by_numpy.measure_integers(a, e)
    worst = _worst(result, EXACT, actual, expected, order)
    excess = np.where(actual == expected, 0.0, np.inf) if is_small(actual) else None
    # Integers have no ULP: their difference counts the numbers between them.
    return _conclude(result, EXACT, replace(worst, ulp=worst.absolute), excess)


def _worst(
    result: SegmentResult,
    rule: ElementTolerance,
    actual: Array,
    expected: Array,
    order: tuple[int, ...],
) -> Element:
    """Return the worst element of arrays that were measured with their axes in another order."""
    shape = [actual.shape[axis] for axis in order]
    place = dict(zip(order, np.unravel_index(result.worst, shape), strict=True))
    index = tuple(int(place[axis]) for axis in range(actual.ndim))
    with np.errstate(invalid="ignore"):  # a signalling NaN warns
        numbers = float(actual[index]), float(expected[index])
    return element_under(rule, index, *numbers)


def _conclude(
    result: SegmentResult, rule: ElementTolerance, worst: Element, excess: Array | None = None
) -> Comparison:
    verdict = _verdict(result, rule, worst)
    measured = Measured(result.statistics, worst, excess)
    return Comparison(verdict, rule.text, measured, result.disagreeing)


def _verdict(result: SegmentResult, rule: ElementTolerance, worst: Element) -> Verdict:
    found = result.statistics
    if found.nonfinite:
        where = f"{worst.actual} against {worst.expected} at {worst.index}"
        more = f", and {found.nonfinite - 1} more" if found.nonfinite > 1 else ""
        return Verdict(False, "non-finite", where + more)
    if found.equal == found.total:
        return Verdict(True, "exact")
    reason: Reason = "tolerance" if rule.chosen or result.disagreeing else "rounding"
    return Verdict(result.disagreeing == 0, reason)


def _warn_if_nothing_finite(comparison: Comparison, expected: Array) -> Comparison:
    """Warn of arrays that agree because neither has a finite number: that proves nothing."""
    if comparison.verdict.reason != "exact" or comparison.statistics.ee > 0:
        return comparison  # mostly: a number that is finite and not zero
    for _, _, piece in pieces(expected, expected, 0, expected.size, PIECE):
        wide = piece.view(BFLOAT16) if expected.dtype == BFLOAT16 else piece
        if np.isfinite(wide).any():
            return comparison
    return replace(comparison, verdict=NOTHING_FINITE)


def _refuse(reason: Reason, detail: str) -> Comparison:
    return Comparison(Verdict(False, reason, detail), EXACT.text)
