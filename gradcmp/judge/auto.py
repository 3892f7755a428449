"""Tolerance ``auto``: rounding or bug, told by injected noise and by what float64 makes of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from gradcmp.case import DTYPES, DType, Fixed
from gradcmp.graph import Graph
from gradcmp.judge.baseline import (
    DTYPE,
    RULE_BASELINE,
    WITHIN,
    Baseline,
    Settled,
    shrunk,
)
from gradcmp.judge.calibrate import Float, Scale
from gradcmp.judge.compare import hold, is_small, with_excess
from gradcmp.judge.decision import ROUNDING, decide, element_of, noise_of
from gradcmp.judge.loudness import (
    LIMITS,
    Limits,
    Loudness,
    apart,
    explained,
    loudness,
    shrinks,
    together,
)
from gradcmp.judge.noise import PRECISIONS, Precision
from gradcmp.judge.records import Comparison, Element, Noise, Pair, Verdict
from gradcmp.judge.scales import REPLICAS, UNITS, Scales
from gradcmp.recording import Array, Recording, dtype_name

SMALL_BYTES = 4096  # of all arrays of a comparison: comparing costs more than reading them
# A difference of so many u |e| and so many eta is quiet whatever a calibration would say: s^2 is
# at least (u g)^2 / 3 + eta^2, so p stays below 6 up to 3.46 u |g|, and r below BOUND.
SETTLED, SETTLED_ETA = 3.4, 5.0
FLOORS = {
    dtype: Fixed(SETTLED * known.u, SETTLED_ETA * known.eta) for dtype, known in PRECISIONS.items()
}
BOUND = (3 * SETTLED**2 + SETTLED_ETA**2) ** 0.5  # 7.7, by Cauchy and Schwarz
RULE_SETTLED = f"auto: |a − e| <= {SETTLED:g} u·|e|, less than any noise"
QUIET_FROM = 0.3  # of the noise that such a unit makes: less, and the unit is not the reason


@dataclass(frozen=True)
class NoiseRule:
    """Judges the tensors of one case by the noise of its graph.

    Attributes
    ----------
    reference : Recording
        The float64 reference: its inputs, and the gradient of its output, are what the
        calibration starts from.
    recordings : mapping of str to Recording
        By label, the reference among them.
    twins : mapping of str to Recording
        The same backends on the same inputs in float64, by the same labels.
    """

    graph: Graph
    reference: Recording
    recordings: Mapping[str, Recording]
    twins: Mapping[str, Recording]
    _held: dict[Hashable, Comparison] = field(default_factory=dict)

    def hold(self, name: str, pair: Pair, actual: Array, expected: Array) -> Comparison:
        """Compare one tensor of one pair.

        A cheap test comes first: what one or two roundings explain needs no calibration.

        Raises
        ------
        NoModelError
            When a primitive of the graph has no noise model.
        """
        fine = self._in_float64(name, pair)
        arrays = (actual, expected, *(fine or ()))
        if sum(array.nbytes for array in arrays) > SMALL_BYTES:
            return self._hold(name, pair, actual, expected, fine)
        # Modes of one framework mostly give the same bits: judged once, not for every pair.
        bits = tuple((dtype_name(array.dtype), array.shape, array.tobytes()) for array in arrays)
        free = pair.expected == self.reference.backend
        key = (name, self._coarser(pair), free, self._is_same(pair), bits)
        if key not in self._held:
            self._held[key] = self._hold(name, pair, actual, expected, fine)
        return self._held[key]

    def _hold(
        self,
        name: str,
        pair: Pair,
        actual: Array,
        expected: Array,
        fine: tuple[Array, Array] | None,
    ) -> Comparison:
        precision = PRECISIONS[self._coarser(pair)]
        floor = FLOORS[self._coarser(pair)]
        seen = hold(actual, expected, floor)
        values = (actual, expected)
        if seen.verdict.reason == "non-finite":
            found = seen if seen.agrees else self._overflow(seen, *values, precision)
            return with_excess(found, *values, floor)
        if seen.worst is None or name not in self._scales.names:
            # Empty, of another shape, or whole numbers: there is no noise to know.
            return with_excess(seen, *values, floor)
        if seen.agrees and (fine is None or shrunk(fine)):
            verdict = seen.verdict if seen.verdict.reason == "exact" else ROUNDING
            noise = None if verdict is not ROUNDING else self._bound(seen.worst, precision)
            found = replace(seen, rule=RULE_SETTLED, verdict=verdict, noise=noise)
            return with_excess(found, *values, floor)
        if fine is not None and self._coarser(pair) == DTYPE and not self._is_same(pair):
            settled = self._baseline.settle(name, values, fine)
            if settled is not None:
                return self._within_baseline(seen, settled, values)
        return self._measure(name, pair, seen, values, fine)

    def _within_baseline(
        self, seen: Comparison, settled: Settled, values: tuple[Array, Array]
    ) -> Comparison:
        """Call it rounding; what is common to all elements is not asked for."""
        limits = Limits(WITHIN, LIMITS[REPLICAS].p)
        multiple = float(settled.multiples[settled.index])
        found = Loudness(multiple, 0.0, settled.index, 0, limits)
        worst = element_of(found, values, settled.scale * limits.r)
        return replace(
            seen,
            verdict=ROUNDING,
            rule=RULE_BASELINE,
            disagreeing=0,
            worst=worst,
            excess=settled.multiples / limits.r if is_small(values[0]) else None,
            noise=noise_of(found, None, worst),
        )

    def _bound(self, worst: Element, precision: Precision) -> Noise:
        """Give the most that a settled difference can be."""
        limits = LIMITS[REPLICAS]
        far = BOUND * worst.excess
        found = Loudness(far, far, worst.index, 0, limits)
        one = replace(worst, allowed=limits.r * precision.u * abs(worst.expected))
        return replace(noise_of(found, None, one), bound=True)

    def _measure(
        self,
        name: str,
        pair: Pair,
        seen: Comparison,
        values: tuple[Array, Array],
        fine: tuple[Array, Array] | None,
    ) -> Comparison:
        actual, expected = (np.asarray(array, np.float64) for array in values)
        scale = self._scale(name, pair)
        limits = self._scales.limits
        difference = apart(actual, expected)
        left = None if fine is None else apart(*fine)
        found = loudness(difference, scale, limits)
        precision = PRECISIONS[self._coarser(pair)]
        shrink = None if left is None else shrinks(left, scale, found, precision)
        stays = None if left is None else loudness(left, scale, limits)
        verdict = decide(found, shrink, stays, self._is_same(pair))
        if not verdict.agrees:
            free = self.reference.backend == pair.expected
            rest = explained(actual, expected, scale, precision, free)
            if not loudness(rest, scale, limits).loud:
                verdict = Verdict(True, "kink", "exactly tied branches explain it")
        if verdict.reason in ("precision", "suspect"):
            verdict = self._with_unit(verdict, name, pair, difference)
        worst = element_of(found, values, float(scale.s[found.index]) * limits.r)
        return replace(
            seen,
            verdict=verdict,
            rule=self._scales.rule,
            disagreeing=0 if verdict.agrees else max(found.over, 1),
            worst=worst,
            excess=np.abs(difference) / (limits.r * scale.s) if is_small(difference) else None,
            noise=noise_of(found, shrink, worst),
        )

    def _overflow(
        self, seen: Comparison, actual: Array, expected: Array, precision: Precision
    ) -> Comparison:
        """Tell an overflow, where the true number is too large for the dtype, from a bug."""
        name = self._too_large(precision)
        if name is None:
            return seen
        unmatched = ~np.isfinite(actual) | ~np.isfinite(expected)
        a, e = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
        with np.errstate(all="ignore"):
            rest = np.abs(a - e)[~unmatched]
        if not np.all(np.isfinite(rest)):
            return seen
        detail = f"'{name}' exceeds {precision.largest:g}, the largest number of the dtype"
        return replace(seen, verdict=Verdict(False, "range", detail))

    def _too_large(self, precision: Precision) -> str | None:
        for name, array in self.reference.tensors.items():
            if array.dtype.kind == "f" and np.abs(array).max(initial=0.0) > precision.largest:
                return name
        return None

    def _with_unit(self, verdict: Verdict, name: str, pair: Pair, difference: Float) -> Verdict:
        """Say which coarser unit for matrix products would explain it, if one would."""
        for unit in UNITS:
            scale = self._scale(name, pair, unit)
            r = loudness(difference, scale, self._scales.limits).r
            if QUIET_FROM <= r <= self.limit:
                detail = f"{verdict.detail}; consistent with {unit} matmuls"
                return replace(verdict, detail=detail)
        return verdict

    def _in_float64(self, name: str, pair: Pair) -> tuple[Array, Array] | None:
        """Give both sides computed in float64, unless that is what they are already."""
        if self._coarser(pair) == "float64":
            return None
        sides = [self._fine_of(label) for label in (pair.actual, pair.expected)]
        found = [side.tensors[name] for side in sides if side and name in side.tensors]
        if len(found) < len(sides) or found[0].shape != found[1].shape:
            return None
        return found[0], found[1]

    def _fine_of(self, label: str) -> Recording | None:
        recording = self.recordings[label]
        return recording if recording.dtype == "float64" else self.twins.get(label)

    def _is_same(self, pair: Pair) -> bool:
        """Whether both sides are one backend: recordings of it from two times."""
        return self.recordings[pair.actual].backend == self.recordings[pair.expected].backend

    def _coarser(self, pair: Pair) -> DType:
        dtypes = (self.recordings[label].dtype for label in (pair.actual, pair.expected))
        found: DType = max(dtypes, key=DTYPES.index)  # type: ignore[arg-type]
        return found

    @cached_property
    def _baseline(self) -> Baseline:
        return Baseline(self.graph, self.reference)

    @cached_property
    def _scales(self) -> Scales:
        return Scales(self.graph, self.reference)

    @property
    def limit(self) -> float:
        """How many times the noise is allowed."""
        return self._scales.limits.r

    def noise(self, name: str, pair: Pair) -> Float:
        """Give the noise of each element of a tensor."""
        return self._scale(name, pair).s

    def allowances(self, name: str, expected: Float, dtype: DType) -> Iterator[tuple[Float, Float]]:
        """Give what each element of a gradient that was computed in `dtype` may be off.

        First from the reference's own rounding, then from a calibration, if need be a rough one.
        """
        bounds = self._baseline.bounds(name, expected) if dtype == DTYPE else None
        if bounds is not None:
            least, most = bounds
            yield self.limit * least, self.limit * most
        noise = self.limit * self._scales.roughly_of(dtype)[name].s
        yield noise, noise

    def _scale(self, name: str, pair: Pair, unit: str = "") -> Scale:
        """Give the noise of a difference; beside a coarser dtype, float64 has none to speak of."""
        coarser = self._coarser(pair)
        scales = [
            self._scales.of(dtype, unit)[name]  # type: ignore[arg-type]
            for label in (pair.actual, pair.expected)
            if (dtype := self.recordings[label].dtype) == coarser or dtype != "float64"
        ]
        return together(scales)
