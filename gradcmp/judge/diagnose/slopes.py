"""Slopes of a function on a line: by complex step, by differences, and to one side alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

Method: TypeAlias = Literal["complex step", "differences"]
Line: TypeAlias = Callable[[float | complex], Any]  # the function on a line through the point

EPS = 2.0**-52
COMPLEX_STEP = 1e-30  # nothing is subtracted, so nothing cancels however small it is
ROUNDING = 1e-10  # what float64 leaves of a forward pass through a deep or cancelling graph
FIRST_STEP, SHRINK, STEPS = 1e-2, 2.0, 10  # of the tableau of differences: down to 2e-5
KINK_STEP = 1e-6  # so short that a smooth function is a line to a millionth
SETTLED = 1e-3  # of a slope: what differences disagree by where there is none
# Growth of the slope from one step to the next, half as long: of a root 1.41, of a jump of the
# function itself 2. What grows less comes from curvature.
POLE = (1.2, 1.95)
FURTHEST = 5  # steps that are asked for it, the shortest


@dataclass(frozen=True)
class Truth:
    """A derivative of ``<cotangent, output>`` along a direction.

    Attributes
    ----------
    value : float
        Infinite where the slope grows without bound.
    error : float
        What it may be off itself.
    method : {"complex step", "differences"}
    other : float, optional
        At a kink, the slope to the other side: whatever lies between is right.
    end : bool
        Whether it is the slope to one side, at the end of a domain: there is none to the other,
        so that NaN is a convention.
    """

    value: float
    error: float
    method: Method
    other: float | None = None
    end: bool = False

    @property
    def low(self) -> float:
        """The least that is right."""
        return self.value if self.other is None else min(self.value, self.other)

    @property
    def high(self) -> float:
        """The most that is right."""
        return self.value if self.other is None else max(self.value, self.other)

    @property
    def is_single(self) -> bool:
        """Whether the slopes to both sides are one: a kink was seen where numbers cancel."""
        size = max(abs(self.low), abs(self.high))
        return self.high - self.low <= self.error + KINK_STEP * size

    def rounded(self, slope: float) -> float:
        """Return a slope as 0 where it is nothing but its own error."""
        return slope if abs(slope) > self.error else 0.0

    def widened(self, low: float, high: float) -> Truth:
        """Return it with other numbers that are right as well."""
        return replace(self, value=min(self.low, low), other=max(self.high, high))


def complex_step(line: Line) -> Truth | None:
    """Im f(i h) / h; None where an op refuses complex numbers.

    Ref: Squire and Trapp (1998), Using complex variables to estimate derivatives of real
    functions.
    """
    try:
        value = float(np.imag(line(1j * COMPLEX_STEP))) / COMPLEX_STEP
    except TypeError:
        return None
    return Truth(value, ROUNDING * abs(value), "complex step") if np.isfinite(value) else None


def differences(line: Line, scale: float, rounding: float) -> Truth | None:
    """Central differences, extrapolated to the step 0; None where they do not settle.

    Ref: Ridders (1982), Accurate computation of F'(x) and F'(x) F''(x).
    """

    def slope(h: float) -> float:
        return (float(line(h)) - float(line(-h))) / (2 * h)

    return _extrapolated([(h, slope(h)) for h in _steps(scale)], 2, rounding)


def settled(found: Truth | None, scale: float, rounding: float) -> Truth | None:
    """Return a slope that its steps agree on; None of one that they only came near to."""
    if found is None:
        return None
    size = rounding / EPS / scale  # of a slope that changes the function by its own size
    return found if found.error <= SETTLED * abs(found.value) + KINK_STEP * size else None


def one_sided(line: Line, scale: float, rounding: float, way: int) -> Truth | None:
    """Return the slope to one side, infinite where it grows without bound; None without one."""
    here = float(line(0.0))
    if not np.isfinite(here):
        return None
    found = [(h, (float(line(way * h)) - here) / (way * h)) for h in _steps(scale)]
    slopes = np.array([slope for _, slope in found[-FURTHEST:]])
    growth = slopes[1:] / slopes[:-1]
    if np.all((growth > POLE[0]) & (growth < POLE[1])):
        return Truth(float(np.copysign(np.inf, slopes[-1])), 0.0, "differences")
    return settled(_extrapolated(found, 1, rounding), scale, rounding)


def is_kink(line: Line, scale: float, rounding: float) -> bool:
    """Whether the slopes to both sides differ by what does not shrink with the step."""
    here = float(line(0.0))

    def jump(h: float) -> float:
        return (float(line(h)) - 2 * here + float(line(-h))) / h

    h = KINK_STEP * scale
    wide, narrow = jump(h), jump(h / 4)  # h f'' of a smooth function: a quarter of it
    return abs(narrow) > 0.6 * abs(wide) and abs(narrow) > 400 * rounding / h


def _steps(scale: float) -> list[float]:
    return [float(h) for h in FIRST_STEP * scale / SHRINK ** np.arange(STEPS)]


def _extrapolated(found: list[tuple[float, float]], order: int, rounding: float) -> Truth | None:
    """Return the slope at the step 0 from those at steps whose error has powers of `order`."""
    best = Truth(np.nan, np.inf, "differences")
    earlier: list[float] = []
    for h, slope in found:
        row = [slope]
        for place, before in enumerate(earlier, start=1):
            factor = SHRINK ** (order * place)
            row.append((factor * row[-1] - before) / (factor - 1))
            error = max(abs(row[-1] - row[-2]), abs(row[-1] - before))
            error += 4 * rounding / h  # extrapolation adds to it
            if error < best.error:
                best = replace(best, value=float(row[-1]), error=float(error))
        earlier = row
    return best if best.error < np.inf else None
