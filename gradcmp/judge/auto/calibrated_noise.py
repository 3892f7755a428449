"""Last stage: a difference measured by the calibrated noise of its tensor settles the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from gradcmp.dtypes import FORMATS, Format
from gradcmp.judge.auto.decision import (
    decide,
    element_of,
    lost_digits,
    may_have_lost_digits,
    noise_of,
)
from gradcmp.judge.auto.kinks import (
    free_direction,
    kinked,
    outside_span,
    reached,
    unexplained,
)
from gradcmp.judge.auto.loudness import apart, loudness, shrinks
from gradcmp.judge.auto.source import NoiseSource
from gradcmp.judge.auto.tensors.batch import TensorBatch
from gradcmp.judge.auto.tensors.pair import RecordingPair, TensorPair
from gradcmp.judge.comparison import Comparison, Verdict
from gradcmp.judge.elementwise.arrays import is_small
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.noise.calibration import Scale
from gradcmp.judge.tensor_judge import Latitude, TiedDirection
from gradcmp.recording import Array

KINK = "non-differentiable point (tie): another subgradient"
TOGETHER = (
    "at a non-differentiable point (tie) each gradient alone is a subgradient, and all together "
    "are not: moved together, the tied numbers have one derivative"
)
TOO_MANY = "more branches are open than could be judged together, and each number was by itself"
UNEARNED = (
    "in float64 it shrinks as rounding does, but nothing shows that it moves with the inputs as "
    "rounding does, too"
)
OWN_LIMIT = 10.0  # times the noise of a backend's own code
LOWER = 4.0  # times: what a unit explains it must make quieter, and not chance alone
QUIET_FROM = 0.3  # of the noise that such a unit makes: less, and the unit is not the reason


@dataclass(frozen=True)
class CalibratedNoise:
    """Judge by the decision table: loud or quiet, and whether float64 shrinks it."""

    source: NoiseSource
    unearned: dict[str, set[str]] = field(default_factory=dict)

    def settle(
        self, batch: TensorBatch, unsettled: Sequence[int]
    ) -> Iterator[tuple[int, Comparison]]:
        """Return the numbers of all tensors that are still unsettled, each with its comparison."""
        for i in unsettled:
            yield i, self._judge(batch, i)

    def _judge(self, batch: TensorBatch, i: int) -> Comparison:
        sides, tensor = batch.sides, batch.tensors[i]
        scale = self.scale(tensor.name, sides)
        limits = self.source.limits(sides.dtype)
        actual, expected = (np.asarray(array, np.float64) for array in tensor.values)
        difference = apart(actual, expected)
        stayed = None if tensor.float64 is None else apart(*tensor.float64)
        found = loudness(difference, scale, limits)
        told = partial(self._decide, scale=scale, sides=sides)
        verdict, shrink = told(difference, stayed)
        rest = found
        if verdict.reason != "rounding" and reached(tensor.name, scale).any():
            verdict, left = self._with_kinks(verdict, sides, tensor, scale, told)
            rest = loudness(left, scale, limits)
            found = found if verdict.agrees else rest
        if verdict.reason in ("precision", "suspect") or (verdict.reason == "note" and rest.loud):
            unit = self._unit(sides, tensor, difference)
            if verdict.agrees:
                verdict = self._earned(verdict, sides, tensor, unit)
            if unit:
                detail = f"{verdict.detail}; consistent with {unit} matmuls"
                verdict = replace(verdict, detail=detail)
        worst = element_of(found, tensor.values, float(scale.s[found.index]) * limits.r)
        excess = np.abs(difference) / (limits.r * scale.s) if is_small(difference) else None
        measured = batch.measured(i, worst, excess, noise_of(found, shrink, worst))
        disagreeing = 0 if verdict.agrees else max(found.over, 1)
        return Comparison(verdict, scale.rule or self.source.rule, measured, disagreeing)

    def _decide(
        self, difference: Float, stayed: Float | None, scale: Scale, sides: RecordingPair
    ) -> tuple[Verdict, float | None]:
        """Return the verdict on a difference, and by how much float64 did not shrink it."""
        limits = self.source.limits(sides.dtype)
        found = loudness(difference, scale, limits)
        if stayed is None:
            finest = sides.dtype == "float64"
            return decide(found, None, None, sides.same_backend, finest), None
        shrink = shrinks(stayed, scale, found, sides.precision)
        left = loudness(stayed, scale, limits)
        return decide(found, shrink, left, sides.same_backend), shrink

    def _with_kinks(
        self,
        verdict: Verdict,
        sides: RecordingPair,
        tensor: TensorPair,
        scale: Scale,
        measured: Callable[[Float, Float | None], tuple[Verdict, float | None]],
    ) -> tuple[Verdict, Float]:
        """Return the verdict on what open branches do not explain, and that.

        The verdict on all of the difference stands if this one is no milder.
        """

        def rest(values: tuple[Array, Array], precision: Format, many: bool) -> tuple[Float, bool]:
            free = sides.expected_is_reference
            return unexplained(tensor.name, values, scale, precision, free, many)

        for many in (False, True):
            left, is_whole = rest(tensor.values, sides.precision, many)
            fine = tensor.float64 and rest(tensor.float64, FORMATS["float64"], many)[0]
            milder, _ = measured(left, fine)
            elsewhere = np.abs(left) > self.source.limits(sides.dtype).r * scale.s
            elsewhere &= ~reached(tensor.name, scale)
            if (milder.agrees and is_whole) or elsewhere.any():  # more ways would say the same
                break
        if not milder.agrees:
            return verdict, left
        kink = KINK if is_whole else f"{KINK}; {TOO_MANY}"
        if milder.reason == "rounding":
            return Verdict(True, "kink", kink), left
        return replace(milder, detail=f"{milder.detail}; beside it: {kink}"), left

    def with_lost_digits(
        self, sides: RecordingPair, tensor: TensorPair, seen: Comparison
    ) -> Comparison:
        """Return *precision* for what agrees as rounding, though a formula has lost all digits."""
        known = np.asarray(self.source.reference.tensors[tensor.name], np.float64)
        scale, limits = partial(self.scale, tensor.name, sides), self.source.limits(sides.dtype)
        if not may_have_lost_digits(seen, tensor, known) or not any(
            map(self.source.lost_digits, sides.noisy_dtypes)
        ):
            return seen
        return lost_digits(seen, tensor, known, scale, sides.precision, limits)

    def judge_together(
        self, sides: RecordingPair, tensors: Sequence[TensorPair], found: Mapping[str, Comparison]
    ) -> dict[str, Comparison]:
        """Return what is wrong with gradients that a kink explains one by one, but not together."""
        gradients = [tensor for tensor in tensors if self._is_gradient(tensor, found[tensor.name])]
        kinks = {name for name, one in found.items() if one.verdict.reason == "kink"}
        if len(gradients) < 2 or kinks.isdisjoint(tensor.name for tensor in gradients):
            return {}
        names = sorted(kinks & {tensor.name for tensor in gradients})
        for many in (False, True):
            scaled = [(t, self.scale(t.name, sides)) for t in gradients]
            rest = outside_span(
                [kinked(t.name, t.values, s, sides.precision, many) for t, s in scaled]
            )
            loud = [] if rest is None else [n for n in names if self._is_loud(n, rest[n], sides)]
            if rest is not None and not loud:
                return {}
        if rest is None:
            return {name: _with_word(found[name], TOO_MANY) for name in names}
        known = all(tensor.float64 for tensor in gradients) or sides.dtype == "float64"
        verdict = Verdict(False, "bug" if known else "suspect", TOGETHER)
        limits = self.source.limits(sides.dtype)
        over = {name: loudness(rest[name], self.scale(name, sides), limits).over for name in loud}
        return {
            name: replace(found[name], verdict=verdict, disagreeing=max(over[name], 1))
            for name in loud
        }

    def _is_loud(self, name: str, rest: Float, sides: RecordingPair) -> bool:
        limits = self.source.limits(sides.dtype)
        return loudness(rest, self.scale(name, sides), limits).loud

    def _is_gradient(self, tensor: TensorPair, seen: Comparison) -> bool:
        """Whether a tensor has a part in the jumps: a gradient of real numbers in one shape."""
        measured = seen.verdict.reason not in ("shape", "dtype", "empty", "non-finite", "range")
        return tensor.name.startswith("d ") and tensor.name in self.source.names and measured

    def latitude(self, name: str, sides: RecordingPair) -> Latitude | None:
        """Return what open branches leave to a tensor; None where none is open."""
        scale = self.scale(name, sides)
        if not scale.kinks:
            return None
        one = kinked(name, (scale.base, scale.base), scale, sides.precision, many=False)
        is_open = one.jumps.any(axis=0)
        margin = np.where(is_open, one.margin, 0.0)
        return Latitude(scale.base + one.low - margin, scale.base + one.high + margin)

    def tied_direction(
        self, sides: RecordingPair, tensors: Sequence[TensorPair]
    ) -> TiedDirection | None:
        """Return in which direction gradients differ that no jump has a part in, if they do."""
        parts = [
            kinked(t.name, t.values, scale, sides.precision, many=True)
            for t in tensors
            if (scale := self.scale(t.name, sides)).kinks
        ]
        found = free_direction(parts, self.source.limits(sides.dtype).r) if parts else None
        return TiedDirection(*found) if found else None

    def scale(self, name: str, sides: RecordingPair, unit: str = "") -> Scale:
        """Return the noise of a difference."""
        return self.source.between(name, sides, unit)

    def _unit(self, sides: RecordingPair, tensor: TensorPair, difference: Float) -> str:
        """Return which coarser unit for matrix products would explain it; empty if none would."""
        limits = self.source.limits(sides.dtype)
        plain = loudness(difference, self.scale(tensor.name, sides), limits)
        for unit in self.source.units:
            found = loudness(difference, self.scale(tensor.name, sides, unit), limits)
            if not found.loud and QUIET_FROM <= found.r <= plain.r / LOWER:
                return unit
        return ""

    def _earned(
        self, verdict: Verdict, sides: RecordingPair, tensor: TensorPair, unit: str
    ) -> Verdict:
        """Return a verdict on lost digits if they move with the inputs, as rounding does.

        A float64 run that is right says that the formula is right, not that the kernel of
        another dtype is.
        """
        scale, limits = self.scale(tensor.name, sides), self.source.limits(sides.dtype)
        for label, recording in sides.tested:
            strayed = sides.strayed(label, tensor.name)
            if strayed is not None and not loudness(strayed, scale, limits).loud:
                continue  # this side lost no digits
            noise = recording.own_noise.get(tensor.name)
            if strayed is None or noise is None or noise.shape != strayed.shape:
                self.unearned.setdefault(label, set()).add(tensor.name)
                if unit:
                    continue
                return Verdict(False, "suspect", UNEARNED)
            if not np.max(np.abs(strayed) / noise) <= OWN_LIMIT:
                detail = (
                    f"{label} is right in float64 and wrong in {recording.dtype}: the difference "
                    "does not move with the inputs"
                )
                return Verdict(False, "bug", detail)
        return verdict


def _with_word(seen: Comparison, word: str) -> Comparison:
    """Return a comparison whose verdict says one thing more."""
    said = seen.verdict.detail
    detail = said if word in said else f"{said}; {word}"
    return replace(seen, verdict=replace(seen.verdict, detail=detail))
