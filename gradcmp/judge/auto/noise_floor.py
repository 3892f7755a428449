"""First stage: a difference of a few roundings is rounding, whatever a calibration would say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gradcmp.case import DType, Fixed
from gradcmp.dtypes import FORMATS
from gradcmp.judge.auto.decision import ROUNDING, noise_of
from gradcmp.judge.auto.loudness import Limits, Loudness, limits_of
from gradcmp.judge.auto.tensors.batch import TensorBatch
from gradcmp.judge.comparison import Comparison, Element, Measured, Noise

SETTLED_ETA = 5.0


@dataclass(frozen=True)
class Floor:
    """So many u |e| and so many eta: within the rounding bound makes loud.

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
        return f"auto: |a − e| <= {self.units:g} u·|e|, within the rounding bound"


def _floor(dtype: DType, units: float) -> Floor:
    known = FORMATS[dtype]
    return Floor(units, known.u, known.eta, limits_of(dtype))


FLOORS: Mapping[DType, Floor] = {
    "float64": _floor("float64", 3.4),
    "float32": _floor("float32", 3.4),
    "float16": _floor("float16", 3.4),
    "bfloat16": _floor("bfloat16", 2.5),
}


class NoiseFloor:
    """Settle what agrees under the floor, and is as close in float64, if that is known."""

    def settle(
        self, batch: TensorBatch, unsettled: Sequence[int]
    ) -> Iterator[tuple[int, Comparison]]:
        """Return the numbers of the tensors that are settled, each with its comparison."""
        close, floor = self._close(batch), FLOORS[batch.sides.dtype]
        within = [
            i
            for i in unsettled
            if batch.unmatched[i] or (batch.agree[i] and (close[i] or batch.equal[i]))
        ]
        for i, seen in zip(within, batch.at_floor(within) if within else (), strict=True):
            if seen.verdict.reason == "non-finite":  # no noise is like that; or the same everywhere
                yield i, seen
            elif close[i]:
                yield i, _settled(seen, floor)

    def _close(self, batch: TensorBatch) -> list[bool]:
        """Return for each tensor whether its float64 runs are as close, as far as is known."""
        if not batch.has_float64 or not any(batch.agree):
            return batch.agree
        return batch.close_in_float64()


def _settled(seen: Comparison, floor: Floor) -> Comparison:
    if seen.verdict.reason == "exact":
        return replace(seen, rule=floor.rule)

    def bounded(found: Measured) -> Measured:
        return replace(found, noise=_bound(found.worst, floor)) if found.worst else found

    return replace(seen.later(bounded), rule=floor.rule, verdict=ROUNDING)


def _bound(worst: Element, floor: Floor) -> Noise:
    """Return the most that a settled difference can be."""
    far = floor.most * worst.excess
    found = Loudness(far, far, worst.index, 0, floor.limits)
    one = replace(worst, allowed=floor.limits.r * floor.u * abs(worst.expected))
    return replace(noise_of(found, None, one), bound=True)
