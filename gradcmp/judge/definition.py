"""What the difference of two numbers is: the definition, plainly, in float64."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gradcmp.judge.tally import Tally
from gradcmp.judge.tolerance import Rule
from gradcmp.judge.ulp import FORMATS, Ruler
from gradcmp.recording import Array


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

    def at(self, index: tuple[int, ...]) -> Difference:
        """Give the difference of one element."""
        return Difference(
            self.absolute[index], self.relative[index], self.ulp[index], self.allowed[index]
        )

    @property
    def excess(self) -> Array:
        """The absolute difference as a multiple of the allowed one: above 1 it disagrees."""
        with np.errstate(all="ignore"):
            excess = np.where(np.isfinite(self.absolute), self.absolute / self.allowed, np.inf)
        return np.where(self.absolute == 0, 0.0, excess)


def differ(actual: Array, expected: Array, rule: Rule) -> Difference:
    """Measure float64 arrays, of the same shape, against a rule."""
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    finite = np.isfinite(actual) & np.isfinite(expected)
    a, e = (np.where(finite, x, 0.0).reshape(-1) for x in (actual, expected))
    ruler = Ruler(rule.unit, FORMATS["float64"], a.size)
    with np.errstate(all="ignore"):
        error = np.abs(a - e)
        relative = np.where(error == 0, 0.0, error / np.abs(e))
        steps, _ = ruler.measure(a, e)
        ulp = steps / 2.0**ruler.shift
        if rule.ulp is None:
            allowed = rule.atol + rule.rtol * np.abs(e)
        else:
            allowed = np.where(ulp == 0, rule.ulp * _spacing(e, rule), error * (rule.ulp / ulp))
        allowed = np.minimum(allowed, np.finfo(np.float64).max)  # an overflow exceeds it anyway
    unmatched = np.where(same, 0.0, np.inf)
    absolute, relative, ulp = (
        np.where(finite, x.reshape(finite.shape), unmatched) for x in (error, relative, ulp)
    )
    return Difference(absolute, relative, ulp, np.where(finite, allowed.reshape(finite.shape), 0.0))


def tally_of(difference: Difference) -> Tally:
    """Count what a sweep counts, from differences that are there already: for small arrays."""
    absolute, relative, ulp, allowed, excess = (
        x.reshape(-1).tolist()
        for x in (
            difference.absolute,
            difference.relative,
            difference.ulp,
            difference.allowed,
            difference.excess,
        )
    )
    tally = Tally(total=len(absolute))
    for index, distance in enumerate(ulp):
        unmatched = distance == math.inf  # two finite numbers are a finite number of steps apart
        close = absolute[index] <= allowed[index]  # which is finite
        tally.equal += absolute[index] == 0
        tally.disagreeing += not close
        tally.nonfinite += unmatched
        tally.offer(index, (unmatched, excess[index], absolute[index]))
        if not unmatched:
            tally.max_absolute = max(tally.max_absolute, absolute[index])
            tally.max_relative = max(tally.max_relative, relative[index])
            tally.max_ulp = max(tally.max_ulp, distance)
            tally.octaves[int(distance).bit_length()] += 1
    return tally


def _spacing(x: Array, rule: Rule) -> Array:
    """Give the step from one number of the rule's unit to the next, at `x`."""
    _, exponent = np.frexp(x)  # x = m·2^exponent with 1/2 <= m < 1, and 0 for zero
    lowest = rule.unit.lowest
    exponent = np.where(x == 0, lowest, np.maximum(exponent - 1, lowest))
    spacing: Array = np.ldexp(1.0, exponent - rule.unit.digits)
    return spacing
