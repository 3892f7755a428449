"""The decision table: loud or quiet, and whether float64 shrinks it; and the words for it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gradcmp.judge.auto.loudness import Loudness
from gradcmp.judge.comparison import Comparison, Element, Noise, Verdict
from gradcmp.judge.dtypes import Precision
from gradcmp.judge.elementwise.difference import element
from gradcmp.judge.elementwise.ulp import coarser
from gradcmp.recording import Array, Recording, dtype_name

ROUNDING = Verdict(True, "rounding")
UNTOLD = "no float64 run could tell rounding from a bug"
FINEST = "digits were lost in float64, or it is wrong: no finer run could tell"


def decide(
    found: Loudness,
    shrink: float | None,
    left: Loudness | None,
    same: bool = False,
    finest: bool = False,
) -> Verdict:
    """Read the decision table: loud or quiet, and whether float64 shrinks it.

    What makes a difference loud and is no rounding is as large in float64. If the difference
    that stays there lies below the noise, digits were lost and something small is wrong besides.

    Parameters
    ----------
    shrink : float, optional
        `shrinks` of the float64 run; None without one.
    left : Loudness, optional
        Of the float64 run's difference, held against the noise of the dtype under test.
    same : bool
        Whether it is one backend at two times. An unstable algorithm that sums in another order
        moves in float64 as well; where that stayed, float32 alone was changed, and no order did it.
    finest : bool
        Whether both sides are in float64 themselves, so that no finer run can ever tell.
    """
    if shrink is None or left is None:
        if found.loud:
            return Verdict(False, "suspect", FINEST if finest else UNTOLD)
        return ROUNDING
    if shrink <= 1:
        # rho / max(1, r, p) of the same kind of error is between 1/64 and 64.
        stayed = shrink * found.limits.shrinks**2 < 1
        if found.loud and same and stayed:
            return Verdict(False, "suspect", "in float64 nothing has changed: it is not rounding")
        if found.loud:
            return Verdict(True, "precision", "in float64 it shrinks as rounding does")
        return ROUNDING
    if found.loud and max(left.r, left.p) < 1:
        return Verdict(
            True, "note", "digits were lost, and in float64 a difference stays, far below the noise"
        )
    if found.loud:
        return Verdict(False, "bug", "in float64 the difference stays: it is not rounding")
    return Verdict(True, "note", "in float64 a difference stays that hides below the noise here")


def overflowed(
    seen: Comparison, values: tuple[Array, Array], precision: Precision, reference: Recording
) -> Comparison:
    """Reclassify a one-sided NaN or infinity as *range* where the true value exceeds the dtype.

    Parameters
    ----------
    seen : Comparison
        What the arrays are without it: non-finite.
    reference : Recording
        In float64: it knows the numbers that are too large.
    """
    name = _too_large(reference, precision)
    if name is None:
        return seen
    actual, expected = (np.asarray(array, np.float64) for array in values)
    finite = np.isfinite(actual) & np.isfinite(expected)
    with np.errstate(all="ignore"):
        rest = np.abs(actual - expected)[finite]
    if not np.all(np.isfinite(rest)):
        return seen
    detail = f"'{name}' exceeds {precision.largest:g}, the largest number of the dtype"
    return replace(seen, verdict=Verdict(False, "range", detail))


def _too_large(reference: Recording, precision: Precision) -> str | None:
    for name, array in reference.tensors.items():
        if array.dtype.kind == "f" and np.abs(array).max(initial=0.0) > precision.largest:
            return name
    return None


def element_of(found: Loudness, values: tuple[Array, Array], allowed: float) -> Element:
    """Return the element with the most noise."""
    actual, expected = values
    unit = coarser(dtype_name(actual.dtype), dtype_name(expected.dtype))
    numbers = float(actual[found.index]), float(expected[found.index])
    return element(found.index, *numbers, unit, allowed)


def noise_of(found: Loudness, shrink: float | None, worst: Element) -> Noise:
    """Return the numbers of a verdict, `worst` being the element where r is reached."""
    return Noise(
        multiple=found.r,
        coherent=found.p,
        limit=found.limits.r,
        coherent_limit=found.limits.p,
        shrink=shrink,
        digits=_digits(worst.absolute, worst.expected),
        digits_expected=_digits(worst.allowed / found.limits.r, worst.expected),
    )


def _digits(error: float, value: float) -> float:
    """Return the decimal digits that an error leaves: none of a zero, all without an error."""
    if not error > 0:
        return math.inf
    return -math.log10(error / abs(value)) if value else 0.0
