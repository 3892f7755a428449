"""Could the check have failed? Wrong gradients that it must not let pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gradcmp.case import DType
from gradcmp.judge.noise import PRECISIONS
from gradcmp.judge.records import Teeth
from gradcmp.recording import Array

Float: TypeAlias = npt.NDArray[np.float64]
Spoil: TypeAlias = Callable[[Float, float, np.random.Generator], "Float | None"]

ONE_OFF = 1e-3  # of an element's own size
MARGIN = 16.0  # units roundoff that ONE_OFF must be, or the dtype itself hardly shows it
TYPICAL = 0.5  # the share of elements above which one off would more likely pass than not
SYMMETRIC = 64.0  # units roundoff of the largest element: what rounding does to a symmetry


@dataclass(frozen=True)
class Mutant:
    """One way in which a gradient is wrong.

    Attributes
    ----------
    spoil : callable
        Gives the wrong gradient of a right one whose unit roundoff is u, in float64 and the same
        shape, or None where this is no mutant; the generator chooses where there is a choice.
    resolution : float
        The largest u of a dtype that shows it.
    """

    spoil: Spoil
    resolution: float = 1.0


def _one_off(gradient: Float, u: float, rng: np.random.Generator) -> Float | None:
    """Spoil one element of the larger half: a typical one."""
    flat = np.abs(gradient).reshape(-1)
    larger = np.flatnonzero((flat > 0) & (flat >= np.median(flat)) & np.isfinite(flat))
    if not larger.size:
        return None
    wrong = gradient.copy()
    wrong.reshape(-1)[rng.choice(larger)] *= 1 + ONE_OFF
    return wrong


def _transposed(gradient: Float, u: float, rng: np.random.Generator) -> Float | None:
    """Swap the last two axes of equal length; without such the shape tells, and is compared."""
    pairs = combinations(reversed(range(gradient.ndim)), 2)
    for later, earlier in pairs:
        if gradient.shape[earlier] == gradient.shape[later] > 1:
            wrong = np.swapaxes(gradient, earlier, later)
            with np.errstate(invalid="ignore"):
                moved = np.max(np.abs(wrong - gradient))
            symmetric = moved <= SYMMETRIC * u * np.max(np.abs(gradient))
            return None if symmetric and np.isfinite(moved) else wrong
    return None


MUTANTS: Mapping[str, Mutant] = {
    "zero": Mutant(lambda gradient, u, rng: np.zeros_like(gradient)),
    "negated": Mutant(lambda gradient, u, rng: -gradient if gradient.any() else None),
    "one off": Mutant(_one_off, ONE_OFF / MARGIN),
    "transposed": Mutant(_transposed),
    "float32": Mutant(
        lambda gradient, u, rng: gradient.astype(np.float32).astype(np.float64),
        PRECISIONS["float64"].u,
    ),
}


def mutants(gradient: Array, rng: np.random.Generator) -> dict[str, Array | None]:
    """Give every mutant of what a backend computed, in its dtype; None where it is none."""
    dtype = gradient.dtype
    found: dict[str, Array | None] = {}
    with np.errstate(all="ignore"):
        for name, wrong in _spoiled(np.asarray(gradient, np.float64), u_of(dtype.name), rng):
            held = None if wrong is None else np.ascontiguousarray(wrong).astype(dtype)
            same = held is None or np.array_equal(held, gradient)
            found[name] = None if same else held
    return found


def u_of(dtype: str) -> float:
    """Give the unit roundoff of a dtype by name; 0 for integers, which have none."""
    return {str(name): known.u for name, known in PRECISIONS.items()}.get(dtype, 0.0)


def _spoiled(
    gradient: Float, u: float, rng: np.random.Generator
) -> Iterator[tuple[str, Float | None]]:
    for name, mutant in MUTANTS.items():
        shows = gradient.size and u <= mutant.resolution
        yield name, mutant.spoil(gradient, u, rng) if shows else None


def teeth(expected: Float, allowed: Float | float, dtype: DType) -> Teeth:
    """Say which wrong gradients a comparison would have passed, without running any.

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
    allowed = np.broadcast_to(np.asarray(allowed, np.float64), expected.shape)
    survivors = {}
    for name, wrong in _spoiled(expected, PRECISIONS[dtype].u, np.random.default_rng(0)):
        if wrong is None:
            continue
        if name == "one off":  # not the one that was drawn: each in turn
            share = _share(expected * (1 + ONE_OFF), expected, allowed, among=expected != 0)
            survives = share > TYPICAL
        else:
            share = _share(wrong, expected, allowed)
            survives = share == 1.0
        if survives:
            survivors[name] = share
    return Teeth(survivors)


def _share(
    wrong: Float, expected: Float, allowed: Float, among: npt.NDArray[np.bool_] | None = None
) -> float:
    """Give the share of elements, of all or of some, that cannot tell two tensors apart."""
    with np.errstate(all="ignore"):
        same = (wrong == expected) | (np.isnan(wrong) & np.isnan(expected))
        close = same | (np.abs(wrong - expected) <= allowed)
    return float(np.mean(close if among is None else close[among]))
