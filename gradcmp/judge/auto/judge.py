"""Tolerance ``auto``: rounding or bug, told by injected noise and by what float64 makes of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gradcmp.case import DType
from gradcmp.graph import Graph
from gradcmp.judge.auto.baseline import DTYPE, Baseline
from gradcmp.judge.auto.batch import Sheet, sheets
from gradcmp.judge.auto.case_noise import Scales
from gradcmp.judge.auto.floor import FLOORS
from gradcmp.judge.auto.measuring import Measuring
from gradcmp.judge.auto.overflow import overflowed
from gradcmp.judge.auto.pair import Facing, Matched
from gradcmp.judge.auto.roundings import within_floor
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.dtypes import HALVES
from gradcmp.judge.elementwise.arrays import compare_all, is_real
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.mutation.mutants import Allowance, Known
from gradcmp.judge.verdict import Pair
from gradcmp.recording import Array, Recording


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
    _judged: dict[Hashable, Comparison] = field(default_factory=dict)

    def hold(self, pair: Pair, tensors: Mapping[str, tuple[Array, Array]]) -> dict[str, Comparison]:
        """Compare tensors of one pair.

        Raises
        ------
        NoModelError
            When a primitive of the graph has no noise model.
        """
        facing = self.facing(pair)
        matched = [facing.match(name, *both) for name, both in tensors.items()]
        # Modes of one framework mostly give the same bits: judged once, not for every pair.
        sums = facing.sums if facing.dtype in HALVES else ()
        about = (facing.dtype, facing.free, facing.same, sums)
        several = len(self.recordings) > 2
        keys = {t.name: (t.name, about, bits) for t in matched if several and (bits := t.bits)}
        fresh = [t for t in matched if t.name not in keys or keys[t.name] not in self._judged]
        found = dict(zip((t.name for t in fresh), self.judge(facing, fresh), strict=True))
        self._judged.update({keys[name]: one for name, one in found.items() if name in keys})
        found.update({name: self._judged[key] for name, key in keys.items()})
        return found

    def judge(self, facing: Facing, tensors: Sequence[Matched]) -> list[Comparison]:
        """Judge tensors by the cheapest step that can settle each; what is left is measured."""
        noisy = [i for i, tensor in enumerate(tensors) if self._has_noise(tensor)]
        others = [i for i in range(len(tensors)) if i not in {*noisy}]
        floor = FLOORS[facing.dtype].allowed
        plain = compare_all([tensors[i].values for i in others], floor)
        found = dict(zip(others, plain, strict=True))
        for numbers, sheet in sheets(facing, [tensors[i] for i in noisy]):
            with np.errstate(all="ignore"):
                judged = self._judge(sheet)
            found |= {noisy[i]: one for i, one in zip(numbers, judged, strict=True)}
        return [self._or_range(facing, tensors[i], found[i]) for i in range(len(tensors))]

    def _judge(self, sheet: Sheet) -> list[Comparison]:
        found = [sheet.seen(i) if lost else None for i, lost in enumerate(sheet.unmatched)]
        for settle in (within_floor, self._baseline.settle):
            if None in found:
                found = [one or other for one, other in zip(found, settle(sheet), strict=True)]
        return [
            one or Measuring(self._scales).judge(sheet.facing, sheet.tensors[i], sheet.seen(i))
            for i, one in enumerate(found)
        ]

    def facing(self, pair: Pair) -> Facing:
        """Put the two recordings of a pair beside each other."""
        sides = self.recordings[pair.actual], self.recordings[pair.expected]
        return Facing(pair, sides, self.twins, self.reference.backend)

    def _or_range(self, facing: Facing, tensor: Matched, held: Comparison) -> Comparison:
        """Distinguish an overflow from any other NaN or infinity."""
        if held.verdict.reason != "non-finite" or held.agrees:
            return held
        return overflowed(held, tensor.values, facing.precision, self.reference)

    def _has_noise(self, tensor: Matched) -> bool:
        """Whether there is noise to know: real numbers that can be held together."""
        if tensor.name not in self._scales.names or not all(map(is_real, tensor.values)):
            return False
        known = self.reference.tensors[tensor.name]
        return known.size > 0 and all(known.shape == array.shape for array in tensor.values)

    @cached_property
    def _baseline(self) -> Baseline:
        return Baseline(self.graph, self.reference)

    @cached_property
    def _scales(self) -> Scales:
        return Scales(self.graph, self.reference)

    @property
    def limit(self) -> float:
        """How many times the noise is allowed."""
        return self._scales.limits(DTYPE).r

    def noise(self, name: str, pair: Pair) -> Float:
        """Return the noise of each element of a tensor."""
        return Measuring(self._scales).scale(name, self.facing(pair)).s

    def allowances(self, name: str, expected: Float, dtype: DType) -> Iterator[Allowance]:
        """Return what each element of a gradient that was computed in `dtype` may be off.

        First from the reference's own rounding, then from a calibration, if need be a rough one.
        """
        bounds = self._baseline.bounds(name, expected, self.limit) if dtype == DTYPE else None
        if bounds is not None:
            yield bounds
        yield Known(self.limit * self._scales.roughly_of(dtype)[name].s)
