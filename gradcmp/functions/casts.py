"""Differences in float64 that casts to a lower dtype inside of somebody's code leave.

A kernel that adds up in float32 says so for the sake of bfloat16, and in float64 it loses digits by
it. No finer run could tell that from a bug; the same run with its casts left out does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gradcmp.case import DType
from gradcmp.functions.noise import CodeNoise
from gradcmp.graph.records import Outline
from gradcmp.judge.auto.loudness import apart, limits_of
from gradcmp.judge.comparison import Comparison, Verdict
from gradcmp.judge.diagnose.divergence import divergences
from gradcmp.judge.verdict import CaseVerdict, Pair
from gradcmp.native.outcome import Outcome
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
    clean : mapping of str to Outcome
        By label, float64 runs with their casts left out.
    fine : mapping of str to Recording
        Their recordings.
    judged : callable
        Returns the verdict on recordings by label.
    """

    outline: Outline
    noise: CodeNoise
    clean: Mapping[str, Outcome]
    fine: Mapping[str, Recording]
    judged: Callable[[Mapping[str, Recording]], CaseVerdict]

    def forgive(self, verdict: CaseVerdict) -> CaseVerdict:
        """Return *precision* for what disagrees in float64 by no more than casts leave."""
        if not any(self.clean[label].dropped_casts for label in self.fine):
            return verdict
        comparisons = {
            pair: {
                name: one if one.agrees else self._judged(verdict, pair, name, one)
                for name, one in by.items()
            }
            for pair, by in verdict.comparisons.items()
        }
        parted = {pair: divergences(self.outline, by) for pair, by in comparisons.items()}
        return replace(verdict, comparisons=comparisons, divergences=parted)

    @cached_property
    def _without(self) -> CaseVerdict:
        return self.judged(self.fine)

    def _judged(self, verdict: CaseVerdict, pair: Pair, name: str, seen: Comparison) -> Comparison:
        again = self._without.comparisons.get(pair, {}).get(name)
        if again is None or not again.agrees:
            return seen
        for dtype in LOWER:
            if all(self._strays(verdict, one, name, dtype) for one in (pair.actual, pair.expected)):
                found = Verdict(True, "precision", CAST.format(dtype=dtype))
                return replace(seen, verdict=found, disagreeing=0)
        return seen

    def _strays(self, verdict: CaseVerdict, label: str, name: str, dtype: DType) -> bool:
        """Whether a run is no further from the one without casts than rounding of a dtype leads."""
        made, fine = verdict.outcomes[label], self.fine[label]
        if not isinstance(made, Recording) or name not in fine.tensors:
            return False
        strayed = np.abs(apart(made.tensors[name], fine.tensors[name]))
        scale = self.noise.of(label, dtype).scales.get(name)
        return scale is not None and bool(np.all(strayed <= limits_of(dtype).r * scale.s))
