"""All statistics of a pair of arrays in one pass over it, a cache-sized piece at a time.

The definition is in float64: ``error = |a − e|``, ``allowed = atol + rtol·|e|``, each operation
rounded once, and an element is close when ``error <= allowed``. A pair that float32 can hold is
swept in float32, four times as many numbers a second; what that finds is only a screen with a
known slack: elements that may hold a maximum, or lie within the slack of their allowance, are
decided by the definition. Pieces where float32 cannot keep the slack are swept in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from gradcmp.judge.elementwise.statistics import Statistics
from gradcmp.judge.elementwise.tolerance import ElementTolerance
from gradcmp.judge.elementwise.ulp import FORMATS, Format, UlpMeter, octaves
from gradcmp.recording import Array

FLOAT64, FLOAT32 = FORMATS["float64"], FORMATS["float32"]
# At most six roundings of 2^-24 lie between a float32 excess and the definition.
# float64 follows the definition but for one division.
SLACK = {"float32": 2.0**-20, "float64": 2.0**-50}
FAINT = 2.0**-120  # float32 results below it may have lost digits to underflow


@lru_cache
def carrier_of(rule: ElementTolerance, *names: str) -> Format:
    """Return the arithmetic that the sweep is done in.

    float32 holds float32, float16 and bfloat16 exactly, but a tolerance may be beyond it.
    """
    within = rule.rtol <= 2.0**-2 and rule.atol <= 2.0**100  # no allowance overflows
    within &= not 0 < rule.rtol < 2.0**-100  # nor does float32 lose it
    return FLOAT32 if "float64" not in names and within else FLOAT64


class Sweep:
    """One thread's pass: pieces of both arrays go in, `tally` comes out.

    Parameters
    ----------
    carrier : Format
        What the pieces are given in: float32 or float64.
    size : int
        The longest piece.
    """

    def __init__(
        self, rule: ElementTolerance, carrier: Format, size: int, tally: Statistics | None = None
    ) -> None:
        dtype = np.dtype(carrier.name)
        self.rule = rule
        self.size = size
        self.tally = Statistics() if tally is None else tally
        self.screening = carrier is FLOAT32
        self.slack = SLACK[carrier.name]
        self.largest = float(np.finfo(dtype).max)
        self._rtol, self._atol = dtype.type(rule.rtol), dtype.type(rule.atol)
        self._ruler = UlpMeter(rule.unit, carrier, size)
        self._error, self._magnitude, self._relative, self._excess = (
            np.empty(size, dtype) for _ in range(4)
        )
        self._finer: Sweep | None = None

    def takes(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Return what pieces of an array are fed as."""
        taken: np.dtype[Any] = self._error.dtype
        return taken

    def feed(self, start: int, actual: Array, expected: Array) -> None:
        """Take in the elements from flat index `start` on."""
        peak = self._differ(actual, expected)
        if math.isfinite(peak):
            self._finite(start, actual, expected, peak)
        elif self.screening:
            self._refeed(start, actual, expected)
        else:
            self._extreme(start, actual, expected)

    def _differ(self, actual: Array, expected: Array) -> float:
        """Fill the error buffer and give its maximum, which is NaN if any is."""
        error = np.subtract(actual, expected, out=self._error[: len(actual)])
        return float(np.abs(error, out=error).max())

    def _refeed(self, start: int, actual: Array, expected: Array) -> None:
        """Leave to float64 what float32 cannot decide."""
        if self._finer is None:
            self._finer = Sweep(self.rule, FLOAT64, -(-self.size // 2), self.tally)  # as many bytes
        size = self._finer.size
        for i in range(0, len(actual), size):
            a, e = (x[i : i + size].astype(np.float64) for x in (actual, expected))
            self._finer.feed(start + i, a, e)

    def _extreme(self, start: int, actual: Array, expected: Array) -> None:
        """Take in a piece with NaN, infinity or a difference that overflows."""
        finite = np.isfinite(actual) & np.isfinite(expected)
        same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
        unmatched = np.flatnonzero(~finite & ~same)
        actual, expected = np.where(finite, actual, 0.0), np.where(finite, expected, 0.0)
        self._finite(start, actual, expected, self._differ(actual, expected))
        if unmatched.size:  # they went through as equal zeros
            self.tally.equal -= unmatched.size
            self.tally.octaves[0] -= unmatched.size
            self.tally.disagreeing += unmatched.size
            self.tally.nonfinite += unmatched.size
            self.tally.offer(start + int(unmatched[0]), (True, math.inf, math.inf))

    def _finite(self, start: int, actual: Array, expected: Array, peak: float) -> None:
        """Take in a piece of finite numbers whose differences are in the error buffer."""
        count, tally = len(actual), self.tally
        if peak == 0:
            tally.total += count
            tally.equal += count
            tally.octaves[0] += count
            tally.dot(actual, expected)
            return
        error = self._error[:count]
        magnitude = np.abs(expected, out=self._magnitude[:count])
        relative = np.divide(error, magnitude, out=self._relative[:count])
        relative_peak = _fmax(relative)
        if (
            self.rule.ulp is None
            and not self._is_minor(peak, relative_peak)
            and not self._hold(start, actual, expected, magnitude, peak)
        ):
            self._refeed(start, actual, expected)
            return
        tally.total += count
        tally.dot(actual, expected)
        tally.max_absolute = self._maximum(
            tally.max_absolute, peak, error, actual, expected, _absolute
        )
        tally.max_relative = self._maximum(
            tally.max_relative, relative_peak, relative, actual, expected, _relative
        )
        steps, top = self._ruler.measure(actual, expected, one_sign=relative_peak < 0.5)
        self._count_steps(start, steps, top, peak)

    def _is_minor(self, peak: float, relative_peak: float) -> bool:
        """Whether no element of a piece can be beyond its allowance or the worst so far.

        ``error / (atol + rtol·|e|)`` is at most ``error / atol`` and at most
        ``error / (rtol·|e|)``.
        """
        rtol, atol = self.rule.rtol, self.rule.atol
        if rtol == 0 or atol < FAINT:  # no bound, or one that underflow can spoil
            return False
        bound = min(peak / atol, relative_peak / rtol)
        return bound * (1 + self.slack) < min(1.0, self.tally.key[1])

    def _hold(
        self, start: int, actual: Array, expected: Array, magnitude: Array, peak: float
    ) -> bool:
        """Judge by absolute and relative allowance, unless it is too small for float32.

        Overwrites `magnitude`, and gives False where float64 has to judge.
        """
        error = self._error[: len(actual)]
        allowed = np.multiply(magnitude, self._rtol, out=magnitude)
        np.add(allowed, self._atol, out=allowed)
        if self.screening and self._atol < FAINT and float(allowed.min()) < FAINT:
            return False
        excess = np.divide(error, allowed, out=self._excess[: len(actual)])
        if peak == math.inf:  # an overflow is not close, even where the allowance overflows too
            excess[error == math.inf] = math.inf
        top = _fmax(excess)
        if self.screening and top < FAINT:
            return False
        if not top * (1 + self.slack) < 1:
            self.tally.disagreeing += len(actual) - self._close(actual, expected, excess)
        if top * (1 + self.slack) >= self.tally.key[1]:
            self._offer(start, actual, expected, self._near(excess, top))
        return True

    def _count_steps(self, start: int, steps: Array, top: int, peak: float) -> None:
        """Count distances in ULP, and judge by them if that is the rule. Overwrites `steps`."""
        tally, shift = self.tally, self._ruler.shift
        if self.rule.ulp is not None:
            self._hold_ulp(start, steps, top, self.rule.ulp << shift, peak)
        tally.max_ulp = max(tally.max_ulp, top / 2**shift)
        tally.equal += len(steps) - int(np.count_nonzero(steps))
        if shift:
            np.right_shift(steps, steps.dtype.type(shift), out=steps)
        for octave, number in enumerate(octaves(steps, top >> shift)):
            tally.octaves[octave] += number

    def _hold_ulp(self, start: int, steps: Array, top: int, limit: int, peak: float) -> None:
        """Judge by ULP: distances are integers, and need no second look."""
        tally, error = self.tally, self._error[: len(steps)]
        if top > limit or peak == math.inf:
            close = (steps <= min(limit, top)) & (error < math.inf)
            tally.disagreeing += len(steps) - int(np.count_nonzero(close))
        distance = top / 2**self._ruler.shift
        if distance > tally.key[1]:
            index = int(steps.argmax())
            tally.offer(start + index, (False, distance, float(error[index])))

    def _close(self, actual: Array, expected: Array, excess: Array) -> int:
        """Count what is close: by the excess, or by the definition where that is too near 1."""
        clear = int(np.count_nonzero(excess < 1 - self.slack))
        if self.rule.atol == 0 and not self.screening:
            clear += int(np.count_nonzero(np.isnan(excess)))  # 0 / 0: equal, and nothing allowed
        near = np.flatnonzero((excess >= 1 - self.slack) & (excess <= 1 + self.slack))
        if near.size == 0:
            return clear
        a, e = _pick(near, actual, expected)
        return clear + int(np.count_nonzero(_absolute(a, e) <= self._allowed(e)))

    def _allowed(self, expected: Array) -> Array:
        """Return the allowance by the definition: float64."""
        allowed: Array = self.rule.atol + self.rule.rtol * np.abs(expected)
        return allowed

    def _offer(self, start: int, actual: Array, expected: Array, near: Array) -> None:
        """Compare the worst of some elements, by the definition, with the worst so far."""
        a, e = _pick(near, actual, expected)
        error = _absolute(a, e)
        excess = np.where(error < math.inf, error / self._allowed(e), math.inf)
        rows = np.flatnonzero(excess == excess.max())
        row = rows[error[rows].argmax()]
        self.tally.offer(start + int(near[row]), (False, float(excess[row]), float(error[row])))

    def _maximum(
        self,
        best: float,
        peak: float,
        quantity: Array,
        actual: Array,
        expected: Array,
        definition: Callable[[Array, Array], Array],
    ) -> float:
        """Raise `best` to the maximum that the definition gives where `quantity` has its peak."""
        if not peak * (1 + self.slack) > best:
            return best
        if not self.screening:
            return max(best, peak)
        near = self._near(quantity, peak)
        return max(best, _fmax(definition(*_pick(near, actual, expected))))

    def _near(self, quantity: Array, peak: float) -> Array:
        """Find the elements that may hold the maximum."""
        floor = min(peak, self.largest) * (1 - 2 * self.slack)
        near: Array = np.flatnonzero(quantity >= quantity.dtype.type(floor))
        return near


def _fmax(values: Array) -> float:
    """Return the maximum, past the NaN of 0 / 0."""
    return float(np.fmax.reduce(values))


def _pick(where: Array, actual: Array, expected: Array) -> tuple[Array, Array]:
    return actual[where].astype(np.float64), expected[where].astype(np.float64)


def _absolute(actual: Array, expected: Array) -> Array:
    error: Array = np.abs(actual - expected)
    return error


def _relative(actual: Array, expected: Array) -> Array:
    relative: Array = np.abs(actual - expected) / np.abs(expected)
    return relative
