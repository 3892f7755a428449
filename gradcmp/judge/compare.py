"""Two arrays held together element by element, whatever their size, layout and dtype."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gradcmp.case import DTypeTable, Tolerance
from gradcmp.judge.definition import Difference, differ, tally_of
from gradcmp.judge.integers import tally_integers
from gradcmp.judge.parallel import tally_reals
from gradcmp.judge.pieces import aligned
from gradcmp.judge.records import SMALL, Comparison, Element, Reason, Verdict
from gradcmp.judge.tally import Tally
from gradcmp.judge.tolerance import EXACT, Rule, rule_of
from gradcmp.judge.ulp import FORMATS, coarser
from gradcmp.recording import Array

BY_DTYPE = DTypeTable()
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
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        return _refuse("shape", f"{actual.shape} against {expected.shape}")
    names = (actual.dtype.name, expected.dtype.name)
    for name in names:
        if name not in KINDS:
            return _refuse("dtype", f"{name} is no dtype that can be compared")
    kinds = tuple(KINDS[name] for name in names)
    if kinds[0] != kinds[1]:
        return _refuse("dtype", f"{names[0]} against {names[1]}")
    if actual.size == 0:
        return Comparison(
            Verdict(True, "empty", f"shape {actual.shape} has no elements"), EXACT.text
        )
    unit = coarser(*names) if kinds[0] == "float" else None
    rule = EXACT if unit is None else rule_of(tolerance, unit)
    small = actual.ndim <= 2 and max(actual.shape, default=1) <= SMALL
    if small and unit is not None:
        return _compare_small(actual, expected, rule)
    a, e, order = aligned(actual, expected)
    tally = tally_integers(a, e) if unit is None else tally_reals(a, e, rule)
    place = dict(zip(order, np.unravel_index(tally.worst, a.shape), strict=True))
    index = tuple(int(place[axis]) for axis in range(a.ndim))
    worst = _wide(actual[index]), _wide(expected[index])
    comparison = _conclude(tally, rule, index, worst, differ(*worst, rule))
    return replace(comparison, excess=_unequal(actual, expected)) if small else comparison


def _compare_small(actual: Array, expected: Array, rule: Rule) -> Comparison:
    """Compare arrays that are reported whole: every element's difference is needed anyway."""
    a, e = _wide(actual), _wide(expected)
    difference = differ(a, e, rule)
    tally = tally_of(difference)
    finite = np.isfinite(a) & np.isfinite(e)
    with np.errstate(all="ignore"):
        tally.dot(a[finite], e[finite])
    index = tuple(int(i) for i in np.unravel_index(tally.worst, a.shape))
    comparison = _conclude(tally, rule, index, (a[index], e[index]), difference.at(index))
    return replace(comparison, excess=difference.excess)


def _unequal(actual: Array, expected: Array) -> Array:
    """Give the excess of integers, to which nothing is allowed."""
    return np.where(actual == expected, 0.0, np.inf)


def _wide(array: Array) -> Array:
    with np.errstate(invalid="ignore"):  # a signalling NaN
        return np.asarray(array, np.float64)


def _conclude(
    tally: Tally, rule: Rule, index: tuple[int, ...], worst: tuple[Array, Array], at: Difference
) -> Comparison:
    a, e = map(float, worst)
    # Integers have no ULP: their difference counts the numbers between them.
    ulp = at.absolute if rule is EXACT else at.ulp
    return Comparison(
        _verdict(tally, rule, f"{a} against {e} at {index}"),
        rule.text,
        tally.total,
        tally.disagreeing,
        Element(index, a, e, float(at.absolute), float(at.relative), float(ulp), float(at.allowed)),
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


def _verdict(tally: Tally, rule: Rule, worst: str) -> Verdict:
    if tally.nonfinite:
        more = f", and {tally.nonfinite - 1} more" if tally.nonfinite > 1 else ""
        return Verdict(False, "non-finite", worst + more)
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
