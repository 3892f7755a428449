"""Tolerance ``auto``: rounding or bug, told by injected noise and by what float64 makes of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from gradcmp.case import DType
from gradcmp.dtypes import FORMATS
from gradcmp.judge.auto.calibrated_noise import CalibratedNoise
from gradcmp.judge.auto.decision import (
    beside_unmatched,
    has_no_digit,
    out_of_range,
)
from gradcmp.judge.auto.noise_floor import FLOORS, NoiseFloor
from gradcmp.judge.auto.reference_error import BASELINE_DTYPE, ReferenceError, RoughNoise
from gradcmp.judge.auto.source import NoiseSource
from gradcmp.judge.auto.tensors.batch import TensorBatch
from gradcmp.judge.auto.tensors.large import tensor_batches
from gradcmp.judge.auto.tensors.pair import KnownBits, RecordingPair, TensorPair
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.elementwise.arrays import compare_all, is_real
from gradcmp.judge.elementwise.segments import TOGETHER, Float
from gradcmp.judge.tensor_judge import Allowance, Exact, Latitude, TiedDirection
from gradcmp.judge.verdict import Pair
from gradcmp.once import once
from gradcmp.recording import Array, Recording


class Stage(Protocol):
    """One step of the judgement: settles what it can, and leaves the rest to the next."""

    def settle(
        self, batch: TensorBatch, unsettled: Sequence[int]
    ) -> Iterator[tuple[int, Comparison]]:
        """Return the numbers of the tensors that are settled, each with its comparison."""


@dataclass(frozen=True)
class NoiseJudge:
    """Judges the tensors of one case by their noise.

    Attributes
    ----------
    source : NoiseSource
        Where the noise comes from.
    reference : str
        The label of the float64 reference.
    recordings : mapping of str to Recording
        By label, the reference among them.
    twins : mapping of str to Recording
        The same backends on the same inputs in float64, by the same labels.
    unearned : dict of str to set of str
        By label, the tensors of which the noise of the backend's own code would have to be known.
    together : int
        Elements that are judged side by side: it changes how long it takes, and nothing else.
    """

    source: NoiseSource
    reference: str
    recordings: Mapping[str, Recording]
    twins: Mapping[str, Recording]
    unearned: dict[str, set[str]] = field(default_factory=dict)
    together: int = TOGETHER
    _judged: dict[Hashable, Comparison] = field(default_factory=dict)
    _bits: KnownBits = field(default_factory=KnownBits)

    def compare(
        self, pair: Pair, tensors: Mapping[str, tuple[Array, Array]]
    ) -> dict[str, Comparison]:
        """Compare tensors of one pair: actual and expected, by name."""
        sides = self.sides(pair)
        matched = [sides.match(name, *both) for name, both in tensors.items()]
        # Modes of one framework mostly give the same bits: judged once, not for every pair.
        sums = sides.sums if sides.precision.only_stores else ()
        about = (sides.dtype, sides.expected_is_reference, sides.same_backend, sums)
        several = len(self.recordings) > 2
        keys = {t.name: (t.name, about, t.bits(self._bits)) for t in matched if several}
        fresh = [t for t in matched if t.name not in keys or keys[t.name] not in self._judged]
        found = self.judge(sides, fresh)
        self._judged.update(
            {keys[name]: one for name, one in found.items() if name in keys and _is_shared(one)}
        )
        found.update({name: self._judged[key] for name, key in keys.items() if name not in found})
        return found | self._calibrated.judge_together(sides, matched, found)

    def judge(self, sides: RecordingPair, tensors: Sequence[TensorPair]) -> dict[str, Comparison]:
        """Judge tensors by the cheapest stage that can settle each."""
        found = self._by_stages(sides, tensors)
        found |= self._beside_unmatched(sides, tensors, found)
        if not self.source.loses_digits:
            return found
        return {
            tensor.name: self._calibrated.with_lost_digits(sides, tensor, found[tensor.name])
            if has_no_digit(found[tensor.name]) and self._has_noise(tensor)
            else found[tensor.name]
            for tensor in tensors
        }

    def _by_stages(
        self, sides: RecordingPair, tensors: Sequence[TensorPair]
    ) -> dict[str, Comparison]:
        floor = FLOORS[sides.dtype].allowed
        noisy = [tensor for tensor in tensors if self._has_noise(tensor)]
        found: dict[str, Comparison] = {}
        for batch in tensor_batches(sides, noisy, floor, self.together):
            found |= self._settle(batch)
        others = [tensor for tensor in tensors if tensor.name not in found]
        plain = compare_all([tensor.values for tensor in others], floor)
        found |= zip((tensor.name for tensor in others), plain, strict=True)
        return {tensor.name: found[tensor.name] for tensor in tensors}

    def _settle(self, batch: TensorBatch) -> dict[str, Comparison]:
        unsettled = list(range(len(batch.tensors)))
        settled: dict[int, Comparison] = {}
        with np.errstate(all="ignore"):
            for stage in self._stages:
                settled |= stage.settle(batch, unsettled)
                unsettled = [i for i in unsettled if i not in settled]
        return {tensor.name: settled[i] for i, tensor in enumerate(batch.tensors)}

    @once
    def _stages(self) -> tuple[Stage, ...]:
        rough = RoughNoise(self.source)
        return (NoiseFloor(), self._reference_error, rough, self._calibrated)

    def sides(self, pair: Pair) -> RecordingPair:
        """Put the two recordings of a pair beside each other."""
        recordings = self.recordings[pair.actual], self.recordings[pair.expected]
        return RecordingPair(pair, recordings, self.twins, self.reference)

    def _beside_unmatched(
        self, sides: RecordingPair, tensors: Sequence[TensorPair], found: Mapping[str, Comparison]
    ) -> dict[str, Comparison]:
        """Return what is said where one side alone is NaN or infinite.

        An overflow is told from any other, and all other elements are judged as if those were not
        there: beside a NaN rounding is no disagreement, and a bug is one.
        """
        held = [tensor for tensor in tensors if _is_unmatched(found[tensor.name])]
        if not held:
            return {}
        wholes = [tensor.without_unmatched() for tensor in held if self._has_noise(tensor)]
        rests = self._by_stages(sides, wholes)
        return {
            tensor.name: beside_unmatched(
                self._or_range(sides, tensor, found[tensor.name]), rests.get(tensor.name)
            )
            for tensor in held
        }

    def _or_range(self, sides: RecordingPair, tensor: TensorPair, held: Comparison) -> Comparison:
        """Distinguish an overflow from any other NaN or infinity."""
        overflow = self.source.overflow(sides.dtype)
        return out_of_range(held, tensor, overflow) if overflow else held

    def _has_noise(self, tensor: TensorPair) -> bool:
        """Whether there is noise to know: real numbers that can be held together."""
        if tensor.name not in self.source.names or not all(map(is_real, tensor.values)):
            return False
        known = self.source.reference.tensors[tensor.name]
        return known.size > 0 and all(known.shape == array.shape for array in tensor.values)

    @once
    def _reference_error(self) -> ReferenceError:
        return ReferenceError(self.source)

    @once
    def _calibrated(self) -> CalibratedNoise:
        return CalibratedNoise(self.source, self.unearned)

    @property
    def limit(self) -> float:
        """How many times the noise is allowed."""
        return self.source.limits(BASELINE_DTYPE).r

    def noise(self, name: str, pair: Pair) -> Float:
        """Return the noise of each element of a tensor; a cotangent is rounded once."""
        if name not in self.source.names:
            known = np.abs(np.asarray(self.source.reference.tensors[name], np.float64))
            return FORMATS[self.sides(pair).dtype].u * known
        return self._calibrated.scale(name, self.sides(pair)).s

    def allowances(self, name: str, expected: Float, dtype: DType) -> Iterator[Allowance]:
        """Return what each element of a gradient that was computed in `dtype` may be off.

        First from the reference's own rounding, then from a calibration, if need be a rough one.
        """
        if dtype == BASELINE_DTYPE:
            bounds = self._reference_error.bounds(name, expected, self.limit)
            if bounds is not None:
                yield bounds
        yield Exact(self.limit * self.source.roughly(name, dtype).s)

    def latitude(self, name: str, pair: Pair) -> Latitude | None:
        """Return what open branches leave to a gradient; None where none is open."""
        if name not in self.source.names:
            return None
        return self._calibrated.latitude(name, self.sides(pair))

    def tied_direction(self, names: Sequence[str], pair: Pair) -> TiedDirection | None:
        """Return where gradients differ by what no choice of branches explains, if they do."""
        sides = self.sides(pair)
        actual, expected = (side.tensors for side in sides.recordings)
        tensors = [
            tensor
            for name in names
            if name in actual and name in expected
            if self._has_noise(tensor := sides.match(name, actual[name], expected[name]))
        ]
        return self._calibrated.tied_direction(sides, tensors)


def _is_shared(found: Comparison) -> bool:
    """Whether a judgement holds for whoever has the same bits: each has to earn lost digits."""
    return found.agrees and found.verdict.reason not in ("precision", "note")


def _is_unmatched(seen: Comparison) -> bool:
    """Whether one side alone has NaN or an infinity."""
    return seen.verdict.reason == "non-finite" and not seen.agrees
