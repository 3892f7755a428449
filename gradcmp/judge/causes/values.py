"""Hypotheses about numbers: zero, a sign, a constant, a precision."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from gradcmp.dtypes import FORMATS
from gradcmp.judge.causes.evidence import DECADES, Evidence, Prediction
from gradcmp.judge.causes.layout import is_bent
from gradcmp.judge.elementwise.segments import Float

# By the words for them, the coarsest first: TF32 has float16's significand.
LOWER = {"bfloat16": "bfloat16", "float16 or TF32": "float16", "float32": "float32"}
# Rounding errors of a result computed in a precision, in its units roundoff and over the largest
# element: a graph of a few dozen ops. A flipped sign is far beyond in every precision.
ROUNDINGS = 16.0
ENOUGH = 5  # smaller numbers: by chance all of them lack their last bit once in 32 times


def flushed(evidence: Evidence) -> Iterator[Prediction]:
    """Subnormal numbers became zero."""
    exponent = FORMATS[evidence.dtype].lowest
    value = np.where(np.abs(evidence.expected) < 2.0**exponent, 0.0, evidence.expected)
    text = f"subnormal numbers (below 2^{exponent}) are flushed to zero"
    yield Prediction(text, value, evidence.spread, proven=True, of_rounding=True)


def one_side_zero(evidence: Evidence) -> Iterator[Prediction]:
    """One of the two is zero everywhere."""
    nothing = np.zeros(evidence.expected.shape)
    yield Prediction("it is zero everywhere", nothing, nothing, proven=True)
    if evidence.same_shape and not evidence.expected.any():
        text = "it should be zero everywhere"
        yield Prediction(text, evidence.actual, evidence.spread, proven=True)


def conjugated(evidence: Evidence) -> Iterator[Prediction]:
    """The imaginary part has the other sign, as conventions for complex gradients differ."""
    if evidence.parts:
        value = evidence.expected * [1.0, -1.0]
        yield Prediction("it is the complex conjugate", value, evidence.spread)


def sign_flipped(evidence: Evidence) -> Iterator[Prediction]:
    """Minus what it should be."""
    yield Prediction("the sign is flipped", -evidence.expected, evidence.spread)


def added_constant(evidence: Evidence) -> Iterator[Prediction]:
    """The same number is added to every element, whatever it is."""
    if not evidence.same_shape or not is_bent(evidence):
        return  # of a straight line that is the same as to shift it
    added = float(np.median(evidence.actual - evidence.expected))
    if np.isfinite(added):
        noise = evidence.spread + FORMATS[evidence.dtype].u * abs(added)
        text = f"a constant, {added:.5g}, is added to every element"
        yield Prediction(text, evidence.expected + added, noise, free=1)


def rounded(evidence: Evidence) -> Iterator[Prediction]:
    """Every number is one of a lower precision, and off by no more than its rounding."""
    own = FORMATS[evidence.dtype].u
    finite = evidence.expected[np.isfinite(evidence.expected)]
    for name, dtype in LOWER.items():
        digits = FORMATS[dtype].significand
        if FORMATS[dtype].u <= own or not (_fits(evidence.actual, digits)).all():
            continue
        if _of_one_step(evidence.actual, digits):
            return  # what is left of larger numbers, all of them rounded alike
        odds = own * 2.0**digits  # that a number of the own precision is one of the lower
        telling = np.unique(finite[np.logical_not(_fits(finite, digits))]).size
        text = f"consistent with {name}: every number is one that {name} has"
        proven = telling * -math.log10(odds) >= DECADES
        noise = _coarse(evidence, digits)
        yield Prediction(text, evidence.expected, noise, proven=proven, of_rounding=True)
        return


def float32_inside(evidence: Evidence) -> Iterator[Prediction]:
    """A float64 result that is off by what float32 rounding leaves: more than float64's own."""
    if evidence.dtype != "float64" or not evidence.same_shape:
        return
    noise = _coarse(evidence, FORMATS["float32"].significand)
    off = float(np.max(np.abs(evidence.actual - evidence.expected)))
    peak = float(np.max(np.abs(evidence.expected)))
    # A constant that is off by a thousandth of a float32 rounding still shows.
    if off >= 1e-3 * FORMATS["float32"].u * peak:
        text = "consistent with float32 inside float64: a constant, a cast, an intermediate result"
        yield Prediction(text, evidence.expected, noise, proven=True, of_rounding=True)


def _fits(x: Float, digits: int) -> npt.NDArray[np.bool_]:
    """Return for each number whether its significand fits so many bits."""
    significand = np.ldexp(np.frexp(x)[0], digits)
    return np.asarray((significand == np.rint(significand)) | ~np.isfinite(x))


def _of_one_step(x: Float, digits: int) -> bool:
    """Whether the smaller numbers, too, are multiples of the last bit of the largest.

    Numbers of a lower precision have a last bit of their own, which half of them use.
    """
    finite = x[np.isfinite(x) & (x != 0)]
    exponents = np.frexp(finite)[1]
    if not exponents.size:
        return False
    top = int(exponents.max())
    steps = np.ldexp(finite[exponents < top], digits - top)
    return steps.size >= ENOUGH and bool((steps == np.rint(steps)).all())


def _coarse(evidence: Evidence, digits: int) -> Float:
    """Return the noise that computing in so many bits would show."""
    peak = np.max(np.abs(evidence.expected), initial=0.0)
    noise = ROUNDINGS * 2.0**-digits * float(peak) / evidence.limit
    return np.full(evidence.expected.shape, noise)
