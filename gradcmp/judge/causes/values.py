"""Hypotheses about numbers, and the table of all hypotheses, the simplest first.

Each predicts what the actual array would be if it held, in one or more variants.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gradcmp.dtypes import FORMATS
from gradcmp.judge.causes.companions import (
    another,
    formulas,
    interchanged,
    terms,
    variants,
    zero_times_infinity,
)
from gradcmp.judge.causes.evidence import DECADES, Evidence, Prediction
from gradcmp.judge.causes.finite_differences import differences
from gradcmp.judge.causes.layout import (
    is_bent,
    reduced,
    reversed_order,
    rolled,
    shifted,
    transposed,
    without_one,
)
from gradcmp.judge.elementwise.segments import Float

Hypothesis = Callable[[Evidence], Iterator[Prediction]]

# By the words for them, the coarsest first: TF32 has float16's significand.
LOWER = {"bfloat16": "bfloat16", "float16 or TF32": "float16", "float32": "float32"}
# Rounding errors of a result computed in a precision, in its units roundoff and over the largest
# element: a graph of a few dozen ops. A flipped sign is far beyond in every precision.
ROUNDINGS = 16.0
COUNTED = 1000  # numbers of which a variance may be: of more, any factor near 1 fits
NEAR = 0.01


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


def named_factor(evidence: Evidence) -> Iterator[Prediction]:
    """A factor that the shapes of the case have a name for; none if two such fit."""
    fitted = _fitted_factor(evidence)
    if fitted is None:
        return
    fits = []
    for value, text in _factors(evidence).items():
        if abs(value - fitted) <= 0.1 * abs(value):
            found = _scaled(evidence, value, text)
            if found.residual(evidence) <= evidence.limit:
                fits.append(found)
    if len(fits) == 1:
        yield fits[0]


def _factors(evidence: Evidence) -> dict[float, str]:
    """Return factors by value, with the words for each, the likeliest reading first."""
    names = _lengths(evidence)
    factors: dict[float, str] = {}
    forms: tuple[tuple[str, Callable[[int], float]], ...] = (
        ("{n} × too large", lambda n: n),
        ("{n} × too small", lambda n: 1 / n),
        ("a factor of {n}/{m}", lambda n: n / (n - 1)),
        ("a factor of {m}/{n}", lambda n: (n - 1) / n),
        ("a factor of sqrt({n})", lambda n: math.sqrt(n)),
        ("a factor of 1/sqrt({n})", lambda n: 1 / math.sqrt(n)),
    )
    for form, function in forms:
        for n, words in names.items():
            text = form.format(n=n, m=n - 1)
            value = function(n)
            factors.setdefault(value, f"{text}; {n} is {words}" if words else text)
    return factors


def _lengths(evidence: Evidence) -> dict[int, str]:
    """Name the numbers that this tensor's axes have, then those of the others."""
    names = {2: ""}  # a factor of 2 has likelier reasons than that an axis has two places
    for axis, n in enumerate(evidence.expected.shape):
        names.setdefault(n, f"the length of axis {axis}")
    names.setdefault(evidence.expected.size, "the number of elements")
    for name, tensor in evidence.others.items():
        for axis, n in enumerate(tensor.shape):
            names.setdefault(n, f"the length of axis {axis} of '{name}'")
        names.setdefault(tensor.size, f"the number of elements of '{name}'")
    return {n: words for n, words in names.items() if n > 1}


def any_factor(evidence: Evidence) -> Iterator[Prediction]:
    """A constant factor of whatever size; of a tensor that is constant itself any would fit."""
    factor = _fitted_factor(evidence)
    sizes = np.abs(evidence.expected[evidence.expected != 0])
    if factor is None or not sizes.size or sizes.max() == sizes.min():
        return
    text = f"a factor of {factor:.5g}{_of_moments(factor)}"
    if abs(factor - 1) < 3e-4:  # where five digits say too little
        text = f"a factor of 1 {'+' if factor > 1 else '−'} {abs(factor - 1):.2g}"
    if evidence.dtype == "float64" and abs(factor - 1) <= FORMATS["float32"].u:
        text += ", consistent with a float32 constant inside float64"
    # Digits that were lost in a number upstream leave a factor behind, too.
    yield replace(_scaled(evidence, factor, text, free=1), of_rounding=True)


def _of_moments(factor: float) -> str:
    """Describe a factor that a variance of so many numbers is off by, if it is such a one."""
    for value, form in ((factor, "n/(n − 1)"), (1 / factor if factor else 0.0, "(n − 1)/n")):
        n = round(value / (value - 1)) if value > 1 + 1 / COUNTED else 0
        if n > 2 and abs(value - n / (n - 1)) < NEAR / n**2:  # two of them are 1/n² apart
            return f", {form} for n = {n}, as of a variance"
    return ""


def _fitted_factor(evidence: Evidence) -> float | None:
    """Return the factor that fits best, elements weighted by their noise."""
    if not evidence.same_shape:
        return None
    weight = np.where(evidence.spread > 0, evidence.spread, 1.0)
    x, y = evidence.expected / weight, evidence.actual / weight
    scale = np.max(np.abs(x))
    if not (np.isfinite(x).all() and np.isfinite(y).all() and scale > 0):
        return None
    x, y = x / scale, y / scale
    return float(np.sum(x * y) / np.sum(x * x))


def _scaled(evidence: Evidence, factor: float, text: str, free: int = 0) -> Prediction:
    noise = evidence.spread * abs(factor)
    return Prediction(text, evidence.expected * factor, noise, free=free)


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


def _coarse(evidence: Evidence, digits: int) -> Float:
    """Return the noise that computing in so many bits would show."""
    peak = np.max(np.abs(evidence.expected), initial=0.0)
    noise = ROUNDINGS * 2.0**-digits * float(peak) / evidence.limit
    return np.full(evidence.expected.shape, noise)


HYPOTHESES: tuple[Hypothesis, ...] = (
    zero_times_infinity,
    flushed,
    one_side_zero,
    conjugated,
    sign_flipped,
    named_factor,
    transposed,
    reversed_order,
    rolled,
    without_one,
    reduced,
    interchanged,
    another,
    shifted,
    terms,
    formulas,
    any_factor,
    added_constant,
    variants,
    rounded,
    float32_inside,
    differences,
)
