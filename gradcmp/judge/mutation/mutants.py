"""Could the check have failed? Wrong gradients that it must not let pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol, TypeAlias

import numpy as np

from gradcmp.case import DType
from gradcmp.judge.dtypes import PRECISIONS
from gradcmp.judge.elementwise.segments import Float, Segments
from gradcmp.judge.verdict import Teeth
from gradcmp.recording import Array

Spoil: TypeAlias = Callable[[Float, float], "Float | None"]

ONE = "one off"
ONE_OFF = 1e-3  # of an element's own size
MARGIN = 16.0  # units roundoff that ONE_OFF must be, or the dtype itself hardly shows it
TYPICAL = 0.5  # the share of elements above which one off would more likely pass than not
NEARLY = 1 - 2.0**-30  # what rounding may take of a thousandth, and more
SYMMETRIC = 64.0  # units roundoff of the largest element: what rounding does to a symmetry


class Allowance(Protocol):
    """What each element of a gradient may be off, as far as it is known."""

    @property
    def least(self) -> Float:
        """As little as it may be."""

    @property
    def likely(self) -> Float:
        """What it is, most likely."""

    @property
    def most(self) -> Float:
        """As much as it may be."""


@dataclass(frozen=True)
class Known:
    """An allowance that needs no estimate."""

    likely: Float

    @property
    def least(self) -> Float:
        """The same."""
        return self.likely

    @property
    def most(self) -> Float:
        """The same."""
        return self.likely


@dataclass(frozen=True)
class Mutant:
    """One way in which a gradient is wrong.

    Attributes
    ----------
    spoil : callable, optional
        Gives the wrong gradient of a right one whose unit roundoff is u, in float64 and the same
        shape, or None where this is no mutant. None for the mutant of one element: there is one
        for each.
    resolution : float
        The largest u of a dtype that shows it.
    """

    spoil: Spoil | None
    resolution: float = 1.0


def _one_off(gradient: Float, rng: np.random.Generator) -> Float | None:
    """Spoil one element of the larger half: a typical one."""
    flat = np.abs(gradient).reshape(-1)
    larger = np.flatnonzero((flat > 0) & (flat >= np.median(flat)) & np.isfinite(flat))
    if not larger.size:
        return None
    wrong = gradient.copy()
    wrong.reshape(-1)[rng.choice(larger)] *= 1 + ONE_OFF
    return wrong


def _transposed(gradient: Float, u: float) -> Float | None:
    """Swap the last two axes of equal length; without such the shape tells, and is compared."""
    for axes in _equal_axes(gradient.shape):
        wrong = np.swapaxes(gradient, *axes)
        with np.errstate(invalid="ignore"):
            moved = np.max(np.abs(wrong - gradient))
        symmetric = moved <= SYMMETRIC * u * np.max(np.abs(gradient))
        return None if symmetric and np.isfinite(moved) else wrong
    return None


def _equal_axes(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Return pairs of axes that can be swapped without the shape telling, the last first."""
    for later, earlier in combinations(reversed(range(len(shape))), 2):
        if shape[earlier] == shape[later] > 1:
            yield earlier, later


MUTANTS: Mapping[str, Mutant] = {
    "zero": Mutant(lambda gradient, u: np.zeros_like(gradient)),
    "negated": Mutant(lambda gradient, u: -gradient if gradient.any() else None),
    ONE: Mutant(None, ONE_OFF / MARGIN),
    "transposed": Mutant(_transposed),
    "float32": Mutant(
        lambda gradient, u: gradient.astype(np.float32).astype(np.float64),
        PRECISIONS["float64"].u,
    ),
}


def mutants(gradient: Array, rng: np.random.Generator) -> dict[str, Array | None]:
    """Return every mutant of what a backend computed, in its dtype; None where it is none."""
    dtype = gradient.dtype
    found: dict[str, Array | None] = dict.fromkeys(MUTANTS)
    with np.errstate(all="ignore"):
        wide, u = np.asarray(gradient, np.float64), u_of(dtype.name)
        for name, mutant in _that_show(wide, u):
            wrong = mutant.spoil(wide, u) if mutant.spoil else _one_off(wide, rng)
            held = None if wrong is None else np.ascontiguousarray(wrong).astype(dtype)
            same = held is None or np.array_equal(held, gradient)
            found[name] = None if same else held
    return found


def u_of(dtype: str) -> float:
    """Return the unit roundoff of a dtype by name; 0 for integers, which have none."""
    return {str(name): known.u for name, known in PRECISIONS.items()}.get(dtype, 0.0)


def _that_show(gradient: Float, u: float) -> Iterator[tuple[str, Mutant]]:
    """Return the mutants that a dtype has the digits for; nothing is wrong with no elements."""
    for name, mutant in MUTANTS.items():
        if gradient.size and u <= mutant.resolution:
            yield name, mutant


def teeth(expected: Float, allowed: Float | float, dtype: DType) -> Teeth:
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
    Teeth
        A mutant of the whole tensor survives where every element of it is within its allowance,
        and then the share is 1. A single element off by a thousandth survives where most
        elements could be the one; the share is theirs. See docs/design/teeth.md.
    """
    u, survivors = PRECISIONS[dtype].u, {}
    for name, mutant in _that_show(expected, u):
        if mutant.spoil is None:
            share = _share_of_one(expected, allowed)
            survives = share > TYPICAL
        else:
            wrong, share = mutant.spoil(expected, u), 1.0
            survives = wrong is not None and _all_close(wrong, expected, allowed)
        if survives:
            survivors[name] = share
    return Teeth(survivors)


def have_teeth(strip: Segments, expected: Float, allowed: Float, dtype: DType) -> list[bool]:
    """Return of which tensors on a strip it is plain that no mutant survives, at little cost.

    Parameters
    ----------
    expected, allowed : array of float64
        SegmentedDifference on the strip, else as `teeth` takes them.
    """
    if PRECISIONS[dtype].u <= MUTANTS["float32"].resolution:
        return [False] * len(strip)
    with np.errstate(all="ignore"):
        size = np.abs(expected)
        plain = np.isfinite(strip.total(size)) & np.isfinite(strip.total(allowed))
        plain &= ~strip.every(size <= allowed)  # neither zero nor, further off, negated survives
        if PRECISIONS[dtype].u <= MUTANTS[ONE].resolution:
            within = strip.count(size * (ONE_OFF * NEARLY) <= allowed) - strip.count(size == 0)
            plain &= within <= TYPICAL * strip.count(size > 0)
    found: list[bool] = plain.tolist()
    parts = zip(strip.cut(expected), strip.cut(allowed), strict=True)
    for i, (gradient, limit) in enumerate(parts):
        if found[i] and any(_equal_axes(gradient.shape)):
            found[i] = _shows_swap(gradient, limit)
    return found


def _shows_swap(expected: Float, allowed: Float) -> bool:
    """Whether the first row, or the like, tells a tensor from the transposed."""
    with np.errstate(all="ignore"):
        first = (np.swapaxes(expected, *axes)[0] for axes in _equal_axes(expected.shape))
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
