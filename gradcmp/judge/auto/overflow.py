"""An overflow, where the true number is too large for the dtype, told from a bug."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradcmp.judge.comparison import Comparison, Verdict
from gradcmp.judge.dtypes import Precision
from gradcmp.recording import Array, Recording


def overflowed(
    seen: Comparison, values: tuple[Array, Array], precision: Precision, reference: Recording
) -> Comparison:
    """Return the verdict on NaN and infinities that one side alone has.

    Parameters
    ----------
    seen : Comparison
        What the arrays are without it: non-finite.
    reference : Recording
        In float64: it knows the numbers that are too large.
    """
    name = _too_large(reference, precision)
    if name is None:
        return seen
    actual, expected = (np.asarray(array, np.float64) for array in values)
    finite = np.isfinite(actual) & np.isfinite(expected)
    with np.errstate(all="ignore"):
        rest = np.abs(actual - expected)[finite]
    if not np.all(np.isfinite(rest)):
        return seen
    detail = f"'{name}' exceeds {precision.largest:g}, the largest number of the dtype"
    return replace(seen, verdict=Verdict(False, "range", detail))


def _too_large(reference: Recording, precision: Precision) -> str | None:
    for name, array in reference.tensors.items():
        if array.dtype.kind == "f" and np.abs(array).max(initial=0.0) > precision.largest:
            return name
    return None
