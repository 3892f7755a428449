"""Arrays of no known case, judged by the noise of the recording that they are held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gradcmp.case import DTYPES, DType, DTypeTable
from gradcmp.graph import Graph, build
from gradcmp.judge.auto.judge import NoiseJudge
from gradcmp.judge.comparison import Comparison
from gradcmp.judge.diagnose.investigation import Investigation
from gradcmp.judge.elementwise.arrays import compare
from gradcmp.judge.elementwise.segments import Float
from gradcmp.judge.recorded.reference import recompute_reference
from gradcmp.judge.recorded.same_case import AGAIN
from gradcmp.judge.tensor_judge import Allowance, Latitude, TiedDirection
from gradcmp.judge.verdict import Finding, Pair
from gradcmp.recording import Array, Recording


@dataclass(frozen=True)
class LooseRule:
    """Judges each tensor in the dtype that the loose array itself has: none is declared for all.

    Attributes
    ----------
    base : Recording
        The float64 reference of the known side's case.
    label : str
        The loose side, in `recordings`; its tensors are called as on the known side.
    recordings : mapping of str to Recording
        Both sides, by label.
    """

    graph: Graph
    base: Recording
    label: str
    recordings: Mapping[str, Recording]
    _rules: dict[str, NoiseJudge] = field(default_factory=dict)

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
                dtype = self.recordings[self.label].tensors[name].dtype.name
                known.setdefault(dtype, {})[name] = both
            else:
                found[name] = compare(*both, DTypeTable())
        for dtype, some in known.items():
            found |= self._of(dtype).compare(pair, some)
        return found

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
        return self._of(self.recordings[self.label].tensors[name].dtype.name)

    def _of(self, dtype: str) -> NoiseJudge:
        if dtype not in self._rules:
            sides = {AGAIN: self.base, **self.recordings}
            sides[self.label] = replace(sides[self.label], dtype=dtype)
            twins = {label: each.twin for label, each in sides.items() if each.twin}
            self._rules[dtype] = NoiseJudge(self.graph, self.base, sides, twins)
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
    base = recompute_reference(one.origin, known)
    if base is None:
        return None
    found = {array.dtype.name for array in other.tensors.values()}
    dtype = next((dtype for dtype in reversed(DTYPES) if dtype in found), "")
    sides = {**recordings, label: replace(other, dtype=dtype)}
    return LooseRule(build(one.origin.case), replace(base, backend=AGAIN), label, sides)


def look_into(
    rule: LooseRule, pair: Pair, comparisons: Mapping[str, Comparison]
) -> dict[Pair, dict[str, Finding]]:
    """Return cause and side of what disagrees or warns."""
    known = {name: held for name, held in comparisons.items() if rule.knows(name)}
    investigation = Investigation(rule.graph, AGAIN, {AGAIN: rule.base, **rule.recordings}, rule)
    return investigation.findings({pair: known})
