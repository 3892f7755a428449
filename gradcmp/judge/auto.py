"""Tolerance ``auto``: rounding or bug, told by injected noise and by what float64 makes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from gradcmp.case import DTYPES, DType, Fixed
from gradcmp.graph import Graph
from gradcmp.judge.calibrate import Float, Scale, calibrate
from gradcmp.judge.compare import compare
from gradcmp.judge.loudness import LIMITS, Loudness, explained, loudness, shrinks, together
from gradcmp.judge.noise import PRECISIONS, Precision
from gradcmp.judge.records import Comparison, Element, Noise, Pair, Verdict
from gradcmp.recording import Array, Recording

REPLICAS, FEW = 16, 4
# A difference of so many u |e| and so many eta is quiet whatever a calibration would say: s^2 is
# at least (u g)^2 / 3 + eta^2, so p stays below 6 up to 3.46 u |g|, and r below BOUND.
SETTLED, SETTLED_ETA = 3.4, 5.0
BOUND = (3 * SETTLED**2 + SETTLED_ETA**2) ** 0.5  # 7.7, by Cauchy and Schwarz
ROUNDING = Verdict(True, "rounding")
RULE_SETTLED = f"auto: |a − e| <= {SETTLED:g} u·|e|, less than any noise"
SETTLED_FINE = 36.0  # the same for the float64 run: rho is below 64 up to 64 / sqrt(3) units
UNITS = {"TF32": PRECISIONS["float16"], "bfloat16": PRECISIONS["bfloat16"]}  # same significands
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
    replicas: int = REPLICAS
    _scales: dict[tuple[DType, str], dict[str, Scale]] = field(default_factory=dict)

    def hold(self, name: str, pair: Pair, actual: Array, expected: Array) -> Comparison:
        """Compare one tensor of one pair.

        A cheap test comes first: what one or two roundings explain needs no calibration.

        Raises
        ------
        NoModelError
            When a primitive of the graph has no noise model.
        """
        precision = PRECISIONS[self._coarser(pair)]
        floor = Fixed(SETTLED * precision.u, SETTLED_ETA * precision.eta)
        seen = compare(actual, expected, floor)
        if seen.verdict.reason == "non-finite":
            return self._overflow(seen, actual, expected, precision)
        if seen.worst is None or name not in self._names:
            return seen  # empty, of another shape, or whole numbers: there is no noise to know
        fine = self._in_float64(name, pair)
        if seen.agrees and (fine is None or _settled(*fine)):
            verdict = seen.verdict if seen.verdict.reason == "exact" else ROUNDING
            noise = None if verdict is not ROUNDING else self._bound(seen.worst, precision)
            return replace(seen, rule=RULE_SETTLED, verdict=verdict, noise=noise)
        wide = (np.asarray(actual, np.float64), np.asarray(expected, np.float64))
        return self._measure(name, pair, seen, wide, fine)

    def _bound(self, worst: Element, precision: Precision) -> Noise:
        """Give the most that a settled difference can be."""
        limits = LIMITS[self.replicas]
        far = BOUND * worst.excess
        found = Loudness(far, far, worst.index, 0, limits)
        one = replace(worst, allowed=limits.r * precision.u * abs(worst.expected))
        return replace(_noise(found, None, one), bound=True)

    def _measure(
        self,
        name: str,
        pair: Pair,
        seen: Comparison,
        values: tuple[Float, Float],
        fine: tuple[Array, Array] | None,
    ) -> Comparison:
        actual, expected = values
        scale, limits = self._scale(name, pair), LIMITS[self.replicas]
        with np.errstate(all="ignore"):
            difference = actual - expected
            left = None if fine is None else np.subtract(*fine)
        found = loudness(difference, scale, limits)
        precision = PRECISIONS[self._coarser(pair)]
        shrink = None if left is None else shrinks(left, scale, found, precision)
        verdict = decide(found, shrink)
        if not verdict.agrees:
            rest = explained(actual, expected, scale, self.reference.backend == pair.expected)
            if not loudness(rest, scale, limits).loud:
                verdict = Verdict(True, "kink", "exactly tied branches explain it")
        if verdict.reason in ("precision", "suspect"):
            verdict = self._with_unit(verdict, name, pair, difference)
        worst = _element(seen, found, values, float(scale.s[found.index]) * limits.r)
        return replace(
            seen,
            verdict=verdict,
            rule=f"auto: |a − e| <= {limits.r:g} × noise, from {self.replicas} noisy replicas",
            disagreeing=0 if verdict.agrees else max(found.over, 1),
            worst=worst,
            excess=None if seen.excess is None else np.abs(difference) / (limits.r * scale.s),
            noise=_noise(found, shrink, worst),
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
        for unit, operands in UNITS.items():
            scale = self._scale(name, pair, unit)
            r = loudness(difference, scale, LIMITS[self.replicas]).r
            if QUIET_FROM <= r <= LIMITS[self.replicas].r and operands.u > 0:
                detail = f"{verdict.detail}; consistent with {unit} matmuls"
                return replace(verdict, detail=detail)
        return verdict

    def _in_float64(self, name: str, pair: Pair) -> tuple[Array, Array] | None:
        """Give both sides computed in float64, unless that is what they are already."""
        if self._coarser(pair) == "float64":
            return None
        sides = [self._fine_of(label) for label in (pair.actual, pair.expected)]
        found = [side.tensors[name] for side in sides if side and name in side.tensors]
        return (found[0], found[1]) if len(found) == len(sides) else None

    def _fine_of(self, label: str) -> Recording | None:
        recording = self.recordings[label]
        return recording if recording.dtype == "float64" else self.twins.get(label)

    def _coarser(self, pair: Pair) -> DType:
        dtypes = (self.recordings[label].dtype for label in (pair.actual, pair.expected))
        found: DType = max(dtypes, key=DTYPES.index)  # type: ignore[arg-type]
        return found

    @property
    def limit(self) -> float:
        """How many times the noise is allowed."""
        return LIMITS[self.replicas].r

    def noise(self, name: str, pair: Pair) -> Float:
        """Give the noise of each element of a tensor."""
        return self._scale(name, pair).s

    def allowance(self, name: str, expected: Float, dtype: DType) -> Float:
        """Give what each element of a gradient that was computed in `dtype` may be off.

        From a rougher calibration where none was needed so far.
        """
        key: tuple[DType, str] = (dtype, "")
        replicas = self.replicas if key in self._scales else FEW
        return self.limit * self._calibrated(dtype, "", replicas)[name].s

    def _scale(self, name: str, pair: Pair, unit: str = "") -> Scale:
        """Give the noise of a difference; beside a coarser dtype, float64 has none to speak of."""
        coarser = self._coarser(pair)
        scales = [
            self._calibrated(dtype, unit)[name]
            for label in (pair.actual, pair.expected)
            if (dtype := self.recordings[label].dtype) == coarser or dtype != "float64"
        ]
        return together(scales)

    def _calibrated(
        self, dtype: str, unit: str, replicas: int | None = None
    ) -> Mapping[str, Scale]:
        replicas = replicas or self.replicas
        key: tuple[DType, str] = (dtype, unit)  # type: ignore[assignment]
        if replicas < self.replicas:
            key = (key[0], "rough")
        if key not in self._scales:
            self._scales[key] = calibrate(
                self.graph,
                {name: self.reference.values[name] for name in self.graph.inputs},
                self.reference.gradients[self.graph.output],
                PRECISIONS[key[0]],
                self._names,
                replicas,
                operands=UNITS.get(unit),
            )
        return self._scales[key]

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(
            name for name, array in self.reference.tensors.items() if array.dtype.kind == "f"
        )


def decide(found: Loudness, shrink: float | None) -> Verdict:
    """Read the decision table: loud or quiet, and whether float64 shrinks it.

    Parameters
    ----------
    shrink : float, optional
        `shrinks` of the float64 run; None without one.
    """
    if shrink is None:
        if found.loud:
            return Verdict(False, "suspect", "no float64 run could tell rounding from a bug")
        return ROUNDING
    if shrink <= 1:
        if found.loud:
            return Verdict(True, "precision", "in float64 it shrinks as rounding does")
        return ROUNDING
    if found.loud:
        return Verdict(False, "bug", "in float64 the difference stays: it is not rounding")
    return Verdict(True, "note", "in float64 a difference stays that hides below the noise here")


def _settled(actual: Array, expected: Array) -> bool:
    """Whether two float64 runs are so close that no calibration could find a difference."""
    u = PRECISIONS["float64"].u
    return compare(actual, expected, Fixed(SETTLED_FINE * u, 0.0)).agrees


def _element(
    seen: Comparison, found: Loudness, values: tuple[Float, Float], allowed: float
) -> Element:
    """Give the element with the most noise; its ULP come from a comparison of it alone."""
    at = found.index
    one = compare(values[0][at], values[1][at], Fixed(0.0, 0.0)).worst
    assert one is not None
    return replace(one, index=at, allowed=allowed)


def _noise(found: Loudness, shrink: float | None, worst: Element) -> Noise:
    return Noise(
        multiple=found.r,
        coherent=found.p,
        limit=found.limits.r,
        coherent_limit=found.limits.p,
        shrink=shrink,
        digits=_digits(worst.absolute, worst.expected),
        digits_expected=_digits(worst.allowed / found.limits.r, worst.expected),
    )


def _digits(error: float, value: float) -> float:
    """Give how many decimal digits an error leaves: none of a zero, all where there is no error."""
    if not error > 0:
        return math.inf
    return -math.log10(error / abs(value)) if value else 0.0
