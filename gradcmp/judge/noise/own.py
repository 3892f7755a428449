"""The noise of a backend's own code: how far it strays from its float64 run at nudged inputs.

Rounding errors change when the inputs are nudged, and a wrong kernel stays wrong. A difference that
is lost in what the nudges make of it is rounding, however large; one that stands out is not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from gradcmp.case import DType
from gradcmp.dtypes import FORMATS
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.noise.calibration import pool
from gradcmp.recording import Array, Recording

Run: TypeAlias = tuple[Recording, Recording]

POINTS = 8  # K
# How far inputs are nudged, relative to each: far enough for other roundings of every unit that
# may have computed (TF32 among them), and near enough for the same loss of digits.
NUDGE = 2.0**-11
HALF_NUDGE = 4.0  # units roundoff of a dtype of few digits


def nudged_inputs(
    inputs: Mapping[str, Array], dtype: DType, seed: int = 0
) -> Iterator[dict[str, Array]]:
    """Return the inputs of each of `POINTS` runs: ``x (1 + delta xi)``, whole numbers as they are.

    Parameters
    ----------
    dtype : str
        What the tested side computes in; the inputs are still to be rounded to it.
    """
    u, rng = FORMATS[dtype].u, np.random.default_rng([seed, POINTS])
    delta = max(NUDGE, HALF_NUDGE * u)
    for _ in range(POINTS):
        yield {
            name: x * (1 + delta * rng.standard_normal(x.shape)) if x.dtype.kind == "f" else x
            for name, x in inputs.items()
        }


def own_noise(
    dtype: DType, run: Run, nudged: Sequence[Run], names: Collection[str]
) -> dict[str, Float]:
    """Return the noise of each tensor's elements.

    ``D_k = b(x_k) - b64(x_k)`` at the nudged inputs; what it moves from ``D_0`` at the inputs
    themselves is pooled as the deviations of replicas are.

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
            stack = np.stack(strayed)  # type: ignore[arg-type]
            stack += np.asarray(run[1].tensors[name], np.float64) - stack[0]
            found[name] = pool(stack, FORMATS[dtype]).s
    return found


def _strayed(name: str, run: Run) -> Float | None:
    """Return how far a tensor is from its float64 run."""
    coarse, fine = (recording.tensors.get(name) for recording in run)
    if coarse is None or fine is None or coarse.shape != fine.shape or not coarse.size:
        return None
    with np.errstate(all="ignore"):
        strayed: Float = np.asarray(coarse, np.float64) - np.asarray(fine, np.float64)
    return strayed
