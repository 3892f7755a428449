"""Second and third stage: one float32 run of the reference, then few replicas, settle most tensors.

A difference of the size of the reference's own rounding error, that shrinks in float64 as rounding
does, needs no calibrated noise: it is rounding. What is left over is measured. A wrong formula
does not shrink, so it is never settled here: docs/design/baseline.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gradcmp.case import DType
from gradcmp.dtypes import FORMATS
from gradcmp.graph.records import STEP
from gradcmp.judge.auto.decision import ROUNDING, element_of, noise_of
from gradcmp.judge.auto.graph_noise import ROUGH_REPLICAS
from gradcmp.judge.auto.loudness import (
    U_FLOAT64,
    Limits,
    Loudness,
    apart,
    limits_of,
    loudness,
    shrinks,
    together,
)
from gradcmp.judge.auto.source import NoiseSource
from gradcmp.judge.auto.tensors.batch import TensorBatch
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.elementwise.arrays import is_small
from gradcmp.judge.elementwise.difference import element
from gradcmp.judge.elementwise.segments import LONGEST, Float, Segments, batches
from gradcmp.judge.noise.calibration import WIDEST, pooled
from gradcmp.once import once

BASELINE_DTYPE: DType = (
    "float32"  # in narrower dtypes NumPy adds up in order, which frameworks do not
)
U = FORMATS[BASELINE_DTYPE].u
NOISE_PER_ERROR = (
    3.4  # calibrated noise over the error that is made, in the median of correct backends
)
# What a calibration has hardly ever been seen beyond, in units of what one run implies.
LEAST, GREATEST = 0.06, 9.4
# Times the noise that this implies: far below the limit of a calibration, since one run is rougher,
# and what is wrong in float32 alone shrinks in float64 as rounding does.
WITHIN = 3.0
SHRUNK = 32.0  # times that noise in float64, where a wrong formula is 2^29 times as far off
LARGEST = 128.0  # units roundoff of a tensor's largest element
RULE = f"auto: |a − e| <= {WITHIN:g} × noise, estimated from one {BASELINE_DTYPE} run"
# Two errors say more than one, and are allowed more of what they say: docs/design/baseline.md.
WITHIN_BOTH = 4.5
MOST = 8 / WITHIN_BOTH  # of what the run alone implies: 8 times it is a calibration's limit
BOTH_RULE = (
    f"auto: |a − e| <= {WITHIN_BOTH:g} × noise, estimated from one {BASELINE_DTYPE} run and from "
    "what the float64 runs differ by"
)
# Narrower than those of a whole calibration; in float64 no finer run confirms what they say.
ROUGHLY: Mapping[DType, Limits] = {BASELINE_DTYPE: Limits(5.0, 4.0), "float64": Limits(3.5, 4.0)}
ROUGH_RULES: Mapping[DType, str] = {
    dtype: f"auto: |a − e| <= {limits.r:g} × noise, from {ROUGH_REPLICAS} randomly rounded runs"
    for dtype, limits in ROUGHLY.items()
}


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
class ReferenceError:
    """The rounding errors of the reference in float32."""

    source: NoiseSource
    _scales: dict[str, Float | None] = field(default_factory=dict)

    def scale(self, name: str) -> Float | None:
        """Return the noise of each element that the error implies; None where it is
        not finite, or so large that a branch was perhaps taken otherwise."""
        if name not in self._scales:
            self._scales |= self._pool(name)
        return self._scales[name]

    def settle(
        self, batch: TensorBatch, unsettled: Sequence[int]
    ) -> Iterator[tuple[int, Comparison]]:
        """Return the numbers of the tensors that are settled, each with its comparison."""
        if batch.sides.dtype != BASELINE_DTYPE or batch.sides.same_backend:
            return
        if not unsettled or not batch.has_float64:
            return
        one = self._scales_of(batch)
        with np.errstate(all="ignore"):
            close = batch.close_in_float64(SHRUNK * U_FLOAT64 / U, one)
        found = _within(batch, (i for i in unsettled if close[i]), one, WITHIN, RULE)
        yield from found.items()
        left = [i for i in unsettled if close[i] and i not in found]
        if left:
            both = np.minimum(self._of_both(batch), MOST * one)
            yield from _within(batch, left, both, WITHIN_BOTH, BOTH_RULE).items()

    def _of_both(self, batch: TensorBatch) -> Float:
        """Return the noise that two errors imply; NaN for tensors that have but one.

        That of the float32 run, and what the float64 runs are apart, two errors 2^29 times as
        small. Whatever is wrong in float32 alone is in neither.
        """
        assert batch.float64_difference
        names, segments = [tensor.name for tensor in batch.tensors], batch.segments
        known, run = self.source.reference.tensors, self.source.float32_run
        base = segments.concatenate([known[name] for name in names])
        coarse = segments.concatenate([run.get(name, known[name]) for name in names])
        with np.errstate(all="ignore"):
            fine = batch.float64_difference[1] * (U / U_FLOAT64)
            v = (np.square(coarse - base) + np.square(fine) / 4) / (2 * WIDEST[1] ** 2)
            v = np.where(segments.broadcast(segments.largest(fine) > 0), v, np.nan)
            return _implied(v, 2, base, coarse, segments)

    def _scales_of(self, batch: TensorBatch) -> Float:
        """Concatenate the scales of tensors; NaN, which settles nothing, for None."""
        scales = [(self.scale(tensor.name), tensor.values[1]) for tensor in batch.tensors]
        return batch.segments.concatenate(
            np.full(array.shape, np.nan) if scale is None else scale for scale, array in scales
        )

    def bounds(self, name: str, expected: Float, limit: float) -> Bracket | None:
        """Bracket `limit` times what a calibration would say; None where there is no telling."""
        scale = self.scale(name)
        return None if scale is None else Bracket(expected, limit, scale)

    @once
    def _small(self) -> tuple[str, ...]:
        run, given = self.source.float32_run, {*self.source.inputs}
        return tuple(
            name
            for name, array in self.source.reference.tensors.items()
            if name in run and name not in given and STEP not in name
            if 0 < array.size <= LONGEST
        )

    def _pool(self, name: str) -> dict[str, Float | None]:
        """Return the noise of a tensor: of a small one together with all other small ones."""
        tensors, run = self.source.reference.tensors, self.source.float32_run
        small = tensors[name].size <= LONGEST
        names = self._small if small else tuple({name} & run.keys())
        exact = [tensors[name] for name in names]
        found: dict[str, Float | None] = {name: None}
        for batch in batches(range(len(names)), exact):
            strip = Segments([exact[i].shape for i in batch])
            base = strip.concatenate([exact[i] for i in batch])
            coarse = strip.concatenate([run[names[i]] for i in batch])
            with np.errstate(all="ignore"):
                v = (coarse - base) / WIDEST[1]
                np.square(v, out=v)
                noise = _implied(v, 1, base, coarse, strip)
                likely = self._is_likely(strip.largest(noise), strip.largest(np.abs(base)))
            parts = zip(batch, strip.split(noise), likely.tolist(), strict=True)
            found |= {names[i]: part if known else None for i, part, known in parts}
        return found

    def _is_likely(self, noise: Float, size: Float) -> npt.NDArray[np.bool_]:
        """Whether noise so large at most is rounding, by the largest element of each tensor."""
        likely: npt.NDArray[np.bool_] = noise <= LARGEST * U * size
        if not self.source.has_branches:  # a true zero is nothing but rounding
            likely |= (noise >= size) & np.isfinite(noise)
        likely |= noise == 0
        return likely


def _implied(v: Float, count: int, base: Float, coarse: Float, strip: Segments) -> Float:
    """Return the noise that so many errors of variance `v` imply."""
    # A zero in both says nothing of the noise there: the tensor does.
    zero = (coarse == 0) & (base == 0)
    if zero.any():
        v = np.where(zero, strip.mean(v), v)
    noise: Float = np.sqrt(pooled(v, count, base, FORMATS[BASELINE_DTYPE], strip))
    noise *= NOISE_PER_ERROR
    return noise


def _within(
    batch: TensorBatch, numbers: Iterable[int], noise: Float, limit: float, rule: str
) -> dict[int, Comparison]:
    """Return which of these tensors differ by no more than so many times the noise."""
    found, limits = {}, Limits(limit, limits_of(BASELINE_DTYPE).p)
    with np.errstate(all="ignore"):
        loudest = batch.loudest(noise)
    for i in numbers:
        one = loudest[i]
        if one.multiple <= limit:  # NaN settles nothing
            allowed = one.noise * limit
            unit = FORMATS[BASELINE_DTYPE]
            worst = element(one.index, one.actual, one.expected, unit, allowed)
            # What is common to all elements is not asked for.
            told = noise_of(Loudness(one.multiple, 0.0, one.index, 0, limits), None, worst)
            excess = batch.excess(i, noise, limit)
            found[i] = Comparison(ROUNDING, rule, batch.measured(i, worst, excess, told))
    return found


@dataclass(frozen=True)
class RoughNoise:
    """Third stage, in float32 and float64: few replicas settle most of what is left.

    They cost a quarter of a whole calibration, and their limits are narrower, so that hardly
    anything is settled that a whole one would call more than rounding.
    """

    source: NoiseSource

    def settle(
        self, batch: TensorBatch, unsettled: Sequence[int]
    ) -> Iterator[tuple[int, Comparison]]:
        """Return the numbers of the tensors that are settled, each with its comparison."""
        sides = batch.sides
        if sides.dtype not in ROUGHLY or sides.same_backend:
            return
        limits = ROUGHLY[sides.dtype]
        for i in unsettled:
            tensor = batch.tensors[i]
            if tensor.float64 is None and sides.dtype != "float64":
                continue
            scale = together([self.source.roughly(tensor.name, d) for d in sides.noisy_dtypes])
            if self.source.limits(sides.dtype) != limits_of(sides.dtype):
                return  # a noise that is rougher in itself
            difference = apart(*(np.asarray(array, np.float64) for array in tensor.values))
            found, shrink = loudness(difference, scale, limits), None
            if tensor.float64:
                shrink = shrinks(apart(*tensor.float64), scale, found, sides.precision)
            if found.loud or not (shrink is None or shrink <= 1):
                continue
            worst = element_of(found, tensor.values, float(scale.s[found.index]) * limits.r)
            excess = np.abs(difference) / (limits.r * scale.s) if is_small(difference) else None
            measured = batch.measured(i, worst, excess, noise_of(found, shrink, worst))
            yield i, Comparison(ROUNDING, ROUGH_RULES[sides.dtype], measured)
