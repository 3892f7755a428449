"""A difference measured by the noise of its tensor, for what nothing cheaper could settle."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gradcmp.judge.auto.case_noise import UNITS, Scales
from gradcmp.judge.auto.decision import decide, element_of, noise_of
from gradcmp.judge.auto.loudness import apart, explained, loudness, shrinks, together
from gradcmp.judge.auto.pair import Facing, Matched
from gradcmp.judge.comparison import Comparison, Verdict
from gradcmp.judge.elementwise.arrays import is_small
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.noise.calibration import Scale

QUIET_FROM = 0.3  # of the noise that such a unit makes: less, and the unit is not the reason


@dataclass(frozen=True)
class Measuring:
    """Judges by calibrated noise."""

    scales: Scales

    def judge(self, facing: Facing, tensor: Matched, seen: Comparison) -> Comparison:
        """Read the decision table for one tensor.

        Raises
        ------
        NoModelError
            When a primitive of the graph has no noise model.
        """
        scale, precision = self.scale(tensor.name, facing), facing.precision
        limits = self.scales.limits(facing.dtype)
        actual, expected = (np.asarray(array, np.float64) for array in tensor.values)
        difference = apart(actual, expected)
        stayed = None if tensor.fine is None else apart(*tensor.fine)
        found = loudness(difference, scale, limits)
        shrink = None if stayed is None else shrinks(stayed, scale, found, precision)
        stays = None if stayed is None else loudness(stayed, scale, limits)
        verdict = decide(found, shrink, stays, facing.same)
        if not verdict.agrees:
            rest = explained(actual, expected, scale, precision, facing.free)
            if not loudness(rest, scale, limits).loud:
                verdict = Verdict(True, "kink", "exactly tied branches explain it")
        if verdict.reason in ("precision", "suspect"):
            verdict = self._with_unit(verdict, facing, tensor, difference)
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

    def scale(self, name: str, facing: Facing, unit: str = "") -> Scale:
        """Return the noise of a difference."""
        sides = zip(facing.noisy, facing.sums, strict=True)
        return together([self.scales.of(dtype, unit, sums)[name] for dtype, sums in sides])

    def _with_unit(
        self, verdict: Verdict, facing: Facing, tensor: Matched, difference: Float
    ) -> Verdict:
        """Describe which coarser unit for matrix products would explain it, if one would."""
        limits = self.scales.limits(facing.dtype)
        for unit in UNITS:
            r = loudness(difference, self.scale(tensor.name, facing, unit), limits).r
            if QUIET_FROM <= r <= limits.r:
                detail = f"{verdict.detail}; consistent with {unit} matmuls"
                return replace(verdict, detail=detail)
        return verdict
