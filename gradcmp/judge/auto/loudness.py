"""Is a difference loud: larger than the noise that a correct implementation would show?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gradcmp.case import DType
from gradcmp.dtypes import FORMATS, Format
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.noise.calibration import Scale

# Units roundoff of a float64 difference that shrank as rounding does, whatever the noise is: rho
# is below 64 up to 64 / sqrt(3), as s is at least u |g| / sqrt(3).
SETTLED_FLOAT64 = 36.0
U_FLOAT64 = FORMATS["float64"].u


@dataclass(frozen=True)
class Limits:
    """From where on r and p are loud.

    Attributes
    ----------
    shrinks : float
        Times r that the float64 difference may exceed its own noise and still scale.
    coherent : float
        The largest noise of a common factor at which p is asked: beyond, rounding alone makes
        the tensor another one, and what is left of its factor has heavy tails.
    """

    r: float
    p: float
    shrinks: float = 64.0
    coherent: float = np.inf


LIMITS = Limits(8.0, 6.0)  # with as many replicas as there are
# Of bfloat16: docs/design/half_precision.md. Beyond the last a wrong sign, a factor of -1, would
# not reach the second.
BFLOAT16_LIMITS = Limits(8.0, 4.5, coherent=0.4)
# Of a code's own noise, which is rougher: p alone would raise false alarms.
OWN_LIMITS = Limits(10.0, np.inf, 1000.0)


def limits_of(dtype: DType) -> Limits:
    """Return from where on a difference is loud, by calibrated noise."""
    return BFLOAT16_LIMITS if FORMATS[dtype].only_stores else LIMITS


@dataclass(frozen=True)
class Loudness:
    """How loud the difference of two arrays is.

    Attributes
    ----------
    r : float
        ``max |D| / s``: the worst element as a multiple of the noise.
    p : float
        The same for a factor common to all elements, too small to be seen in any one of them:
        ``alpha = sum(w D) / sum(w g)`` with ``w = g / s^2``, over its own noise.
    index : tuple of int
        The element where r is reached.
    over : int
        How many elements exceed the limit of r.
    limits : Limits
    """

    r: float
    p: float
    index: tuple[int, ...]
    over: int
    limits: Limits

    @property
    def loud(self) -> bool:
        """Whether it is more than rounding explains; NaN is loud."""
        return not (self.r <= self.limits.r and self.p <= self.limits.p)


def apart(actual: Float, expected: Float) -> Float:
    """Return the difference: 0 where both are the same infinity or NaN, which is no difference."""
    with np.errstate(invalid="ignore"):
        difference: Float = actual - expected
    if not np.isfinite(np.add.reduce(difference, None)):
        same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
        difference = np.where(same, 0.0, difference)
    return difference


def is_close(size: Float, difference: Float, allowed: Float | float = 0.0) -> npt.NDArray[np.bool_]:
    """Return for each element whether two float64 runs are as close as rounding alone leaves them.

    Parameters
    ----------
    size, difference : array
        ``|e64|`` and ``|a64 − e64|``.
    allowed : array, optional
        What else is close, where that is more than a few roundings.
    """
    with np.errstate(all="ignore"):
        few = (SETTLED_FLOAT64 * U_FLOAT64) * size
        most = np.maximum(few, allowed)
        close: npt.NDArray[np.bool_] = difference <= most
    if not np.isfinite(np.add.reduce(few, None)):  # what is infinite, or NaN, has to be the same
        close = (difference == 0) | (close & np.isfinite(few))
    return close


def loudness(difference: Float, scale: Scale, limits: Limits) -> Loudness:
    """Measure a difference against the noise of its tensor."""
    with np.errstate(all="ignore"):
        ratios = _over(difference, scale.s)
        index = np.unravel_index(int(np.argmax(ratios)), ratios.shape)
        w = np.where(np.isfinite(scale.base), scale.base / np.square(scale.s), 0.0)
        total = float(np.sum(w * np.where(np.isfinite(scale.base), scale.base, 0.0)))
        alpha = abs(float(np.sum(w * difference))) / total if total > 0 else 0.0
    return Loudness(
        float(ratios[index]),
        alpha / scale.coherent if scale.coherent <= limits.coherent else 0.0,
        tuple(map(int, index)),
        int(np.count_nonzero(~(ratios <= limits.r))),
        limits,
    )


def together(scales: Sequence[Scale]) -> Scale:
    """Return the noise of a difference from the noise of its sides."""
    first, *others = scales
    for other in others:
        first = replace(
            first,
            s=np.hypot(first.s, other.s),
            coherent=float(np.hypot(first.coherent, other.coherent)),
            kinks=tuple(dict.fromkeys((*first.kinks, *other.kinks))),
        )
    return first


def shrinks(difference: Float, scale: Scale, seen: Loudness, precision: Format) -> float:
    """Return how far a float64 difference exceeds what rounding would have left of it.

    ``rho / (64 max(1, r, p))``, or 1000 for 64 where the noise is the code's own, with
    ``rho = max |D64| / (s u64 / u)``: at most 1 when the
    difference shrank as rounding does. A wrong formula does not shrink.
    """
    with np.errstate(all="ignore"):
        fine = scale.s * (FORMATS["float64"].u / precision.u)
        rho = float(np.max(_over(difference, fine), initial=0.0))
    allowed = seen.limits.shrinks * max(1.0, min(seen.r, 1e300), min(seen.p, 1e300))
    return rho / allowed


def _over(difference: Float, s: Float) -> Float:
    """Return the multiples of the noise; NaN is infinitely many, and no difference is none."""
    ratios = np.abs(difference) / s
    return np.where(difference == 0, 0.0, np.where(np.isnan(ratios), np.inf, ratios))
