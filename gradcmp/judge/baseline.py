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
from gradcmp.judge.calibrate import WIDEST, Float, pooled
from gradcmp.judge.compare import is_small
from gradcmp.judge.decision import ROUNDING, element_of, noise_of
from gradcmp.judge.loudness import LIMITS, Limits, Loudness
from gradcmp.judge.noise import PRECISIONS
from gradcmp.judge.records import Comparison
from gradcmp.judge.scales import REPLICAS
from gradcmp.judge.selfnoise import run_in
from gradcmp.judge.sheet import Sheet
from gradcmp.judge.strip import LONGEST, Strip, batches
from gradcmp.judge.teeth import Allowance
from gradcmp.recording import Array, Recording

DTYPE: DType = "float32"  # in narrower dtypes NumPy adds up in order, which frameworks do not
U, U_FINE = PRECISIONS[DTYPE].u, PRECISIONS["float64"].u
TYPICAL = 3.4  # calibrated noise over the error that is made, in the median of correct backends
# What a calibration has hardly ever been seen beyond, in units of what one run bespeaks.
LEAST, GREATEST = 0.06, 9.4
# Times the noise that this bespeaks: four limits of a calibration, since one run is rougher.
WITHIN = 32.0
ALLOWED = Limits(WITHIN, LIMITS[REPLICAS].p)
# Units roundoff of a float64 difference that shrank as rounding does, whatever the noise is: rho
# is below 64 up to 64 / sqrt(3), as s is at least u |g| / sqrt(3).
SETTLED_FINE = 36.0
RULE_BASELINE = (
    f"auto: |a − e| <= {WITHIN:g} × noise, told from the reference's own rounding in {DTYPE}"
)


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
        """Give the noise of each element that the error bespeaks; None where it is not finite."""
        if name not in self._scales:
            self._scales |= self._pool(name)
        return self._scales[name]

    def settle(self, sheet: Sheet) -> list[Comparison | None]:
        """Hold differences against the reference's own error; None where that is not enough."""
        if sheet.facing.dtype != DTYPE or sheet.facing.same or not sheet.fine:
            return [None] * len(sheet.tensors)
        scale = self._laid(sheet)
        with np.errstate(all="ignore"):
            multiples = sheet.difference / scale
            multiples[np.isnan(multiples)] = np.inf
            top = sheet.strip.largest(multiples)
            within = (top <= WITHIN) & sheet.strip.every(is_close(*sheet.fine, scale))
        where = sheet.strip.first(multiples == sheet.strip.spread(top))
        excess = sheet.strip.cut(multiples / WITHIN)
        numbers = [part.tolist() for part in (within, where, top, scale[where])]
        return [
            self._settled(sheet, i, flat, multiple, unit, excess[i]) if settled else None
            for i, (settled, flat, multiple, unit) in enumerate(zip(*numbers, strict=True))
        ]

    def _laid(self, sheet: Sheet) -> Float:
        """Give the scales of tensors; infinitely small ones, which settle nothing, for None."""
        found = []
        for tensor in sheet.tensors:
            scale, shape = self.scale(tensor.name), tensor.values[1].shape
            fits = scale is not None and scale.shape == shape
            found.append(scale if fits else np.zeros(shape))
        return sheet.strip.lay(found)  # type: ignore[arg-type]

    def _settled(
        self, sheet: Sheet, i: int, flat: int, multiple: float, unit: float, excess: Float
    ) -> Comparison:
        """Call one tensor rounding; what is common to all elements is not asked for."""
        found = Loudness(multiple, 0.0, sheet.strip.index(i, flat), 0, ALLOWED)
        worst = element_of(found, sheet.tensors[i].values, unit * WITHIN)
        return sheet.judged(
            i,
            verdict=ROUNDING,
            rule=RULE_BASELINE,
            disagreeing=0,
            worst=worst,
            excess=excess if is_small(excess) else None,
            noise=noise_of(found, None, worst),
        )

    def bounds(self, name: str, expected: Float, limit: float) -> Allowance | None:
        """Bracket what a calibration would allow, `limit` times its noise; None where nothing can.

        A correct implementation rounds its result, at least.
        """
        scale = self.scale(name)
        if scale is None:
            return None
        rounded = (limit * U / 3**0.5) * np.abs(expected)
        least, likely, most = (limit * times * scale for times in (LEAST, 1.0, GREATEST))
        return Allowance(np.maximum(rounded, least), np.maximum(rounded, likely), most)

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
        """Give the noise of a tensor: of a small one together with all other small ones."""
        small = self.reference.tensors[name].size <= LONGEST
        names = self._small if small else (name,)
        exact = [self.reference.tensors[name] for name in names]
        found: dict[str, Float | None] = {name: None}
        for batch in batches(range(len(names)), exact):
            strip = Strip([exact[i].shape for i in batch])
            base = strip.lay([exact[i] for i in batch])
            run = strip.lay([self._run[names[i]] for i in batch])
            with np.errstate(all="ignore"):
                v = np.square((run - base) / WIDEST[1])
                zero = (run == 0) & (base == 0)  # says nothing of the noise there: the tensor does
                if zero.any():
                    v = np.where(zero, strip.mean(v), v)
                noise = TYPICAL * np.sqrt(pooled(v, 1, base, PRECISIONS[DTYPE], strip))
                finite = np.isfinite(strip.total(noise)).tolist()
            parts = zip(batch, strip.cut(noise), finite, strict=True)
            found |= {names[i]: part if known else None for i, part, known in parts}
        return found


def is_close(size: Float, difference: Float, scale: Float | float = 0.0) -> npt.NDArray[np.bool_]:
    """Say for each element whether two float64 runs are as close as rounding alone leaves them.

    Parameters
    ----------
    size, difference : array
        ``|e64|`` and ``|a64 − e64|``.
    scale : array or float
        The noise in float32; without it only what is within a few roundings is close.
    """
    with np.errstate(all="ignore"):
        few = (SETTLED_FINE * U_FINE) * size
        close: npt.NDArray[np.bool_] = difference <= np.maximum(few, (WITHIN * U_FINE / U) * scale)
    if not np.isfinite(np.add.reduce(few, None)):  # what is infinite, or NaN, has to be the same
        close = (difference == 0) | (close & np.isfinite(few))
    return close
