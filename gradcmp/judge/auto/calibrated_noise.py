"""Last stage: a difference measured by the calibrated noise of its tensor settles the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradcmp.judge.auto.batch import TensorBatch
from gradcmp.judge.auto.case_noise import UNITS, CaseNoise
from gradcmp.judge.auto.decision import decide, element_of, noise_of
from gradcmp.judge.auto.loudness import apart, explained, loudness, shrinks, together
from gradcmp.judge.auto.pair import RecordingPair, TensorPair
from gradcmp.judge.comparison import Comparison, Verdict
from gradcmp.judge.elementwise.arrays import is_small
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.noise.calibration import Scale

QUIET_FROM = 0.3  # of the noise that such a unit makes: less, and the unit is not the reason


@dataclass(frozen=True)
class CalibratedNoise:
    """Judge by the decision table: loud or quiet, and whether float64 shrinks it."""

    scales: CaseNoise

    def settle(
        self, batch: TensorBatch, unsettled: Sequence[int]
    ) -> Iterator[tuple[int, Comparison]]:
        """Return the numbers of all tensors that are still unsettled, each with its comparison."""
        for i in unsettled:
            yield i, self._judge(batch.sides, batch.tensors[i], batch.at_floor(i))

    def _judge(self, sides: RecordingPair, tensor: TensorPair, seen: Comparison) -> Comparison:
        scale, precision = self.scale(tensor.name, sides), sides.precision
        limits = self.scales.limits(sides.dtype)
        actual, expected = (np.asarray(array, np.float64) for array in tensor.values)
        difference = apart(actual, expected)
        stayed = None if tensor.float64 is None else apart(*tensor.float64)
        found = loudness(difference, scale, limits)
        shrink = None if stayed is None else shrinks(stayed, scale, found, precision)
        stays = None if stayed is None else loudness(stayed, scale, limits)
        verdict = decide(found, shrink, stays, sides.same_backend)
        if not verdict.agrees:
            rest = explained(actual, expected, scale, precision, sides.expected_is_reference)
            if not loudness(rest, scale, limits).loud:
                verdict = Verdict(True, "kink", "exactly tied branches explain it")
        if verdict.reason in ("precision", "suspect"):
            verdict = self._with_unit(verdict, sides, tensor, difference)
        worst = element_of(found, tensor.values, float(scale.s[found.index]) * limits.r)
        return replace(
            seen,
            verdict=verdict,
            rule=self.scales.rule,
            disagreeing=0 if verdict.agrees else max(found.over, 1),
            worst=worst,
            excess=np.abs(difference) / (limits.r * scale.s) if is_small(difference) else None,
            noise=noise_of(found, shrink, worst),
        )

    def scale(self, name: str, sides: RecordingPair, unit: str = "") -> Scale:
        """Return the noise of a difference."""
        both = zip(sides.noisy_dtypes, sides.sums, strict=True)
        return together([self.scales.of(dtype, unit, sums)[name] for dtype, sums in both])

    def _with_unit(
        self, verdict: Verdict, sides: RecordingPair, tensor: TensorPair, difference: Float
    ) -> Verdict:
        """Describe which coarser unit for matrix products would explain it, if one would."""
        limits = self.scales.limits(sides.dtype)
        for unit in UNITS:
            r = loudness(difference, self.scale(tensor.name, sides, unit), limits).r
            if QUIET_FROM <= r <= limits.r:
                detail = f"{verdict.detail}; consistent with {unit} matmuls"
                return replace(verdict, detail=detail)
        return verdict
