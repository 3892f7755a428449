"""Hypotheses that it is a multiple of what it should be: a length, a count, any number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from gradcmp.dtypes import FORMATS
from gradcmp.judge.causes.evidence import Evidence, Prediction

COUNTED = 1000  # numbers of which a mean or variance may be: of more, any factor near 1 fits
NEAR = 0.01
WHOLE = 1e-3  # how far from a whole number a length may come out that a factor is made of


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


def counted_factor(evidence: Evidence) -> Iterator[Prediction]:
    """A mean over one number of elements where another belongs: a length, and any other."""
    fitted = _fitted_factor(evidence)
    if fitted is None or fitted <= 0 or abs(fitted - 1) < 1 / COUNTED:
        return
    for (m, n), words in _rows_that_count(evidence).items():
        found = _scaled(evidence, m / n, _as_of_a_mean(m, n) + words)
        if abs(fitted - m / n) < 0.1 / n and found.residual(evidence) <= evidence.limit:
            yield found
            return
    for n, words in _lengths(evidence).items():
        for right, used in _counts(n, fitted) if words and n <= COUNTED else ():
            text = f"{_as_of_a_mean(right, used)}; {n} is {words}"
            found = _scaled(evidence, right / used, text, free=1)
            if found.residual(evidence) <= evidence.limit:
                yield found
                return


def _counts(n: int, factor: float) -> Iterator[tuple[int, int]]:
    """Return the number of elements that is right and the one that was used, n being either.

    None for a factor that is whole, or one over such: every length would fit it.
    """
    if any(abs(one - round(one)) <= WHOLE for one in (factor, 1 / factor)):
        return
    for other, used in ((n / factor, True), (n * factor, False)):
        whole = round(other)
        if 0 < whole <= COUNTED and abs(other - whole) <= WHOLE:
            yield (n, whole) if used else (whole, n)


def _as_of_a_mean(right: int, used: int) -> str:
    return f"a factor of {right}/{used}, as of a mean over {used} in place of {right}"


def _rows_that_count(evidence: Evidence) -> dict[tuple[int, int], str]:
    """Return how many rows are not zero and how many there are, with the words for it."""
    found: dict[tuple[int, int], str] = {}
    for axis, n in enumerate(evidence.expected.shape):
        others = tuple(other for other in range(evidence.expected.ndim) if other != axis)
        m = int(np.count_nonzero(evidence.expected.any(axis=others)))
        if others and 1 < m < n:
            words = f"; of the {n} places of axis {axis} {m} are not zero"
            found |= {(m, n): words, (n, m): words}
    return found


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
