"""The decision table: loud or quiet, and whether float64 shrinks it; and the words for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gradcmp.dtypes import FORMATS, Format, coarser
from gradcmp.judge.auto.loudness import Limits, Loudness, apart, loudness
from gradcmp.judge.auto.overflow import Overflow
from gradcmp.judge.auto.source import PRECISE
from gradcmp.judge.auto.tensors.pair import TensorPair
from gradcmp.judge.comparison import STAYS, Comparison, Element, Noise, Verdict
from gradcmp.judge.elementwise.difference import element
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.noise.calibration import Scale
from gradcmp.recording import Array, dtype_name

ROUNDING = Verdict(True, "rounding")
LOST = (
    "all digits are lost at {index}, and no more than the usual formula loses: its result is far "
    "smaller than the numbers that it subtracts"
)
LOST_FROM = 0.5  # of the number itself: not one digit is right
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
        return Verdict(False, "bug", STAYS)
    return Verdict(True, "note", "in float64 a difference stays that hides below the noise here")


def out_of_range(seen: Comparison, tensor: TensorPair, overflow: Overflow) -> Comparison:
    """Reclassify one-sided NaN and infinities as *range* where overflows explain all of them.

    Parameters
    ----------
    seen : Comparison
        What the arrays are without it: non-finite.
    overflow : Overflow
        What overflows in the dtype, and where that leads to.
    """
    reached = overflow.reached(tensor.name)
    if reached is None or reached.shape != tensor.unmatched.shape:
        return seen
    if not np.all(reached | ~tensor.unmatched):
        return seen
    return replace(seen, verdict=Verdict(False, "range", overflow.why(tensor.name)))


def beside_unmatched(seen: Comparison, rest: Comparison | None) -> Comparison:
    """Return what is said of elements where one side alone is NaN or infinite, and of the others.

    Parameters
    ----------
    seen : Comparison
        Of all elements, the worst being one of those.
    rest : Comparison, optional
        Of the others; None where they have no noise.
    """
    if rest is None:
        return seen
    verdict = seen.verdict
    if not rest.agrees:
        wrong = f"{rest.disagreeing} finite elements disagree besides: {rest.verdict.reason}"
        verdict = replace(verdict, detail=f"{verdict.detail}; {wrong}")
    excess = seen.excess
    if excess is not None and rest.excess is not None:
        excess = np.where(np.isinf(excess), excess, rest.excess)
    return replace(
        seen.with_measured(excess=excess),
        verdict=verdict,
        disagreeing=seen.statistics.nonfinite + rest.disagreeing,
    )


def has_no_digit(seen: Comparison) -> bool:
    """Whether a tensor that agrees as rounding has an element of which not one digit agrees."""
    return seen.verdict.reason == "rounding" and seen.statistics.max_relative >= LOST_FROM


def may_have_lost_digits(seen: Comparison, tensor: TensorPair, known: Float) -> bool:
    """Whether `lost_digits` may say anything of a tensor, by a test that needs no noise."""
    return has_no_digit(seen) and bool(_lost(tensor, known).any())


def lost_digits(
    seen: Comparison,
    tensor: TensorPair,
    known: Float,
    scale: Callable[..., Scale],
    precision: Format,
    limits: Limits,
) -> Comparison:
    """Return *precision* for what agrees as rounding, though a formula has lost all digits.

    Of what `may_have_lost_digits`. One side has a zero, or next to it, in float64 as well, where
    the other has a number that a better formula tells from zero: by the noise of that formula
    the difference is loud.

    Parameters
    ----------
    known : array
        What the reference has.
    scale : callable
        Returns the noise of the usual formula, and with `PRECISE` that of the better one.
    """
    lost = _lost(tensor, known)
    if not tensor.float64:  # what the usual formula leaves in float64
        lost &= FORMATS["float64"].u / precision.u * scale().s >= np.abs(known)
    if not lost.any():
        return seen
    difference = apart(*(np.asarray(array, np.float64) for array in tensor.values))
    better = scale(PRECISE)
    found = loudness(np.where(lost, difference, 0.0), better, replace(limits, p=np.inf))
    if not found.loud:
        return seen
    worst = element_of(found, tensor.values, float(better.s[found.index]) * limits.r)
    verdict = Verdict(True, "precision", LOST.format(index=found.index))
    measured = seen.with_measured(worst=worst, noise=noise_of(found, None, worst))
    return replace(measured, verdict=verdict)


def _lost(tensor: TensorPair, known: Float) -> npt.NDArray[np.bool_]:
    """Return where one side is next to zero, in float64 as well where that is known."""
    lost = _is_lost(tensor.values, known)
    if tensor.float64:
        lost &= _is_lost(tensor.float64, known)
    return lost


def _is_lost(values: tuple[Array, Array], known: Float) -> npt.NDArray[np.bool_]:
    """Return where one side is next to zero, and so has not one digit of the known number."""
    actual, expected = (np.abs(np.asarray(array, np.float64)) for array in values)
    lost: npt.NDArray[np.bool_] = np.abs(actual - expected) >= LOST_FROM * np.abs(known)
    lost &= np.minimum(actual, expected) < LOST_FROM * np.abs(known)
    return lost


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
    """Return the decimal digits that an error leaves: at least none, all without an error."""
    if not error > 0:
        return math.inf
    return max(0.0, -math.log10(error / abs(value))) if value else 0.0
