"""Fixed tolerances that others use: |actual - expected| <= atol + rtol |expected|."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradcmp.ops import Array


@dataclass(frozen=True)
class Rival:
    """A fixed tolerance.

    Attributes
    ----------
    rtol : mapping of str to float
        By dtype.
    """

    name: str
    rtol: Mapping[str, float]
    atol: float

    def passes(self, actual: Array, expected: Array, dtype: str) -> bool:
        """Whether every element is close."""
        a, e = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
        with np.errstate(all="ignore"):
            return bool(np.all(np.abs(a - e) <= self.atol + self.rtol[dtype] * np.abs(e)))


def _alike(rtol: float) -> Mapping[str, float]:
    return {"float32": rtol, "bfloat16": rtol}


RIVALS = (
    # torch/testing/_comparison.py, _DTYPE_PRECISIONS
    Rival("torch assert_close defaults", {"float32": 1.3e-6, "bfloat16": 1.6e-2}, 1e-5),
    Rival("NumPy 1e-5 / 1e-8", _alike(1e-5), 1e-8),
    Rival("gradcheck 1e-3 / 1e-5", _alike(1e-3), 1e-5),
    Rival("constant 1e-5", _alike(0.0), 1e-5),
)
