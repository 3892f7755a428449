"""What the reference itself loses in float32: one plain run, that settles most tensors.

A difference of the size of the reference's own rounding error, that shrinks in float64 as rounding
does, needs no calibrated noise: it is rounding. What is left over is measured. A wrong formula
does not shrink, so it is never settled here: docs/design/baseline.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gradcmp.case import DType
from gradcmp.graph import Graph
from gradcmp.graph.records import STEP
from gradcmp.judge.auto.batch import Sheet
from gradcmp.judge.auto.decision import ROUNDING, noise_of
from gradcmp.judge.auto.floor import limits_of
from gradcmp.judge.auto.loudness import Limits, Loudness
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.dtypes import PRECISIONS
from gradcmp.judge.elementwise.arrays import is_small
from gradcmp.judge.elementwise.difference import element
from gradcmp.judge.elementwise.segments import LONGEST, Float, Strip, batches
from gradcmp.judge.elementwise.ulp import FORMATS
from gradcmp.judge.noise.calibration import WIDEST, pooled
from gradcmp.judge.noise.nearby_points import run_in
from gradcmp.recording import Array, Recording

DTYPE: DType = "float32"  # in narrower dtypes NumPy adds up in order, which frameworks do not
U, U_FINE = PRECISIONS[DTYPE].u, PRECISIONS["float64"].u
TYPICAL = 3.4  # calibrated noise over the error that is made, in the median of correct backends
# What a calibration has hardly ever been seen beyond, in units of what one run bespeaks.
LEAST, GREATEST = 0.06, 9.4
# Times the noise that this bespeaks: four limits of a calibration, since one run is rougher.
WITHIN = 32.0
ALLOWED = Limits(WITHIN, limits_of(DTYPE).p)
# Units roundoff of a float64 difference that shrank as rounding does, whatever the noise is: rho
# is below 64 up to 64 / sqrt(3), as s is at least u |g| / sqrt(3).
SETTLED_FINE = 36.0
RULE_BASELINE = (
    f"auto: |a − e| <= {WITHIN:g} × noise, told from the reference's own rounding in {DTYPE}"
)


@dataclass(frozen=True)
class Bracket:
    """What each element of a gradient may be off, as far as the baseline knows.

    A correct implementation rounds its result, at least.
    """

    expected: Float
    limit: float
    scale: Float

    @property
    def least(self) -> Float:
        """As little as a calibration may say."""
        return self._at_least(LEAST)

    @property
    def likely(self) -> Float:
        """What it says, most likely."""
        return self._at_least(1.0)

    @property
    def most(self) -> Float:
        """As much as it may say."""
        return self.limit * GREATEST * self.scale

    def _at_least(self, times: float) -> Float:
        rounded = (self.limit * U / 3**0.5) * np.abs(self.expected)
        return np.maximum(rounded, self.limit * times * self.scale)


@dataclass
class Baseline:
    """The rounding errors of the reference in float32.

    Attributes
    ----------
    reference : Recording
        In float64.
    """

    graph: Graph
    reference: Recording
    _scales: dict[str, Float | None] = field(default_factory=dict)

    def scale(self, name: str) -> Float | None:
        """Return the noise of each element that the error bespeaks; None where it is not finite."""
        if name not in self._scales:
            self._scales |= self._pool(name)
        return self._scales[name]

    def settle(self, sheet: Sheet) -> list[Comparison | None]:
        """Compare differences with the reference's own error; None where that is not enough."""
        if sheet.facing.dtype != DTYPE or sheet.facing.same or not sheet.left:
            return [None] * len(sheet.tensors)
        strip, scale = sheet.strip, self._scales_of(sheet)
        with np.errstate(all="ignore"):
            multiples = sheet.difference / scale
            top = strip.largest(multiples)
            within = (top <= WITHIN) & strip.every(is_close(*sheet.left, scale))
            where = strip.first(~(multiples < strip.spread(top)))  # NaN settles nothing
        columns = (within, where, top, scale[where], sheet.actual[where], sheet.expected[where])
        parts = strip.cut(multiples)
        found: list[Comparison | None] = [None] * len(sheet.tensors)
        for i, (settled, flat, multiple, unit, actual, expected) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            if settled:
                index = strip.index(i, flat)
                worst = element(index, actual, expected, FORMATS[DTYPE], unit * WITHIN)
                noise = noise_of(Loudness(multiple, 0.0, index, 0, ALLOWED), None, worst)
                excess = parts[i] / WITHIN if is_small(parts[i]) else None
                # What is common to all elements is not asked for.
                found[i] = sheet.judged(i, ROUNDING, RULE_BASELINE, worst, excess, noise)
        return found

    def _scales_of(self, sheet: Sheet) -> Float:
        """Lay the scales of tensors; NaN, which settles nothing, for None."""
        scales = [(self.scale(tensor.name), tensor.values[1]) for tensor in sheet.tensors]
        return sheet.strip.lay(
            np.full(array.shape, np.nan) if scale is None else scale for scale, array in scales
        )

    def bounds(self, name: str, expected: Float, limit: float) -> Bracket | None:
        """Bracket `limit` times what a calibration would say; None where there is no telling."""
        scale = self.scale(name)
        return None if scale is None else Bracket(expected, limit, scale)

    @cached_property
    def _run(self) -> Mapping[str, Array]:
        inputs = {name: self.reference.values[name] for name in self.graph.inputs}
        return run_in(DTYPE, self.graph, inputs, self.reference.gradients[self.graph.output])

    @cached_property
    def _small(self) -> tuple[str, ...]:
        given = {*self.graph.inputs}
        tensors = self.reference.tensors.items()
        return tuple(
            name
            for name, array in tensors
            if name in self._run and name not in given and STEP not in name
            if 0 < array.size <= LONGEST
        )

    def _pool(self, name: str) -> dict[str, Float | None]:
        """Return the noise of a tensor: of a small one together with all other small ones."""
        small = self.reference.tensors[name].size <= LONGEST
        names = self._small if small else (name,)
        exact = [self.reference.tensors[name] for name in names]
        found: dict[str, Float | None] = {name: None}
        for batch in batches(range(len(names)), exact):
            strip = Strip([exact[i].shape for i in batch])
            base = strip.lay([exact[i] for i in batch])
            run = strip.lay([self._run[names[i]] for i in batch])
            with np.errstate(all="ignore"):
                v = (run - base) / WIDEST[1]
                np.square(v, out=v)
                zero = (run == 0) & (base == 0)  # says nothing of the noise there: the tensor does
                if zero.any():
                    v = np.where(zero, strip.mean(v), v)
                noise = np.sqrt(pooled(v, 1, base, PRECISIONS[DTYPE], strip), out=v)
                noise *= TYPICAL
                finite = np.isfinite(strip.total(noise)).tolist()
            parts = zip(batch, strip.cut(noise), finite, strict=True)
            found |= {names[i]: part if known else None for i, part, known in parts}
        return found


def is_close(size: Float, difference: Float, scale: Float | None = None) -> npt.NDArray[np.bool_]:
    """Return for each element whether two float64 runs are as close as rounding alone leaves them.

    Parameters
    ----------
    size, difference : array
        ``|e64|`` and ``|a64 − e64|``.
    scale : array, optional
        The noise in float32; without it only what is within a few roundings is close.
    """
    with np.errstate(all="ignore"):
        few = (SETTLED_FINE * U_FINE) * size
        most = few if scale is None else np.maximum(few, (WITHIN * U_FINE / U) * scale)
        close: npt.NDArray[np.bool_] = difference <= most
    if not np.isfinite(np.add.reduce(few, None)):  # what is infinite, or NaN, has to be the same
        close = (difference == 0) | (close & np.isfinite(few))
    return close
