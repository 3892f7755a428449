"""What is right all the same of a tensor that a layout made wrong, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gradcmp.native.outcome import Array


def right_all_the_same(
    found: Mapping[str, Array], plain: Mapping[str, Array], wrong: Sequence[str]
) -> str:
    """Return which rows, or elements, of the first wrong tensor are what they should be.

    Parameters
    ----------
    found, plain : mapping of str to array
        By name, in the layout and without it.
    wrong : sequence of str
        The tensors that are judged wrong.
    """
    for name in wrong:
        if name in found and name in plain and found[name].shape == plain[name].shape:
            return _said(found[name].astype(np.float64), plain[name].astype(np.float64))
    return ""


def _said(found: Array, plain: Array) -> str:
    with np.errstate(all="ignore"):
        size = np.max(np.abs(plain), initial=0.0, where=np.isfinite(plain))
        # Loosely: which elements came about rightly, not how exactly.
        same = np.asarray(np.isclose(found, plain, rtol=0.02, atol=1e-3 * size, equal_nan=True))
    if not same.ndim or same.all() or not same.any():
        return ""
    what = "row" if same.ndim > 1 else "element"
    along = same.reshape(same.shape[0], -1).all(axis=1)
    right, count = np.flatnonzero(along), along.size
    if not right.size or count < 2:
        return ""
    if right.size == 1:
        return f"{what} {right[0] + 1} of {count} is right"
    if right.size == count - 1:
        return f"{what} {np.flatnonzero(~along)[0] + 1} of {count} alone is wrong"
    if right[-1] - right[0] == right.size - 1:
        return f"{what}s {right[0] + 1} to {right[-1] + 1} of {count} are right"
    return f"{right.size} of {count} {what}s are right"
