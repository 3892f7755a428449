"""The definition of a comparison in Python's own rational numbers: slow, and nobody's copy."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pytest

from gradcmp.case import Fixed, Ulp
from gradcmp.judge.comparison import Comparison
from gradcmp.recording import Array

# Bits of the fraction and exponent of the smallest normal number, from IEEE 754 and from
# https://cloud.google.com/tpu/docs/bfloat16
FORMATS = {
    "float64": (52, -1022),
    "float32": (23, -126),
    "float16": (10, -14),
    "bfloat16": (7, -126),
}
STEP = 2.0**-13  # ULP: what underflow took still sets two numbers of two dtypes apart


def nearest(x: Fraction) -> float:
    """Round to float64, to infinity where it overflows."""
    try:
        return float(x)
    except OverflowError:
        return math.inf if x > 0 else -math.inf


def place(x: float, dtype: str) -> Fraction:
    """Return the place of x on the scale on which the numbers of `dtype` lie at 0, 1, 2 …"""
    digits, lowest = FORMATS[dtype]
    exponent = max(math.frexp(x)[1] - 1, lowest) if x else lowest
    numerator, denominator = abs(x).as_integer_ratio()
    up = max(digits - exponent, 0)
    denominator <<= max(exponent - digits, 0)
    whole = (numerator << up) + (exponent - lowest) * (denominator << digits)
    return Fraction(-whole if x < 0 else whole, denominator)


@dataclass
class Expected:
    """What `compare` must find."""

    close: list[bool] = field(default_factory=list)
    equal: int = 0
    nonfinite: int = 0
    max_absolute: float = 0.0
    max_relative: float = 0.0
    max_ulp: Fraction = Fraction(0)
    octaves: dict[int, int] = field(default_factory=dict)
    excess: list[float] = field(default_factory=list)


def expect(actual: Array, expected: Array, tolerance: Fixed | Ulp, coarser: str) -> Expected:
    """Compare element by element."""
    found = Expected()
    pairs = zip(actual.ravel().tolist(), expected.ravel().tolist(), strict=True)
    for a, e in ((float(a), float(e)) for a, e in pairs):
        if not (math.isfinite(a) and math.isfinite(e)):
            same = a == e or (math.isnan(a) and math.isnan(e))
            found.close.append(same)
            found.equal += same
            found.nonfinite += not same
            found.excess.append(0.0 if same else math.inf)
            found.octaves[0] = found.octaves.get(0, 0) + same
            continue
        error = nearest(abs(Fraction(a) - Fraction(e)))
        ulp = abs(place(a, coarser) - place(e, coarser))
        if isinstance(tolerance, Ulp):
            close = math.isfinite(error) and ulp <= tolerance.ulp
            excess = float(ulp / tolerance.ulp) if tolerance.ulp else (math.inf if ulp else 0.0)
        else:
            share = nearest(Fraction(tolerance.rtol) * abs(Fraction(e)))
            allowed = (
                math.inf
                if share == math.inf
                else nearest(Fraction(tolerance.atol) + Fraction(share))
            )
            close = a == e or (math.isfinite(error) and error <= allowed)
            excess = 0.0 if error == 0 else ratio(error, allowed)
        found.close.append(close)
        found.excess.append(excess)
        found.equal += a == e
        found.max_absolute = max(found.max_absolute, error)
        found.max_relative = max(found.max_relative, ratio(error, abs(e)) if error else 0.0)
        found.max_ulp = max(found.max_ulp, ulp)
        octave = int(ulp).bit_length()
        found.octaves[octave] = found.octaves.get(octave, 0) + 1
    return found


def ratio(part: float, whole: float) -> float:
    """Divide, rounded once."""
    if part == math.inf or whole == 0:
        return math.inf
    return 0.0 if whole == math.inf else nearest(Fraction(part) / Fraction(whole))


def check(comparison: Comparison, truth: Expected, *, exact: bool, in_ulp: bool = False) -> None:
    """Demand every number of the oracle; ULP of mixed dtypes carry a rounding."""
    statistics, worst = comparison.statistics, truth.excess[comparison.worst.index[0]]
    faint = STEP if in_ulp and not exact else 0.0
    assert worst == pytest.approx(max(truth.excess), rel=1e-6, abs=faint)
    assert comparison.worst.excess == pytest.approx(worst, rel=1e-6, abs=faint)
    assert comparison.agrees or not truth.close[comparison.worst.index[0]]
    assert comparison.agrees == all(truth.close)
    assert comparison.total == len(truth.close)
    assert comparison.disagreeing == truth.close.count(False)
    assert (statistics.equal, statistics.nonfinite) == (truth.equal, truth.nonfinite)
    assert statistics.max_absolute == truth.max_absolute
    assert statistics.max_relative == truth.max_relative
    assert sum(statistics.ulp_histogram) == comparison.total - truth.nonfinite
    if comparison.excess is not None:
        close = 1e-12 if exact or not in_ulp else 1e-6
        np.testing.assert_allclose(comparison.excess, truth.excess, rtol=close, atol=faint)
    if exact:
        histogram = statistics.ulp_histogram
        assert statistics.max_ulp == float(truth.max_ulp)
        assert histogram == tuple(truth.octaves.get(octave, 0) for octave in range(len(histogram)))
    else:
        assert statistics.max_ulp == pytest.approx(float(truth.max_ulp), rel=2e-7, abs=STEP)
