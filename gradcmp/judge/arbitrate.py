"""Who is off the truth: told by derivatives that know no pullback, never by majority."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from gradcmp.judge.records import Comparison, Pair
from gradcmp.judge.strip import Float
from gradcmp.judge.truth import Primal, Truth

DIRECTIONS = 3  # a wrong gradient is orthogonal to none of them but by chance
# Of sum |g v|: below it the reference's own float64 rounding, above it a wrong pullback.
CONTRADICTION = 1e-7
INCONCLUSIVE = 1e3  # times what is allowed: so large an error of the truth decides nothing


@dataclass(frozen=True)
class Ruling:
    """Who of a pair is off.

    Attributes
    ----------
    off : tuple of str
        Labels; empty when the truth could not tell.
    why : str
        What they were held against.
    """

    off: tuple[str, ...] = ()
    why: str = ""

    @property
    def side(self) -> str | None:
        """The label that is off, both of them, or None."""
        return " and ".join(self.off) or None


@dataclass(frozen=True)
class Probe:
    """One derivative that the reference claims, and what it is.

    Attributes
    ----------
    claimed : float
        ``<gradient, direction>``.
    truth : Truth or None
    allowed : float
        What the two may be apart without a contradiction.
    """

    claimed: float
    truth: Truth | None
    allowed: float

    @property
    def holds(self) -> bool | None:
        """Whether the claim is right; None when no truth could tell."""
        if self.truth is None or self.truth.error > INCONCLUSIVE * self.allowed:
            return None
        return abs(self.claimed - self.truth.value) <= self.allowed + 4 * self.truth.error


@dataclass(frozen=True)
class Audit:
    """The reference's gradient of one tensor, held against the function itself."""

    name: str
    probes: tuple[Probe, ...]

    @property
    def holds(self) -> bool | None:
        """False when one derivative contradicts it; None when none could be told."""
        told = [probe.holds for probe in self.probes if probe.holds is not None]
        return all(told) if told else None


def directional(
    primal: Primal, name: str, gradient: Float, index: tuple[int, ...] | None = None, seed: int = 0
) -> Audit:
    """Compare a gradient with the derivative along random directions and at one element.

    Parameters
    ----------
    name : str
        Of an input or node, without the ``d``.
    gradient : array
        What the float64 reference says it is.
    index : tuple of int, optional
        The worst element.
    """
    if not gradient.size:
        return Audit(name, ())
    rng = np.random.default_rng(seed)
    directions = [rng.standard_normal(gradient.shape) for _ in range(DIRECTIONS)]
    if index is not None:
        unit = np.zeros(gradient.shape)
        unit[index] = 1.0
        directions.append(unit)
    return Audit(name, tuple(_probe(primal, name, gradient, v) for v in directions))


def _probe(primal: Primal, name: str, gradient: Float, direction: Float) -> Probe:
    terms = gradient * direction
    claimed, size = float(np.sum(terms)), float(np.sum(np.abs(terms)))
    truth = primal.along(name, direction, claimed)
    # fmax: a gradient that is not a number, or zero where it should not be, has no size.
    size = float(np.fmax(size, abs(truth.value) if truth else 0.0))
    return Probe(claimed, truth, CONTRADICTION * size)


def arbitrate(values: Mapping[str, float], truth: Truth | None, allowed: float) -> Ruling:
    """Describe which of two numbers is off the derivative.

    They are further apart than `allowed`, so that at least one is off by half of it.

    Parameters
    ----------
    values : mapping of str to float
        By label, the two sides at their worst element.
    truth : Truth or None
        The derivative with respect to that element.
    allowed : float
        What the two may be apart: the limit of the noise, or the allowance of the tolerance.
    """
    if truth is None:
        return Ruling((), "there is no derivative to hold them against")
    reach = allowed / 2
    distances = {label: abs(value - truth.value) for label, value in values.items()}
    if any(abs(distance - reach) <= truth.error for distance in distances.values()):
        return Ruling((), f"{truth.method} in float64 is not exact enough to tell")
    off = tuple(label for label, distance in distances.items() if not distance <= reach)
    return Ruling(off, f"held against {truth.method} in float64 at the worst element")


def arbitrate_nonfinite(values: Mapping[str, float], truth: float | None) -> Ruling:
    """Describe which of two numbers is off where one of them, or the truth, is NaN or an infinity.

    Parameters
    ----------
    values : mapping of str to float
        By label, the two sides at that element.
    truth : float or None
        Where it is finite, a side that is not is off; else a side that is another number.
    """
    if truth is None:
        return Ruling((), "there is no derivative to hold them against")
    if math.isfinite(truth):
        off = [label for label, value in values.items() if not math.isfinite(value)]
    else:
        off = [
            label
            for label, value in values.items()
            if value != truth and not (math.isnan(value) and math.isnan(truth))
        ]
    return Ruling(tuple(off), "held against float64 at the first element that is not finite")


def arbitrate_values(pair: Pair, reference: str, agrees: Mapping[str, bool]) -> Ruling:
    """Return the side whose value, not gradient, is wrong: the reference's forward pass defines it.

    Parameters
    ----------
    agrees : mapping of str to bool
        By label, whether this tensor agrees with the reference.
    """
    sides = (pair.actual, pair.expected)
    off = tuple(label for label in sides if label != reference and not agrees.get(label, True))
    return Ruling(off, "the reference's forward pass is the definition" if off else "")


@dataclass(frozen=True)
class Agreement:
    """Who agrees with whom.

    Attributes
    ----------
    cells : mapping of Pair to bool or None
        Of every two labels in either order; None where nothing was compared.
    """

    labels: tuple[str, ...]
    cells: Mapping[Pair, bool | None]

    @property
    def rows(self) -> tuple[tuple[bool | None, ...], ...]:
        """The matrix, row by row; everybody agrees with itself."""
        return tuple(
            tuple(True if a == e else self.cells[Pair(a, e)] for e in self.labels)
            for a in self.labels
        )


def agreement(
    labels: Iterable[str],
    comparisons: Mapping[Pair, Mapping[str, Comparison]],
    tensor: str | None = None,
) -> Agreement:
    """Make the matrix of a case, or of one tensor.

    Parameters
    ----------
    labels : iterable of str
        All backends of the case, those without a recording too.
    tensor : str, optional
        As on screen; without it two backends agree when they do in every tensor.
    """
    labels = tuple(labels)
    cells: dict[Pair, bool | None] = {Pair(a, e): None for a in labels for e in labels if a != e}
    for pair, by_name in comparisons.items():
        held = [c.agrees for name, c in by_name.items() if tensor in (None, name)]
        if held:
            cells[pair] = cells[Pair(pair.expected, pair.actual)] = all(held)
    return Agreement(labels, cells)
