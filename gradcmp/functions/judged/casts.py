"""Differences in float64 that casts to a lower dtype inside of somebody's code leave.

A kernel that adds up in float32 says so for the sake of bfloat16, and in float64 it loses digits by
it. No finer run could tell that from a bug; the same run with its casts left out does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gradcmp.case import DType
from gradcmp.functions.noise import CodeNoise
from gradcmp.judge.auto.loudness import apart, limits_of
from gradcmp.judge.comparison import Comparison, Verdict
from gradcmp.judge.verdict import Pair
from gradcmp.recording import Recording

LOWER: tuple[DType, ...] = ("float32", "float16", "bfloat16")
CAST = (
    "it casts down inside: with casts left out it agrees, and the difference is no more than "
    "rounding in {dtype} leaves"
)


@dataclass(frozen=True)
class Casts:
    """What casts inside of functions leave of their float64 runs.

    Attributes
    ----------
    made, fine : mapping of str to Recording
        By label: float64 runs as they are, and with their casts left out.
    """

    noise: CodeNoise
    made: Mapping[str, Recording]
    fine: Mapping[str, Recording]

    def forgiven(
        self, pair: Pair, seen: Mapping[str, Comparison], without: Mapping[str, Comparison]
    ) -> dict[str, Comparison]:
        """Return *precision* for what disagrees by no more than casts leave.

        Parameters
        ----------
        without : mapping of str to Comparison
            By tensor, what the runs with their casts left out differ by.
        """
        return {
            name: one
            if one.agrees or name not in without or not without[name].agrees
            else self._judged(pair, name, one)
            for name, one in seen.items()
        }

    def _judged(self, pair: Pair, name: str, seen: Comparison) -> Comparison:
        for dtype in LOWER:
            if all(self._is_near(one, name, dtype) for one in (pair.actual, pair.expected)):
                found = Verdict(True, "precision", CAST.format(dtype=dtype))
                return replace(seen, verdict=found, disagreeing=0)
        return seen

    def _is_near(self, label: str, name: str, dtype: DType) -> bool:
        """Whether a run is no further from the one without casts than rounding of a dtype leads."""
        made, fine = (runs[label].tensors.get(name) for runs in (self.made, self.fine))
        scale = self.noise.of(label, dtype).scales.get(name)
        if made is None or fine is None or scale is None or made.shape != fine.shape:
            return False
        return bool(np.all(np.abs(apart(made, fine)) <= limits_of(dtype).r * scale.s))
