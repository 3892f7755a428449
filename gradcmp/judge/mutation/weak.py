"""Could the check have failed? Which wrong gradients it would let pass, without running any."""

from __future__ import annotations

import numpy as np

from gradcmp.case import DType
from gradcmp.dtypes import FORMATS
from gradcmp.judge.elementwise.segments import Float, Segments
from gradcmp.judge.mutation.mutants import MUTANTS, ONE, ONE_OFF, equal_axes, that_show
from gradcmp.judge.verdict import Sensitivity

MAJORITY = 0.5  # the share of elements above which one off would more likely pass than not
NEARLY = 1 - 2.0**-30  # what rounding may take of a thousandth, and more


def sensitivity(expected: Float, allowed: Float | float, dtype: DType) -> Sensitivity:
    """Describe which wrong gradients a comparison would have passed, without running any.

    Parameters
    ----------
    expected : array of float64
        The true gradient.
    allowed : array or float
        How far each element may be off: the allowance of the tolerance, or the limit times the
        noise.
    dtype : str
        What the judged gradient was computed in.

    Returns
    -------
    Sensitivity
        A mutant of the whole tensor survives where every element of it is within its allowance,
        and then the share is 1. A single element off by a thousandth survives where most
        elements could be the one; the share is theirs. See docs/design/teeth.md.
    """
    u, survivors = FORMATS[dtype].u, {}
    for name, mutant in that_show(expected, u):
        if mutant.spoil is None:
            share = _share_of_one(expected, allowed)
            survives = share > MAJORITY
        else:
            wrong, share = mutant.spoil(expected, u), 1.0
            survives = wrong is not None and _all_close(wrong, expected, allowed)
        if survives:
            survivors[name] = share
    return Sensitivity(survivors)


def surely_sensitive(
    segments: Segments, expected: Float, allowed: Float, dtype: DType
) -> list[bool]:
    """Return for each tensor of a flat run whether it is plain that no mutant survives.

    That costs little; of the others `sensitivity` tells.

    Parameters
    ----------
    expected, allowed : array of float64
        Flat, else as `sensitivity` takes them.
    """
    if FORMATS[dtype].u <= MUTANTS["float32"].resolution:
        return [False] * len(segments)
    with np.errstate(all="ignore"):
        size = np.abs(expected)
        plain = np.isfinite(segments.total(size)) & np.isfinite(segments.total(allowed))
        plain &= ~segments.every(size <= allowed)  # neither zero nor, further off, negated survives
        if FORMATS[dtype].u <= MUTANTS[ONE].resolution:
            within = segments.count(size * (ONE_OFF * NEARLY) <= allowed) - segments.count(
                size == 0
            )
            plain &= within <= MAJORITY * segments.count(size > 0)
    found: list[bool] = plain.tolist()
    parts = zip(segments.split(expected), segments.split(allowed), strict=True)
    for i, (gradient, limit) in enumerate(parts):
        if found[i] and any(equal_axes(gradient.shape)):
            found[i] = _shows_swap(gradient, limit)
    return found


def _shows_swap(expected: Float, allowed: Float) -> bool:
    """Whether the first row, or the like, tells a tensor from the transposed."""
    with np.errstate(all="ignore"):
        first = (np.swapaxes(expected, *axes)[0] for axes in equal_axes(expected.shape))
        return bool(np.any(np.abs(next(first) - expected[0]) > allowed[0]))


def _share_of_one(expected: Float, allowed: Float | float) -> float:
    """Return the share of the elements that may be a thousandth off, each in turn."""
    some = expected != 0
    with np.errstate(all="ignore"):
        within = np.abs(expected * (1 + ONE_OFF) - expected) <= allowed
        some &= np.isfinite(expected)
    count = np.count_nonzero(some)
    return np.count_nonzero(within & some) / count if count else 0.0


def _all_close(wrong: Float, expected: Float, allowed: Float | float) -> bool:
    """Whether no element can tell two tensors apart; a mutant of NaN may be the same NaN."""
    with np.errstate(all="ignore"):
        close = np.abs(wrong - expected) <= allowed
    if not close.all():
        close |= (wrong == expected) | (np.isnan(wrong) & np.isnan(expected))
    return bool(close.all())
