"""First stage: a difference of a few roundings is rounding, whatever a calibration would say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gradcmp.case import DType, Fixed
from gradcmp.dtypes import FORMATS
from gradcmp.judge.auto.batch import TensorBatch
from gradcmp.judge.auto.decision import ROUNDING, noise_of
from gradcmp.judge.auto.loudness import Limits, Loudness, limits_of
from gradcmp.judge.comparison import Comparison, Element, Noise
from gradcmp.judge.elementwise.segments import Float, Segments

SETTLED_ETA = 5.0
# Units roundoff of a float64 difference that shrank as rounding does, whatever the noise is: rho
# is below 64 up to 64 / sqrt(3), as s is at least u |g| / sqrt(3).
SETTLED_FLOAT64 = 36.0
U_FLOAT64 = FORMATS["float64"].u
PIECE = 1 << 14  # elements


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
        within = [i for i in unsettled if batch.unmatched[i] or self._is_within(batch, i, close[i])]
        for i, seen in zip(within, batch.at_floor(within) if within else (), strict=True):
            if seen.verdict.reason == "non-finite":  # no noise is like that; or the same everywhere
                yield i, seen
            elif close[i]:
                yield i, _settled(seen, floor)

    def _is_within(self, batch: TensorBatch, i: int, close: bool) -> bool:
        """Whether a tensor agrees under the floor, in float64 as well or for it is the same."""
        counted = batch.statistics[i]
        return batch.agree[i] and (close or counted.equal == counted.total)

    def _close(self, batch: TensorBatch) -> list[bool]:
        """Return for each tensor whether its float64 runs are as close, as far as is known."""
        if not batch.float64_difference or not any(batch.agree):
            return batch.agree
        return all_close(batch.segments, *batch.float64_difference)


def _settled(seen: Comparison, floor: Floor) -> Comparison:
    if seen.verdict.reason == "exact" or not seen.worst:
        return replace(seen, rule=floor.rule)
    noise = _bound(seen.worst, floor)
    return replace(seen.with_measured(noise=noise), rule=floor.rule, verdict=ROUNDING)


def _bound(worst: Element, floor: Floor) -> Noise:
    """Return the most that a settled difference can be."""
    far = floor.most * worst.excess
    found = Loudness(far, far, worst.index, 0, floor.limits)
    one = replace(worst, allowed=floor.limits.r * floor.u * abs(worst.expected))
    return replace(noise_of(found, None, one), bound=True)


def is_close(size: Float, difference: Float, allowed: Float | float = 0.0) -> npt.NDArray[np.bool_]:
    """Return for each element whether two float64 runs are as close as rounding alone leaves them.

    Parameters
    ----------
    size, difference : array
        ``|e64|`` and ``|a64 − e64|``.
    allowed : array, optional
        What else is close, where that is more than a few roundings.
    """
    with np.errstate(all="ignore"):
        few = (SETTLED_FLOAT64 * U_FLOAT64) * size
        most = np.maximum(few, allowed)
        close: npt.NDArray[np.bool_] = difference <= most
    if not np.isfinite(np.add.reduce(few, None)):  # what is infinite, or NaN, has to be the same
        close = (difference == 0) | (close & np.isfinite(few))
    return close


def all_close(
    segments: Segments,
    size: Float,
    difference: Float,
    factor: float = 0.0,
    noise: Float | None = None,
) -> list[bool]:
    """Return for each tensor of a flat run whether `is_close` holds of all its elements.

    Parameters
    ----------
    factor, noise : float, array of float64
        What else is close: so many times the noise.
    """

    def close(piece: slice) -> npt.NDArray[np.bool_]:
        allowed = 0.0 if noise is None else factor * noise[piece]
        return is_close(size[piece], difference[piece], allowed)

    if len(segments) > 1:
        found: list[bool] = segments.every(close(slice(None))).tolist()
        return found
    # In pieces: to ask for new memory of the size of the whole takes longer than what is computed.
    pieces = (slice(start, start + PIECE) for start in range(0, len(size), PIECE))
    return [all(close(piece).all() for piece in pieces)]
