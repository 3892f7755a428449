"""Two arrays held together element by element, whatever their size, layout and dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcmp.case import Tolerance
from gradcmp.judge.definition import differ
from gradcmp.judge.integers import tally_integers
from gradcmp.judge.parallel import PIECE, tally_reals
from gradcmp.judge.pieces import aligned
from gradcmp.judge.records import SMALL, Comparison, Element, Reason, Verdict
from gradcmp.judge.tally import Tally
from gradcmp.judge.tolerance import EXACT, Rule, rule_of
from gradcmp.judge.ulp import FORMATS, coarser
from gradcmp.recording import Array

KINDS = {
    **dict.fromkeys(FORMATS, "float"),
    **dict.fromkeys(("int8", "int16", "int32", "int64"), "int"),
    **dict.fromkeys(("uint8", "uint16", "uint32", "uint64"), "int"),
    "bool": "bool",
}


def compare(actual: Array, expected: Array, tolerance: Tolerance) -> Comparison:
    """Hold two arrays together element by element.

    An element is close when ``a = e``, or when ``error = |a − e|`` is finite and
    ``error <= atol + rtol·|e|`` (or the distance is at most so many ULP). +0 and −0 are equal.
    NaN agrees with NaN at the same place, whatever its sign and payload; an infinity with the
    same infinity. Integers and booleans are held together exactly. Shapes must be the same, not
    merely broadcastable, and kinds (real, integer, boolean) too; real dtypes may differ: both
    values are exact in float64, and ULP and default tolerances are those of the coarser.

    Memory beyond the inputs is constant: both are read in pieces, by several threads when large.

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
    a, e, order = aligned(actual, expected)
    tally = tally_integers(a, e, PIECE) if unit is None else tally_reals(a, e, rule)
    place = dict(zip(order, np.unravel_index(tally.worst, a.shape), strict=True))
    worst = tuple(int(place[axis]) for axis in range(a.ndim))
    small = a.ndim <= 2 and max(a.shape, default=1) <= SMALL
    return Comparison(
        _verdict(tally, rule, actual[worst], expected[worst], worst),
        rule.text,
        total=tally.total,
        disagreeing=tally.disagreeing,
        worst=_element(actual, expected, worst, rule),
        max_absolute=tally.max_absolute,
        max_relative=tally.max_relative,
        max_ulp=tally.max_ulp,
        excess=differ(_wide(actual), _wide(expected), rule).excess if small else None,
        equal=tally.equal,
        nonfinite=tally.nonfinite,
        octaves=tuple(int(count) for count in np.trim_zeros(tally.octaves, "b")),
    )


def _wide(array: Array) -> Array:
    with np.errstate(invalid="ignore"):  # a signalling NaN
        return np.asarray(array, np.float64)


def _element(actual: Array, expected: Array, index: tuple[int, ...], rule: Rule) -> Element:
    a, e = _wide(actual[index]), _wide(expected[index])
    difference = differ(a, e, rule)
    return Element(
        index,
        float(a),
        float(e),
        absolute=float(difference.absolute),
        relative=float(difference.relative),
        ulp=float(difference.absolute if rule is EXACT else difference.ulp),
        allowed=float(difference.allowed),
    )


def _verdict(tally: Tally, rule: Rule, a: Any, e: Any, worst: tuple[int, ...]) -> Verdict:
    if tally.nonfinite:
        more = f", and {tally.nonfinite - 1} more" if tally.nonfinite > 1 else ""
        return Verdict(False, "non-finite", f"{a} against {e} at {worst}{more}")
    if tally.equal == tally.total:
        return Verdict(True, "exact")
    reason: Reason = "tolerance" if rule.chosen or tally.disagreeing else "rounding"
    return Verdict(tally.disagreeing == 0, reason)


def _refuse(reason: Reason, detail: str) -> Comparison:
    return Comparison(Verdict(False, reason, detail), EXACT.text)
