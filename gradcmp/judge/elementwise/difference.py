"""What the difference of two numbers is: the definition, plainly, in float64."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gradcmp.judge.comparison import Element
from gradcmp.judge.elementwise.tolerance import ElementTolerance
from gradcmp.judge.elementwise.ulp import FORMATS, Format, UlpMeter, distance
from gradcmp.recording import Array

LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class Difference:
    """Differences of two float64 arrays, element by element.

    Attributes
    ----------
    absolute, relative, ulp : array of float64
        ``|a − e|``, ``|a − e| / |e|`` and the distance in ULP. 0 where both are the same number
        or the same non-finite value; infinity where only one is NaN or the infinity that it is.
    allowed : array of float64
        The absolute difference that the rule allows; under an ULP rule, what that many ULP are
        worth between these two numbers. Always finite; 0 beside NaN and infinity.
    """

    absolute: Array
    relative: Array
    ulp: Array
    allowed: Array

    @property
    def excess(self) -> Array:
        """The absolute difference as a multiple of the allowed one: above 1 it disagrees."""
        with np.errstate(all="ignore"):
            excess: Array = np.fmax(self.absolute / self.allowed, 0.0)  # past the NaN of 0 / 0
        return excess


def differ(actual: Array, expected: Array, rule: ElementTolerance) -> Difference:
    """Measure float64 arrays, of the same shape, against a rule."""
    finite = np.isfinite(actual) & np.isfinite(expected)
    if finite.all():
        return _differ(actual, expected, rule)
    found = _differ(np.where(finite, actual, 0.0), np.where(finite, expected, 0.0), rule)
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    unmatched = np.where(same, 0.0, np.inf)
    return Difference(
        np.where(finite, found.absolute, unmatched),
        np.where(finite, found.relative, unmatched),
        np.where(finite, found.ulp, unmatched),
        np.where(finite, found.allowed, 0.0),
    )


def _differ(actual: Array, expected: Array, rule: ElementTolerance) -> Difference:
    """Measure finite numbers."""
    flat = actual.reshape(-1), expected.reshape(-1)
    ruler = UlpMeter(rule.unit, FORMATS["float64"], actual.size)
    with np.errstate(all="ignore"):
        error, size = np.abs(actual - expected), np.abs(expected)
        relative = np.fmax(error / size, 0.0)  # past the NaN of 0 / 0
        steps, _ = ruler.measure(*flat, one_sign=bool(np.all(relative < 0.5)))
        ulp = (steps / 2.0**ruler.shift).reshape(error.shape)
        if rule.ulp is None:
            allowed = rule.atol + rule.rtol * size
        else:
            spacing = rule.ulp * _spacing(expected, rule)
            allowed = np.where(ulp == 0, spacing, error * (rule.ulp / ulp))
        # An overflow exceeds it anyway; past the NaN of infinity times no ULP.
        allowed = np.fmin(allowed, LARGEST)
    return Difference(error, relative, ulp, allowed)


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
    """Measure two numbers against a rule: what `differ` says of one element."""
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
