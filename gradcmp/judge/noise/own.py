"""The noise of a backend's own code: how far it strays from its float64 run at nudged inputs.

Rounding errors change when the inputs are nudged, and a wrong kernel stays wrong. A difference that
is lost in what the nudges make of it is rounding, however large; one that stands out is not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from gradcmp.case import DType
from gradcmp.dtypes import FORMATS
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.noise.calibration import pool
from gradcmp.recording import Array, Outcome, Recording

Run: TypeAlias = tuple[Recording, Recording]

POINTS = 8  # K
# How far inputs are nudged, relative to each: far enough for other roundings of every unit that
# may have computed (TF32 among them), and near enough for the same loss of digits.
NUDGE = 2.0**-11
ALIKE = 8.0  # times: a number that nudges change by more is another number
SMALL = 0.1  # of a number: an error up to that may be a factor of it
HALF_NUDGE = 4.0  # units roundoff of a dtype of few digits


def nudged_inputs(
    inputs: Mapping[str, Array], dtype: DType, seed: int = 0
) -> Iterator[dict[str, Array]]:
    """Return the inputs of each of `POINTS` runs: ``x (1 + delta xi)``, whole numbers as they are.

    Numbers of one size share one xi, in whichever input they are: what is tied stays tied, and
    what cancels still does. At a tie that is broken a kernel that is wrong there would be right.

    Parameters
    ----------
    dtype : str
        What the tested side computes in; the inputs are still to be rounded to it.
    """
    u, rng = FORMATS[dtype].u, np.random.default_rng([seed, POINTS])
    delta = max(NUDGE, HALF_NUDGE * u)
    real = {name: x for name, x in inputs.items() if x.dtype.kind == "f"}
    sizes = np.concatenate([np.abs(x).reshape(-1) for x in real.values()] or [np.zeros(0)])
    known, places = np.unique(sizes, return_inverse=True)
    ends = np.cumsum([x.size for x in real.values()])[:-1]
    for _ in range(POINTS):
        factors = np.split((1 + delta * rng.standard_normal(known.size))[places], ends)
        moved = {
            name: x * factor.reshape(x.shape)
            for (name, x), factor in zip(real.items(), factors, strict=False)
        }
        yield {**inputs, **moved}


def own_noise(
    dtype: DType, run: Run, nudged: Sequence[Run], names: Collection[str]
) -> dict[str, Float]:
    """Return the noise of each tensor's elements.

    ``D_k = b(x_k) - b64(x_k)`` at the nudged inputs; what it moves from ``D_0`` at the inputs
    themselves is pooled as the deviations of replicas are. Where nudges change the number itself by
    much, as they do an exponential, what is wrong by a small factor moves as well: so the same is
    asked of ``D_k b64(x_0) / b64(x_k)``, and the smaller noise counts. (Not of what is far off: who
    loses all digits has zero, and is always off by the number itself.)

    Parameters
    ----------
    run : pair of Recording
        In `dtype` and in float64, at the inputs themselves.
    nudged : sequence of pair of Recording
        The same at each of the nudged inputs.
    names : collection of str
        Of tensors, as on screen; what was not always computed in one shape is left out.
    """
    found = {}
    for name in names:
        strayed = [_strayed(name, one) for one in (run, *nudged)]
        shapes = {None if one is None else one.shape for one in strayed}
        if len(nudged) != POINTS or len(shapes) > 1 or None in shapes:
            continue
        with np.errstate(all="ignore"):
            moved = np.stack(strayed)  # type: ignore[arg-type]
            fine = np.stack(
                [np.asarray(one[1].tensors[name], np.float64) for one in (run, *nudged)]
            )
            both = moved, moved * _growth(moved[0], fine)
            scales = (pool(fine[0] + (one - one[0]), FORMATS[dtype]).s for one in both)
            found[name] = np.fmin(*scales)
    return found


def _growth(difference: Float, fine: Float) -> Float:
    """Return by what a factor of each number would grow at the nudged inputs, inverted.

    One where a number is another there, or where it is far off.
    """
    ratio: Float = fine[0] / fine
    known = (
        (ratio >= 1 / ALIKE) & (ratio <= ALIKE) & (np.abs(difference) <= SMALL * np.abs(fine[0]))
    )
    return np.where(known, ratio, 1.0)


def _strayed(name: str, run: Run) -> Float | None:
    """Return how far a tensor is from its float64 run."""
    coarse, fine = (recording.tensors.get(name) for recording in run)
    if coarse is None or fine is None or coarse.shape != fine.shape or not coarse.size:
        return None
    with np.errstate(all="ignore"):
        strayed: Float = np.asarray(coarse, np.float64) - np.asarray(fine, np.float64)
    return strayed


def with_own_noise(
    outcomes: Mapping[str, Outcome], own: Mapping[str, Mapping[str, Array]]
) -> dict[str, Outcome]:
    """Return outcomes with the noise of their own code, by label and tensor, where it is known."""
    return {
        label: replace(outcome, own_noise=own[label])
        if isinstance(outcome, Recording) and label in own
        else outcome
        for label, outcome in outcomes.items()
    }
