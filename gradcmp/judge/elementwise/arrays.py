"""Two arrays held together element by element, whatever their size, layout and dtype."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcmp.case import DTypeTable, Tolerance
from gradcmp.judge.comparison import SMALL, Comparison, Element, Noise, Reason, Verdict
from gradcmp.judge.elementwise.chunks import aligned
from gradcmp.judge.elementwise.difference import element_under
from gradcmp.judge.elementwise.integers import tally_integers
from gradcmp.judge.elementwise.parallel import tally_reals
from gradcmp.judge.elementwise.segmented import SegmentedDifference
from gradcmp.judge.elementwise.segments import LONGEST, Segments, batches
from gradcmp.judge.elementwise.statistics import Statistics
from gradcmp.judge.elementwise.tolerance import EXACT, ElementTolerance, rule_of
from gradcmp.judge.elementwise.ulp import FORMATS, Format, coarser
from gradcmp.judge.elementwise.void import reserved
from gradcmp.recording import Array, dtype_name

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
    same infinity. Integers and booleans are held together exactly. Shapes must be the same, not
    merely broadcastable, and kinds (real, integer, boolean) too; real dtypes may differ: both
    values are exact in float64, and ULP and default tolerances are those of the coarser.

    Memory beyond the inputs is constant: both are read in pieces. Large ones are
    swept by compiled loops on all cores, where numba is installed.

    Parameters
    ----------
    actual, expected : array
        Of any strides and byte order; memory-mapped and read-only ones too.
    """
    (comparison,) = compare_all([(actual, expected)], tolerance)
    return comparison


def compare_all(
    pairs: Sequence[tuple[Array, Array]], tolerance: Tolerance = BY_DTYPE
) -> list[Comparison]:
    """Compare pairs of arrays, each as `compare` does; small ones take less time together."""
    arrays = [(np.asarray(actual), np.asarray(expected)) for actual, expected in pairs]
    found: dict[int, Comparison] = {}
    strips: dict[Format, list[int]] = {}
    for i, (actual, expected) in enumerate(arrays):
        refused, unit = _refused(actual, expected), _unit(actual, expected)
        if refused:
            found[i] = refused
        elif unit and actual.size <= LONGEST:
            strips.setdefault(unit, []).append(i)
        else:
            found[i] = _swept(actual, expected, rule_of(tolerance, unit) if unit else EXACT)
    for unit, numbers in strips.items():
        for batch in batches(numbers, [expected for _, expected in arrays]):
            held = _laid([arrays[i] for i in batch], rule_of(tolerance, unit))
            found |= zip(batch, held, strict=True)
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
    """Describe why two arrays cannot be held together, or have nothing to be held."""
    if actual.shape != expected.shape:
        return _refuse("shape", f"{actual.shape} against {expected.shape}")
    names = dtype_name(actual.dtype), dtype_name(expected.dtype)
    for name in names:
        if name not in KINDS:
            return _refuse("dtype", f"{name} is no dtype that can be compared")
    kind, other = (KINDS[name] for name in names)
    if kind != other:
        return _refuse("dtype", f"{names[0]} against {names[1]}")
    if actual.size == 0:
        return Comparison(
            Verdict(True, "empty", f"shape {actual.shape} has no elements"), EXACT.text
        )
    return None


def _laid(pairs: Sequence[tuple[Array, Array]], rule: ElementTolerance) -> list[Comparison]:
    """Compare small real arrays together."""
    strip = Segments([expected.shape for _, expected in pairs])
    actual, expected = (strip.lay(side) for side in zip(*pairs, strict=True))
    laid = SegmentedDifference(strip, actual, expected, rule)
    with np.errstate(all="ignore"):
        return [compare_laid(laid, i) for i in range(len(pairs))]


def compare_laid(laid: SegmentedDifference, i: int) -> Comparison:
    """Return the comparison of one of the pairs that lie on a strip."""
    tally, excess = laid.tallies[i], laid.excess[i]
    shown = excess if is_small(excess) else None
    comparison = _conclude(tally, laid.rule, laid.worst(i), shown)
    if tally.equal < tally.total:
        return comparison
    expected = laid.strip.cut(laid.expected)[i]
    return reserved(comparison, expected, expected)


def _swept(actual: Array, expected: Array, rule: ElementTolerance) -> Comparison:
    """Compare two arrays by themselves, a piece at a time."""
    a, e, order = aligned(actual, expected)
    tally = tally_integers(a, e) if rule is EXACT else tally_reals(a, e, rule)
    place = dict(zip(order, np.unravel_index(tally.worst, a.shape), strict=True))
    index = tuple(int(place[axis]) for axis in range(a.ndim))
    worst = element_under(rule, index, _number(actual[index]), _number(expected[index]))
    if rule is EXACT:  # integers have no ULP: their difference counts the numbers between them
        excess = np.where(actual == expected, 0.0, np.inf) if is_small(actual) else None
        return _conclude(tally, rule, replace(worst, ulp=worst.absolute), excess)
    return reserved(_conclude(tally, rule, worst), a, e)


def _number(one: Any) -> float:
    """Return an element as a float; a signalling NaN warns."""
    with np.errstate(invalid="ignore"):
        return float(one)


def _conclude(
    tally: Statistics, rule: ElementTolerance, worst: Element, excess: Array | None = None
) -> Comparison:
    return conclude(tally, _verdict(tally, rule, worst), rule.text, worst, excess)


def conclude(
    tally: Statistics,
    verdict: Verdict,
    rule: str,
    worst: Element,
    excess: Array | None = None,
    noise: Noise | None = None,
) -> Comparison:
    """Make a comparison of what was counted and what is made of it."""
    return Comparison(
        verdict,
        rule,
        tally.total,
        0 if verdict.agrees else tally.disagreeing,
        worst,
        tally.max_absolute,
        tally.max_relative,
        tally.max_ulp,
        excess,
        tally.equal,
        tally.nonfinite,
        tally.trimmed,
        noise,
        math.sqrt(tally.aa),
        math.sqrt(tally.ee),
        _cosine(tally),
    )


def _verdict(tally: Statistics, rule: ElementTolerance, worst: Element) -> Verdict:
    if tally.nonfinite:
        where = f"{worst.actual} against {worst.expected} at {worst.index}"
        more = f", and {tally.nonfinite - 1} more" if tally.nonfinite > 1 else ""
        return Verdict(False, "non-finite", where + more)
    if tally.equal == tally.total:
        return Verdict(True, "exact")
    reason: Reason = "tolerance" if rule.chosen or tally.disagreeing else "rounding"
    return Verdict(tally.disagreeing == 0, reason)


def _refuse(reason: Reason, detail: str) -> Comparison:
    return Comparison(Verdict(False, reason, detail), EXACT.text)


def _cosine(tally: Statistics) -> float | None:
    """Return the cosine of the angle; None where there is none, beside a zero or an overflow."""
    size = math.sqrt(tally.aa) * math.sqrt(tally.ee)
    if not 0 < size < math.inf or not math.isfinite(tally.ae):
        return None
    return max(-1.0, min(1.0, tally.ae / size))
