"""What is left of a difference when open branches may have been taken either way.

Two tests, both of which must hold. Apart: each element lies in the interval that the branches
leave it. Together: the difference of all elements is a combination of the jumps. A function
that is continuous has a unique derivative along every direction in which tied numbers stay tied,
and a jump has no part in such a direction; what a difference has of it nothing explains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gradcmp.dtypes import Format
from gradcmp.judge.auto.loudness import apart
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.noise.calibration import Scale
from gradcmp.judge.noise.kinks import EPS, OpenBranches
from gradcmp.recording import Array

ROUNDED = 4.0  # roundings that the end of an interval, or a jump, may have seen
FIT = 64.0  # roundings of float64 that fitting may take
HELD_BACK = 8  # ways to take the branches that must be combinations of all others
FAINT = 1e-6  # of the noise: as small a jump explains nothing


@dataclass(frozen=True)
class Kinked:
    """A difference of one tensor and the jumps that its open branches could make.

    Attributes
    ----------
    jumps : array
        What each way to take the open branches adds to the reference, on a leading axis.
    margin : array
        What rounding may leave of a jump.
    """

    name: str
    difference: Float
    scale: Scale
    jumps: Float
    margin: Float

    @property
    def unit(self) -> float:
        """The unit roundoff of the dtype in which branches are open."""
        return max((one.precision.u for one in self.scale.kinks), default=EPS)

    @property
    def low(self) -> Float:
        """The least that the branches add."""
        low: Float = np.minimum(self.jumps.min(axis=0), 0.0)
        return low

    @property
    def high(self) -> Float:
        """The most that the branches add."""
        high: Float = np.maximum(self.jumps.max(axis=0), 0.0)
        return high


def reached(name: str, scale: Scale) -> npt.NDArray[np.bool_]:
    """Return to which elements of a tensor an open branch makes a difference."""
    found = np.zeros(scale.base.shape, np.bool_)
    for one in scale.kinks:
        found |= _jumps(one, many=False)[name].any(axis=0)
    return found


def kinked(
    name: str, values: Sequence[Array], scale: Scale, precision: Format, many: bool
) -> Kinked:
    """Put a difference beside the jumps of its tensor; parameters as those of `unexplained`."""
    actual, expected = (np.asarray(array, np.float64) for array in values)
    jumps = np.concatenate([_jumps(one, many)[name] for one in scale.kinks])
    jumps = np.where(np.isfinite(jumps), jumps, 0.0)
    ends = (scale.base + jumps.min(axis=0), scale.base + jumps.max(axis=0))
    with np.errstate(all="ignore"):
        margin = ROUNDED * precision.u * np.maximum(*map(np.abs, ends))
    margin = np.where(np.isfinite(margin), margin, 0.0)
    return Kinked(name, apart(actual, expected), scale, jumps, margin)


def _jumps(kinks: OpenBranches, many: bool) -> Mapping[str, Float]:
    return kinks.many_jumps if many else kinks.jumps


def unexplained(
    name: str,
    values: Sequence[Array],
    scale: Scale,
    precision: Format,
    expected_is_reference: bool,
    many: bool = False,
) -> tuple[Float, bool]:
    """Return what is left of the difference of one tensor that has open branches.

    Parameters
    ----------
    values : pair of array
        Actual and expected.
    precision : Format
        Of the coarser side: jumps are rounded, too.
    expected_is_reference : bool
        Then only the other side's branches are open.
    many : bool
        Whether the branches are taken in more ways than usual.

    Returns
    -------
    tuple of array and bool
        And whether its elements were judged together: `outside_span`.
    """
    one = kinked(name, values, scale, precision, many)
    found, beyond = outside_span([one]), outside_interval(one, expected_is_reference)
    if found is None:
        return beyond, False
    return np.where(np.abs(found[name]) > np.abs(beyond), found[name], beyond), True


def outside_interval(one: Kinked, expected_is_reference: bool) -> Float:
    """Return how far each element lies outside of its own interval."""
    low, high = one.low - one.margin, one.high + one.margin
    if expected_is_reference:
        beyond: Float = np.maximum(one.difference - high, 0.0)
        beyond += np.minimum(one.difference - low, 0.0)
        return beyond
    rest = np.maximum(np.abs(one.difference) - (high - low), 0.0)
    return np.copysign(rest, one.difference)


def outside_span(tensors: Sequence[Kinked]) -> dict[str, Float] | None:
    """Return, by name, what of the differences no combination of jumps makes.

    All tensors are fitted at once, each element weighted by its noise.

    Returns
    -------
    dict of str to array or None
        None where not all kinds of jumps are known: the last ways that were tried showed new ones.
    """
    fit = _fit(tensors)
    if fit is None:
        return None
    difference = fit.difference
    rest = np.maximum(np.abs(fit.rest) - FIT * EPS * np.linalg.norm(fit.seen), 0.0)
    difference[fit.where] = np.maximum(rest * fit.noise - fit.margin, 0.0)
    return _by_name(tensors, difference)


def free_direction(
    tensors: Sequence[Kinked], limit: float
) -> tuple[dict[str, Float], float] | None:
    """Return the direction in which the differences are that no combination of jumps makes.

    No jump has a part in it, so that the derivative along it is unique.

    Parameters
    ----------
    limit : float
        How many times the noise a difference along it must be.

    Returns
    -------
    tuple of dict and float, or None
        How far each tensor moves along it, and what a difference along it may be. None where no
        more than noise is left, or where not all kinds of jumps are known.
    """
    fit = _fit(tensors)
    if fit is None or not fit.where.size:
        return None
    size = float(np.linalg.norm(fit.rest))
    if not size > limit + FIT * EPS * float(np.linalg.norm(fit.seen)):
        return None
    direction = np.zeros(fit.difference.shape)
    direction[fit.where] = fit.rest / size / fit.noise
    length = float(np.linalg.norm(direction))
    return _by_name(tensors, direction / length), limit / length


@dataclass(frozen=True)
class Fit:
    """What jumps make of differences, each element in units of its noise.

    Attributes
    ----------
    difference : array
        Of all elements, one after the other, as they are.
    where : array of int
        The elements that jumps reach; the arrays below are of these.
    seen, rest : array
        The difference in units of the noise, and what of it no combination of jumps makes.
    noise, margin : array
    """

    difference: Float
    where: npt.NDArray[np.intp]
    seen: Float
    rest: Float
    noise: Float
    margin: Float


def _fit(tensors: Sequence[Kinked]) -> Fit | None:
    noise = np.concatenate([one.scale.s.reshape(-1) for one in tensors])
    difference = np.concatenate([one.difference.reshape(-1) for one in tensors])
    jumps = np.concatenate([one.jumps.reshape(len(one.jumps), -1) for one in tensors], axis=1)
    margin = np.concatenate([one.margin.reshape(-1) for one in tensors])
    unit = np.concatenate([np.full(one.difference.size, one.unit) for one in tensors])
    with np.errstate(all="ignore"):
        # A jump is rounded, too: where the reference has a zero there is no other noise, and in
        # smaller units one element would take all digits of the fit from the others.
        jump, off = np.abs(jumps).max(axis=0), np.abs(difference)
        noise = np.fmax(noise, unit * np.where(np.isfinite(jump), jump, 0.0))
        noise = np.fmax(noise, EPS * np.where(np.isfinite(off), off, 0.0))  # float64's own
        known = np.isfinite(difference / noise) & np.isfinite(jumps / noise).all(axis=0)
        where = np.flatnonzero(known & jumps.any(axis=0))
        rows, seen = jumps[:, where] / noise[where], difference[where] / noise[where]
        size = np.concatenate([np.abs(one.scale.base).reshape(-1) for one in tensors])[where]
        exact = float(np.max(EPS * size / noise[where], initial=0.0))
    if not where.size:
        return Fit(difference, where, seen, seen, noise[where], margin[where])
    known, others = np.split(rows, [len(rows) - min(HELD_BACK, len(rows) // 4)])
    _, values, basis = np.linalg.svd(known, full_matrices=False)
    lost = EPS * max(rows.shape) * values[0]
    least = max(FAINT, lost, 64 * exact * len(where) ** 0.5)
    basis = basis[values > least]
    new = others - (others @ basis.T) @ basis
    if len(basis) == len(known) or np.linalg.norm(new, axis=1).max(initial=0.0) > least:
        return None  # more ways would show more kinds of jumps
    rest = seen - basis.T @ (basis @ seen)
    return Fit(difference, where, seen, rest, noise[where], margin[where])


def _by_name(tensors: Sequence[Kinked], elements: Float) -> dict[str, Float]:
    parts = np.split(elements, np.cumsum([one.difference.size for one in tensors])[:-1])
    return {
        one.name: part.reshape(one.difference.shape)
        for one, part in zip(tensors, parts, strict=True)
    }
