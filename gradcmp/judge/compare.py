"""Two arrays held together element by element, whatever their size, layout and dtype."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from gradcmp.case import DTypeTable, Tolerance
from gradcmp.judge.definition import differ, element_under, tally_of
from gradcmp.judge.integers import tally_integers
from gradcmp.judge.parallel import tally_reals
from gradcmp.judge.pieces import aligned
from gradcmp.judge.records import SMALL, Comparison, Element, Reason, Verdict
from gradcmp.judge.tally import Tally
from gradcmp.judge.tolerance import EXACT, Rule, rule_of
from gradcmp.judge.ulp import FORMATS, coarser
from gradcmp.judge.void import reserved
from gradcmp.recording import Array, dtype_name

BY_DTYPE = DTypeTable()
FEW = 4  # elements
KINDS = {
    **dict.fromkeys(FORMATS, "float"),
    **dict.fromkeys(("int8", "int16", "int32", "int64"), "int"),
    **dict.fromkeys(("uint8", "uint16", "uint32", "uint64"), "int"),
    "bool": "bool",
}


def compare(actual: Array, expected: Array, tolerance: Tolerance = BY_DTYPE) -> Comparison:
    """Hold two arrays together element by element.

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
    return with_excess(hold(actual, expected, tolerance), actual, expected, tolerance)


def with_excess(
    comparison: Comparison, actual: Array, expected: Array, tolerance: Tolerance
) -> Comparison:
    """Add the excess of every element, if the arrays are small and could be compared."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    if not (comparison.total and is_small(actual)):
        return comparison
    names = dtype_name(actual.dtype), dtype_name(expected.dtype)
    if KINDS[names[0]] != "float":
        return replace(comparison, excess=np.where(actual == expected, 0.0, np.inf))
    rule = rule_of(tolerance, coarser(*names))
    return replace(comparison, excess=differ(_wide(actual), _wide(expected), rule).excess)


def is_small(array: Array) -> bool:
    """Whether an array is reported whole."""
    return array.ndim <= 2 and max(array.shape, default=1) <= SMALL


def hold(actual: Array, expected: Array, tolerance: Tolerance) -> Comparison:
    """Compare as `compare` does, without the excess of every element."""
    actual, expected = np.asarray(actual), np.asarray(expected)
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
    rule = rule_of(tolerance, coarser(*names)) if kind == "float" else EXACT
    if actual.size <= FEW and kind == "float":
        return reserved(_conclude_few(_wide(actual), _wide(expected), rule), actual, expected)
    a, e, order = aligned(actual, expected)
    tally = tally_reals(a, e, rule) if kind == "float" else tally_integers(a, e)
    place = dict(zip(order, np.unravel_index(tally.worst, a.shape), strict=True))
    index = tuple(int(place[axis]) for axis in range(a.ndim))
    worst = element_under(rule, index, _number(actual[index]), _number(expected[index]))
    if rule is EXACT:  # integers have no ULP: their difference counts the numbers between them
        return _conclude(tally, rule, replace(worst, ulp=worst.absolute))
    return reserved(_conclude(tally, rule, worst), a, e)


def _conclude_few(actual: Array, expected: Array, rule: Rule) -> Comparison:
    """Compare element by element: for a few a sweep takes longer to set up."""
    numbers = zip(actual.ravel().tolist(), expected.ravel().tolist(), strict=True)
    pairs = zip(np.ndindex(actual.shape), numbers, strict=True)
    elements = [element_under(rule, index, a, e) for index, (a, e) in pairs]
    tally = tally_of(elements)
    return _conclude(tally, rule, elements[tally.worst])


def _wide(array: Array) -> Array:
    with np.errstate(invalid="ignore"):  # a signalling NaN
        return np.asarray(array, np.float64)


def _number(one: Any) -> float:
    """Give an element as a float; a signalling NaN warns."""
    with np.errstate(invalid="ignore"):
        return float(one)


def _conclude(tally: Tally, rule: Rule, worst: Element) -> Comparison:
    return Comparison(
        _verdict(tally, rule, worst),
        rule.text,
        tally.total,
        tally.disagreeing,
        worst,
        tally.max_absolute,
        tally.max_relative,
        tally.max_ulp,
        equal=tally.equal,
        nonfinite=tally.nonfinite,
        norm_actual=math.sqrt(tally.aa),
        norm_expected=math.sqrt(tally.ee),
        cosine=_cosine(tally),
        octaves=tally.trimmed,
    )


def _verdict(tally: Tally, rule: Rule, worst: Element) -> Verdict:
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


def _cosine(tally: Tally) -> float | None:
    """Give the cosine of the angle; None where there is none, beside a zero or an overflow."""
    size = math.sqrt(tally.aa) * math.sqrt(tally.ee)
    if not 0 < size < math.inf or not math.isfinite(tally.ae):
        return None
    return max(-1.0, min(1.0, tally.ae / size))
