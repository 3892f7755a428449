"""Wrong gradients that a check must not let pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TypeAlias

import numpy as np

from gradcmp.dtypes import FORMATS
from gradcmp.judge.elementwise.segments import Float
from gradcmp.recording import Array

Spoil: TypeAlias = Callable[[Float, float], "Float | None"]
Change: TypeAlias = Callable[[Array], Array]

ONE = "one off"
ONE_OFF = 1e-3  # of an element's own size
MARGIN = 16.0  # units roundoff that ONE_OFF must be, or the dtype itself hardly shows it
SYMMETRIC = 64.0  # units roundoff of the largest element: what rounding does to a symmetry


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


def _one_off(gradient: Float, rng: np.random.Generator) -> Spoil:
    """Return what spoils one element of the larger half: a typical one."""
    flat = np.abs(gradient).reshape(-1)
    larger = np.flatnonzero((flat > 0) & (flat >= np.median(flat)) & np.isfinite(flat))
    place = rng.choice(larger) if larger.size else None

    def spoil(gradient: Float, u: float) -> Float | None:
        if place is None:
            return None
        wrong = gradient.copy()
        wrong.reshape(-1)[place] *= 1 + ONE_OFF
        return wrong

    return spoil


def _transposed(gradient: Float, u: float) -> Float | None:
    """Swap the last two axes of equal length; without such the shape tells, and is compared."""
    for axes in equal_axes(gradient.shape):
        wrong = np.swapaxes(gradient, *axes)
        with np.errstate(invalid="ignore"):
            moved = np.max(np.abs(wrong - gradient))
        symmetric = moved <= SYMMETRIC * u * np.max(np.abs(gradient))
        return None if symmetric and np.isfinite(moved) else wrong
    return None


def equal_axes(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
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
        FORMATS["float64"].u,
    ),
}


def changes(gradient: Array, rng: np.random.Generator) -> dict[str, Change | None]:
    """Return what makes a gradient wrong, by mutant; None where it is none.

    Each does the same to the gradient at other inputs, in the dtype of what it is given.
    """
    found: dict[str, Change | None] = dict.fromkeys(MUTANTS)
    with np.errstate(all="ignore"):
        wide, u = np.asarray(gradient, np.float64), u_of(gradient.dtype.name)
        for name, mutant in that_show(wide, u):
            change = partial(_changed, spoil=mutant.spoil or _one_off(wide, rng), u=u)
            wrong = change(gradient)
            if wrong is not gradient and not np.array_equal(wrong, gradient):
                found[name] = change
    return found


def _changed(gradient: Array, spoil: Spoil, u: float) -> Array:
    with np.errstate(all="ignore"):
        wrong = spoil(np.asarray(gradient, np.float64), u)
        return gradient if wrong is None else np.array(wrong, order="C").astype(gradient.dtype)


def mutants(gradient: Array, rng: np.random.Generator) -> dict[str, Array | None]:
    """Return every mutant of what a backend computed, in its dtype; None where it is none."""
    known = changes(gradient, rng)
    return {name: None if change is None else change(gradient) for name, change in known.items()}


def u_of(dtype: str) -> float:
    """Return the unit roundoff of a dtype by name; 0 for integers, which have none."""
    return FORMATS[dtype].u if dtype in FORMATS else 0.0


def that_show(gradient: Float, u: float) -> Iterator[tuple[str, Mutant]]:
    """Return the mutants that a dtype has the digits for; nothing is wrong with no elements."""
    for name, mutant in MUTANTS.items():
        if gradient.size and u <= mutant.resolution:
            yield name, mutant
