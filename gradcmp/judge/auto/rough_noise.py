"""Third stage: a calibration with few replicas settles most of what one float32 run cannot.

It costs a quarter of a whole one, and its limits are narrower, so that hardly anything is settled
that a whole one would call more than rounding: docs/design/baseline.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradcmp.judge.auto.batch import TensorBatch
from gradcmp.judge.auto.case_noise import ROUGH_REPLICAS, CaseNoise
from gradcmp.judge.auto.decision import ROUNDING, element_of, noise_of
from gradcmp.judge.auto.loudness import Limits, apart, loudness, shrinks, together
from gradcmp.judge.auto.reference_error import BASELINE_DTYPE
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.elementwise.arrays import is_small

WITHIN = Limits(5.0, 4.0)
RULE = f"auto: |a − e| <= {WITHIN.r:g} × noise, from {ROUGH_REPLICAS} randomly rounded runs"


@dataclass(frozen=True)
class RoughNoise:
    """Settles float32 tensors whose float64 run shrinks, where few replicas show enough noise."""

    scales: CaseNoise

    def settle(
        self, batch: TensorBatch, unsettled: Sequence[int]
    ) -> Iterator[tuple[int, Comparison]]:
        """Return the numbers of the tensors that are settled, each with its comparison."""
        sides = batch.sides
        if sides.dtype != BASELINE_DTYPE or sides.same_backend:
            return
        for i in unsettled:
            tensor, seen = batch.tensors[i], batch.at_floor[i]
            if tensor.float64 is None:
                continue
            known = [self.scales.roughly_of(dtype) for dtype in sides.noisy_dtypes]
            if self.scales.fallback_reason:
                return
            scale = together([scales[tensor.name] for scales in known])
            actual, expected = (np.asarray(array, np.float64) for array in tensor.values)
            difference = apart(actual, expected)
            found = loudness(difference, scale, WITHIN)
            shrink = shrinks(apart(*tensor.float64), scale, found, sides.precision)
            if found.loud or not shrink <= 1:
                continue
            worst = element_of(found, tensor.values, float(scale.s[found.index]) * WITHIN.r)
            excess = np.abs(difference) / (WITHIN.r * scale.s) if is_small(difference) else None
            yield (
                i,
                replace(
                    seen,
                    verdict=ROUNDING,
                    rule=RULE,
                    disagreeing=0,
                    worst=worst,
                    excess=excess,
                    noise=noise_of(found, shrink, worst),
                ),
            )
