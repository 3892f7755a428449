"""What is quiet whatever a calibration would say: a difference of a few roundings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gradcmp.case import DType, Fixed
from gradcmp.judge.auto.loudness import HALF_LIMITS, LIMITS, Limits
from gradcmp.judge.dtypes import HALVES, PRECISIONS

REPLICAS = 16
SETTLED_ETA = 5.0


@dataclass(frozen=True)
class Floor:
    """So many u |e| and so many eta: less than any noise makes loud.

    The variance s^2 is at least ``(u g)^2 / 3 + eta^2``, and so is that of a common factor at
    least ``u^2 / 3``. So p stays below its limit P up to ``P / sqrt(3)`` units, and r below
    `most`, by Cauchy and Schwarz.

    Attributes
    ----------
    units : float
        How many u |e|: a little less than P / sqrt(3).
    u, eta : float
        Of the dtype.
    limits : Limits
        What a calibration would be held against.
    """

    units: float
    u: float
    eta: float
    limits: Limits

    @property
    def allowed(self) -> Fixed:
        """The same as a tolerance."""
        return Fixed(self.units * self.u, SETTLED_ETA * self.eta)

    @property
    def most(self) -> float:
        """The largest multiple of the noise that is within it."""
        return float((3 * self.units**2 + SETTLED_ETA**2) ** 0.5)

    @property
    def rule(self) -> str:
        """The rule in full."""
        return f"auto: |a − e| <= {self.units:g} u·|e|, less than any noise"


def limits_of(dtype: DType) -> Limits:
    """Return from where on a difference is loud, by calibrated noise."""
    return HALF_LIMITS if dtype in HALVES else LIMITS


def _floor(dtype: DType, units: float) -> Floor:
    known = PRECISIONS[dtype]
    return Floor(units, known.u, known.eta, limits_of(dtype))


FLOORS: Mapping[DType, Floor] = {
    "float64": _floor("float64", 3.4),
    "float32": _floor("float32", 3.4),
    "float16": _floor("float16", 3.4),
    "bfloat16": _floor("bfloat16", 2.5),
}
