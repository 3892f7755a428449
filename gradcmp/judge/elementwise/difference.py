"""What the difference of two numbers is, element by element.

The definition is in float64: ``error = |a − e|``, ``allowed = atol + rtol·|e|``, each operation
rounded once, and an element is close when ``error <= allowed``. A pair that float32 can hold may
be measured in float32, four times as many numbers a second: that is only a screen, with a known
slack, for the elements that are then measured by the definition.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from gradcmp.dtypes import FORMATS, Format
from gradcmp.judge.comparison import Element
from gradcmp.judge.elementwise.chunks import Buffers
from gradcmp.judge.elementwise.tolerance import ElementTolerance
from gradcmp.judge.elementwise.ulp import distance, ulp_scale
from gradcmp.once import once
from gradcmp.recording import Array

FLOAT64, FLOAT32 = FORMATS["float64"], FORMATS["float32"]
LARGEST = FLOAT64.largest
# At most six roundings of 2^-24 lie between a float32 excess and the definition.
# float64 follows the definition but for one division.
SLACK = {"float32": 2.0**-20, "float64": 2.0**-50}
FAINT = 2.0**-120  # float32 results below it may have lost digits to underflow


@lru_cache
def carrier_of(rule: ElementTolerance, *names: str) -> Format:
    """Return the arithmetic that arrays of these dtypes are measured in.

    float32 holds float32, float16 and bfloat16 exactly, but a tolerance may be beyond it.
    """
    within = rule.rtol <= 2.0**-2 and rule.atol <= 2.0**100  # no allowance overflows
    within &= not 0 < rule.rtol < 2.0**-100  # nor does float32 lose it
    return FLOAT32 if "float64" not in names and within else FLOAT64


class Difference:
    """Differences of two arrays, element by element; most are computed when they are needed.

    Parameters
    ----------
    actual, expected : array
        Flat, of the carrier's dtype.
    carrier : Format
        float64, or float32 as a screen.

    Attributes
    ----------
    apart : array of int, optional
        The elements where a number is not finite; None where all are.
    unmatched : array of int, optional
        Those where one side alone is NaN or the infinity that it is; None without any.
    pair : pair of array
        Both, with zeros in place of every pair that is not finite.
    absolute : array
        ``|a − e|`` of the pair.
    absolute_peak : float
        The largest of them.
    """

    def __init__(
        self,
        actual: Array,
        expected: Array,
        rule: ElementTolerance,
        carrier: Format = FLOAT64,
        buffers: Buffers | None = None,
    ) -> None:
        self.actual, self.expected, self.rule, self.carrier = actual, expected, rule, carrier
        self._buffers = buffers
        self.scale = ulp_scale(rule.unit, carrier)
        self.apart: Array | None = None
        self.unmatched: Array | None = None
        self.pair = (actual, expected)
        error: Array = np.subtract(actual, expected, out=self._buffer("absolute"))
        self.absolute: Array = np.abs(error, out=error)
        self.absolute_peak = float(np.maximum.reduce(error))  # NaN if any is
        if not math.isfinite(self.absolute_peak):
            self._set_apart()

    def _set_apart(self) -> None:
        """Set apart what is not finite; what overflowed stays."""
        odd = np.flatnonzero(~np.isfinite(self.absolute))
        a, e = self.actual[odd], self.expected[odd]
        finite = np.isfinite(a) & np.isfinite(e)
        if finite.all():
            return
        unmatched = odd[~(finite | (a == e) | (np.isnan(a) & np.isnan(e)))]
        if unmatched.size:
            self.unmatched = unmatched
        self.apart = odd[~finite]
        self.pair = self._zeroed("actual"), self._zeroed("expected")
        self.absolute[self.apart] = 0
        self.absolute_peak = float(np.maximum.reduce(self.absolute))

    def _zeroed(self, name: str) -> Array:
        zeroed: Array = np.positive(getattr(self, name), out=self._buffer(name))
        zeroed[self.apart] = 0
        return zeroed

    def room(self, name: str, dtype: str) -> Array | None:
        """Return room for a result; without buffers None: NumPy makes some."""
        return self._buffers.take(name, dtype, len(self.actual)) if self._buffers else None

    def _buffer(self, name: str) -> Any:
        return self.room(name, self.actual.dtype.char)

    @once
    def relative(self) -> Array:
        """``|a − e| / |e|``; 0 or NaN where the difference is 0."""
        if self.absolute_peak == 0:
            return self.absolute
        relative: Array = np.divide(self.absolute, self.pair[1], out=self._buffer("relative"))
        return np.abs(relative, out=relative)

    @once
    def relative_peak(self) -> float:
        """The largest relative difference."""
        return float(np.fmax.reduce(self.relative))

    @property
    def steps(self) -> Array:
        """The distances on the scale of ULP, in whole numbers."""
        return self._steps[0]

    @property
    def steps_peak(self) -> int:
        """The largest distance."""
        return self._steps[1] if self.absolute_peak > 0 else 0

    @once
    def _steps(self) -> tuple[Array, int]:
        one_sign = self.relative_peak < 0.5
        return self.scale.steps(*self.pair, self._buffer("steps"), one_sign=one_sign)

    @property
    def ulp(self) -> Array:
        """The distances in ULP, in float64."""
        ulp: Array = self.steps / 2.0**self.scale.shift
        return ulp

    @once
    def allowed(self) -> Array:
        """The absolute difference that the rule allows: finite; 0 beside NaN and infinity.

        Under an ULP rule, what that many ULP are worth between these two numbers.
        """
        rule = self.rule
        if rule.ulp is None:
            allowed: Array = np.abs(self.pair[1], out=self._buffer("allowed"))
            allowed *= rule.rtol
            if rule.atol:
                allowed += rule.atol
        else:
            spacing = rule.ulp * _spacing(self.pair[1], rule)
            allowed = np.where(self.steps == 0, spacing, self.absolute * (rule.ulp / self.ulp))
        if rule.ulp is not None or rule.rtol > 1 or rule.atol > 1:
            # An overflow exceeds it anyway; past the NaN of infinity times no ULP.
            allowed = np.fmin(allowed, LARGEST)
        if self.apart is not None:
            allowed[self.apart] = 0
        return allowed

    @once
    def least_allowed(self) -> float:
        """The smallest difference that is allowed, or less: 0 only where one is 0."""
        if self.rule.atol >= FAINT and self.apart is None:
            return self.rule.atol
        return float(self.allowed.min())

    @property
    def excess(self) -> Array:
        """The absolute difference as a multiple of the allowed one: above 1 it disagrees.

        Infinity where a NaN or infinity is unmatched.
        """
        return self._excess[0]

    @property
    def excess_peak(self) -> float:
        """The largest of them."""
        return self._excess[1]

    @once
    def _excess(self) -> tuple[Array, float]:
        excess: Array = np.divide(self.absolute, self.allowed, out=self._buffer("excess"))
        if self.unmatched is not None:
            excess[self.unmatched] = np.inf
        peak = float(np.maximum.reduce(excess, initial=0.0))
        if math.isnan(peak):  # 0 / 0: equal, and nothing is allowed
            np.fmax(excess, 0.0, out=excess)
            peak = float(np.maximum.reduce(excess))
        return excess, peak

    @property
    def close(self) -> Array:
        """Where the two are close."""
        if self.rule.ulp is not None:
            limit = self.rule.ulp << self.scale.shift
            close = (self.steps <= min(limit, self.steps_peak)) & (self.absolute <= LARGEST)
        elif self.carrier is FLOAT64:
            close = self.absolute <= self.allowed
        else:
            slack = SLACK[self.carrier.name]
            close = self.excess < 1 - slack
            near = np.flatnonzero(~close & (self.excess <= 1 + slack))
            if near.size:
                close[near] = self.at(near).close
        if self.unmatched is not None:
            close[self.unmatched] = False
        return close

    @property
    def key(self) -> Array:
        """What the worst element is told by: the excess, under an ULP rule the distance."""
        # Where not one ULP is allowed every excess is infinite, and the distances still tell.
        return self.excess if self.rule.ulp is None else self.steps

    @property
    def key_unit(self) -> float:
        """What keys are counted in, which the carrier may set."""
        return 1.0 if self.rule.ulp is None else 2.0**self.scale.shift

    @property
    def in_float64(self) -> Difference:
        """All differences by the definition."""
        actual, expected = (x.astype(np.float64) for x in (self.actual, self.expected))
        return Difference(actual, expected, self.rule, buffers=self._buffers)

    def at(self, where: Array) -> Difference:
        """Return the differences of some elements, by the definition."""
        actual, expected = (x[where].astype(np.float64) for x in (self.actual, self.expected))
        return Difference(actual, expected, self.rule)


def allowance(expected: Array, rule: ElementTolerance) -> Array:
    """Return the absolute difference from each element that the rule allows, in float64."""
    flat = expected.reshape(-1)
    with np.errstate(all="ignore"):
        return Difference(flat, flat, rule).allowed.reshape(expected.shape)


def excess_of(actual: Array, expected: Array, rule: ElementTolerance) -> Array:
    """Return the `Difference.excess` of float64 arrays of any shape."""
    with np.errstate(all="ignore"):
        found = Difference(actual.reshape(-1), expected.reshape(-1), rule).excess
    return found.reshape(expected.shape)


def element(
    index: tuple[int, ...], actual: float, expected: float, unit: Format, allowed: float
) -> Element:
    """Measure two numbers, of which so much difference is allowed."""
    if not (math.isfinite(actual) and math.isfinite(expected)):
        same = actual == expected or (math.isnan(actual) and math.isnan(expected))
        apart = 0.0 if same else math.inf
        return Element(index, actual, expected, apart, apart, apart, allowed)
    error, size = abs(actual - expected), abs(expected)
    relative = 0.0 if error == 0 else error / size if size else math.inf
    ulp = distance(actual, expected, unit)
    return Element(index, actual, expected, error, relative, ulp, allowed)


def element_under(
    rule: ElementTolerance, index: tuple[int, ...], actual: float, expected: float
) -> Element:
    """Measure two numbers against a rule: as `Difference` does one element."""
    return element(index, actual, expected, rule.unit, _allowed(rule, actual, expected))


def _allowed(rule: ElementTolerance, actual: float, expected: float) -> float:
    if not (math.isfinite(actual) and math.isfinite(expected)):
        return 0.0
    if rule.ulp is None:
        return min(rule.atol + rule.rtol * abs(expected), LARGEST)
    ulp = distance(actual, expected, rule.unit)
    if ulp == 0:
        return rule.ulp * float(_spacing(np.asarray(expected), rule))
    allowed = abs(actual - expected) * (rule.ulp / ulp)
    return allowed if allowed <= LARGEST else LARGEST  # NaN is not


def _spacing(x: Array, rule: ElementTolerance) -> Array:
    """Return the step from one number of the rule's unit to the next, at `x`."""
    _, exponent = np.frexp(x)  # x = m·2^exponent with 1/2 <= m < 1, and 0 for zero
    lowest = rule.unit.lowest
    exponent = np.where(x == 0, lowest, np.maximum(exponent - 1, lowest))
    spacing: Array = np.ldexp(1.0, exponent - rule.unit.digits)
    return spacing
