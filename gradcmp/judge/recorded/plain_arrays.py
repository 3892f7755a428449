"""Arrays of no known case, judged by the noise of the recording that they are held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gradcmp.case import DTYPES, DType, DTypeTable
from gradcmp.dtypes import coarser
from gradcmp.graph import Graph
from gradcmp.graph.walk import spec_of
from gradcmp.judge.auto.graph_noise import GraphNoise
from gradcmp.judge.auto.judge import NoiseJudge
from gradcmp.judge.comparison import Comparison, Measured, Verdict
from gradcmp.judge.diagnose.insight import GraphInsight
from gradcmp.judge.diagnose.investigation import Investigation
from gradcmp.judge.elementwise.arrays import compare
from gradcmp.judge.elementwise.difference import element
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.recorded.precision import RoundedInputs, held_in
from gradcmp.judge.recorded.reference import RECOMPUTED, recompute_reference
from gradcmp.judge.tensor_judge import Allowance, Latitude, TiedDirection
from gradcmp.judge.verdict import Finding, Pair
from gradcmp.once import once
from gradcmp.parts.graph import graph_of
from gradcmp.recording import Array, Recording, dtype_name, numpy_dtype


@dataclass(frozen=True)
class LooseRule:
    """Judges each tensor in the dtype that the numbers of the loose array are of.

    None is declared for all, and a number of float32 may be stored in float64, as ``loss.item()``
    is. An array in float64 that was computed from inputs as they were written is not off because
    the case rounded them.

    Attributes
    ----------
    base : Recording
        The float64 reference of the known side's case.
    label : str
        The loose side, in `recordings`; its tensors are called as on the known side.
    recordings : mapping of str to Recording
        Both sides, by label.
    rounds_inputs : bool
        Whether the case rounds its inputs to what its dtypes hold.
    """

    graph: Graph
    base: Recording
    label: str
    recordings: Mapping[str, Recording]
    rounds_inputs: bool = True
    _rules: dict[str, NoiseJudge] = field(default_factory=dict)
    _dtypes: dict[str, str] = field(default_factory=dict)

    @once
    def _rounded(self) -> RoundedInputs:
        return RoundedInputs(self.graph, self.base)

    @property
    def limit(self) -> float:
        """How many times the noise is allowed."""
        return self._of(DTYPES[0]).limit

    def compare(
        self, pair: Pair, tensors: Mapping[str, tuple[Array, Array]]
    ) -> dict[str, Comparison]:
        """Compare tensors; what the graph has no such real number for, exactly or by a table."""
        known: dict[str, dict[str, tuple[Array, Array]]] = {}
        found = {}
        for name, both in tensors.items():
            if self.knows(name):
                known.setdefault(self._held_in(name), {})[name] = self._as_held(pair, name, both)
            else:
                found[name] = compare(*both, DTypeTable())
        for dtype, some in known.items():
            found |= self._of(dtype).compare(pair, some)
        return found | self._forgiven(pair, tensors, found)

    def _held_in(self, name: str) -> str:
        found = self._dtypes.get(name)
        if found is None:
            (known,) = (one.dtype for label, one in self.recordings.items() if label != self.label)
            array = self.recordings[self.label].tensors[name]
            among = tuple(dict.fromkeys(one for one in (known, "float32") if one in DTYPES))
            found = self._dtypes[name] = held_in(array, among)
        return found

    def _as_held(self, pair: Pair, name: str, both: tuple[Array, Array]) -> tuple[Array, Array]:
        """Return both arrays, the loose one in the dtype that its numbers are of."""
        if self.label not in (pair.actual, pair.expected):
            return both  # the known side and the reference, to tell who is wrong
        dtype = numpy_dtype(self._held_in(name))
        loose = (pair.actual, pair.expected).index(self.label)
        actual, expected = (a.astype(dtype) if i == loose else a for i, a in enumerate(both))
        return actual, expected

    def _forgiven(
        self,
        pair: Pair,
        tensors: Mapping[str, tuple[Array, Array]],
        found: Mapping[str, Comparison],
    ) -> dict[str, Comparison]:
        """Return what is off by no more than the digits that the inputs of the case lost.

        The other side must agree with the reference, which the loose one stands for then.
        """
        if not self.rounds_inputs or self.label not in (pair.actual, pair.expected):
            return {}
        doubtful = [
            name
            for name, one in found.items()
            if self.knows(name) and (one.verdict.warns or not one.agrees)
            if self._held_in(name) == "float64" and one.worst and not one.statistics.nonfinite
            if self._rounded.explains(name, self.recordings[self.label].tensors[name], self.limit)
        ]
        if not doubtful:
            return {}
        loose = (pair.actual, pair.expected).index(self.label)
        asked = {}
        for name in doubtful:
            both = list(tensors[name])
            both[loose] = self.base.tensors[name]
            asked[name] = (both[0], both[1])
        sides = {RECOMPUTED: self.base, **self.recordings, self.label: self.base}
        twins = {label: each.twin for label, each in self.recordings.items() if each.twin}
        source = GraphNoise(self.graph, self.base)
        known = NoiseJudge(source, RECOMPUTED, sides, twins).compare(pair, asked)
        return {
            name: self._by_inputs(name, pair, tensors[name], found[name])
            for name, one in known.items()
            if one.agrees and not one.verdict.warns
        }

    def _by_inputs(
        self, name: str, pair: Pair, both: tuple[Array, Array], seen: Comparison
    ) -> Comparison:
        """Measure a difference by what rounded inputs leave open."""
        actual, expected = (np.asarray(array, np.float64) for array in both)
        allowed = self.limit * (self._rounded.noise[name] + self.noise(name, pair))
        with np.errstate(all="ignore"):
            excess = np.nan_to_num(np.abs(actual - expected) / allowed)
        index = tuple(map(int, np.unravel_index(np.argmax(excess), excess.shape)))
        unit = coarser(*(dtype_name(array.dtype) for array in both))
        numbers = float(actual[index]), float(expected[index])
        worst = element(index, *numbers, unit, float(allowed[index]))
        small = None if seen.excess is None else excess
        return Comparison(
            Verdict(True, "rounding", "the inputs of the case are rounded, yours are not"),
            f"auto: |a − e| <= {self.limit:g} × what rounded inputs leave open",
            Measured(seen.statistics, worst, small),
        )

    def knows(self, name: str) -> bool:
        """Whether a tensor has noise: both sides have it, in real numbers of a known dtype."""
        loose = self.recordings[self.label].tensors.get(name)
        return loose is not None and loose.dtype.name in DTYPES and name in self.base.tensors

    def noise(self, name: str, pair: Pair) -> Float:
        """Return the noise of each element of a tensor."""
        return self._of_tensor(name).noise(name, pair)

    def allowances(self, name: str, expected: Float, dtype: DType) -> Iterator[Allowance]:
        """Return what each element of a gradient that was computed in `dtype` may be off."""
        return self._of(dtype).allowances(name, expected, dtype)

    def latitude(self, name: str, pair: Pair) -> Latitude | None:
        """Return what open branches leave to a gradient."""
        return self._of_tensor(name).latitude(name, pair)

    def tied_direction(self, names: Sequence[str], pair: Pair) -> TiedDirection | None:
        """Return where gradients differ by what no choice of branches explains, if they do."""
        given = [name for name in names if self.knows(name)]
        return self._of_tensor(given[0]).tied_direction(given, pair) if given else None

    def _of_tensor(self, name: str) -> NoiseJudge:
        return self._of(self._held_in(name))

    def _of(self, dtype: str) -> NoiseJudge:
        if dtype not in self._rules:
            sides = {RECOMPUTED: self.base, **self.recordings}
            sides[self.label] = replace(sides[self.label], dtype=dtype)
            twins = {label: each.twin for label, each in sides.items() if each.twin}
            source = GraphNoise(self.graph, self.base)
            self._rules[dtype] = NoiseJudge(source, RECOMPUTED, sides, twins)
        return self._rules[dtype]


def loose_rule(recordings: Mapping[str, Recording]) -> LooseRule | None:
    """Return the rule for two sides, of which one says what case it is of; None for others.

    Raises
    ------
    RecordingError
        When the recording does not belong to the case that it says.
    """
    known = {label: one for label, one in recordings.items() if one.origin}
    loose = {label: one for label, one in recordings.items() if not one.origin}
    if len(known) != 1 or len(loose) != 1:
        return None
    ((_, one),), ((label, other),) = known.items(), loose.items()
    assert one.origin is not None
    if one.origin.case.code:  # which nobody can run again
        return None
    base = recompute_reference(one.origin, known)
    if base is None:
        return None
    found = {array.dtype.name for array in other.tensors.values()}
    dtype = next((dtype for dtype in reversed(DTYPES) if dtype in found), "")
    sides = {**recordings, label: replace(other, dtype=dtype)}
    case = one.origin.case
    given = {name: spec_of(base.values[name]) for name in case.inputs}
    return LooseRule(graph_of(case, given), base, label, sides, case.round_inputs)


def look_into(
    rule: LooseRule, pair: Pair, comparisons: Mapping[str, Comparison]
) -> dict[Pair, dict[str, Finding]]:
    """Return cause and side of what disagrees or warns."""
    known = {name: held for name, held in comparisons.items() if rule.knows(name)}
    insight, sides = GraphInsight(rule.graph, rule.base), {RECOMPUTED: rule.base, **rule.recordings}
    investigation = Investigation(rule.graph, insight, RECOMPUTED, sides, rule)
    return investigation.findings({pair: known})
