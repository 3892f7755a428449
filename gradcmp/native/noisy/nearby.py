"""What code strays from its own float64 run at points nearby: the noise of what nobody sees into.

Rounding errors are others at each point; what a run is off by at all of them alike is no rounding,
but a kernel that is wrong in this dtype.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcmp.case import DType
from gradcmp.dtypes import FORMATS
from gradcmp.inputs import round_to
from gradcmp.judge.noise.calibration import Scale, pool
from gradcmp.judge.noise.nearby_points import NEARBY, POINTS, STEPPED
from gradcmp.native.outcome import Array
from gradcmp.native.side import Side, attempted
from gradcmp.native.way import DrawnCotangents


def own_scales(side: Side, base: Mapping[str, Array], dtype: DType) -> dict[str, Scale]:
    """Return the noise of a side's own code in a dtype, by tensor.

    That of float64 is the noise of float32, in proportion to the unit roundoff.

    Parameters
    ----------
    base : mapping of str to array
        The tensors that noise is asked of, as the float64 reference has them.
    """
    run: DType = STEPPED if dtype == "float64" else dtype
    times = FORMATS[dtype].u / FORMATS[run].u
    points = [attempted(partial(_strayed, one, run), {}) for one in _nearby(side, run)]
    found = {}
    for name, array in base.items():
        known = np.asarray(array, np.float64)
        strays = [one[name] for one in points if name in one and one[name].shape == known.shape]
        with np.errstate(all="ignore"):
            stack = np.stack([known, *(known + times * moved for moved in _moved(strays))])
        found[name] = replace(pool(stack, FORMATS[dtype]), own=True)
    return found


def _strayed(side: Side, dtype: DType) -> dict[str, Array]:
    coarse, fine = side.plain(dtype).tensors, side.clean(dtype).tensors
    with np.errstate(all="ignore"):
        return {
            name: np.asarray(coarse[name], np.float64) - array
            for name, array in fine.items()
            if array.dtype.kind == "f" and name in coarse and coarse[name].shape == array.shape
        }


def _moved(strays: Sequence[Array]) -> Sequence[Array]:
    """Return by how much each differs from what is common to all, which is a wrong kernel's."""
    if len(strays) < 2:
        return ()
    stack = np.stack(strays)
    finite = np.isfinite(stack)
    count = np.maximum(finite.sum(axis=0), 1)
    common = np.where(finite, stack, 0.0).sum(axis=0) / count
    unbiased = float(np.sqrt(len(strays) / (len(strays) - 1)))
    return [*(unbiased * (stack - common))]


def _nearby(side: Side, dtype: DType) -> Iterator[Side]:
    """Return a side at each point: inputs and cotangents that the dtype holds, a few u away.

    Of a function that is linear in its inputs the gradient has no rounding but the cotangent's.
    """
    by, rng = NEARBY * FORMATS[dtype].u, np.random.default_rng([0, POINTS])
    drawn = getattr(side, "cotangents", None)
    for point in range(POINTS):
        near: Any = side.at(
            {
                name: round_to(x * (1 + by * rng.standard_normal(x.shape)), dtype)
                if x.dtype.kind == "f"
                else x
                for name, x in side.inputs.items()
            }
        )
        if isinstance(drawn, DrawnCotangents):
            near = replace(near, cotangents=replace(drawn, moved=(point, by), _drawn={}))
        yield near
