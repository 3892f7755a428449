"""Beyond agree and disagree: the likely cause, whose fault, and whether the check is weak."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from gradcmp.case import DTYPES, DType
from gradcmp.derivatives import is_derived
from gradcmp.graph.records import Outline
from gradcmp.judge.blame import Ruling
from gradcmp.judge.causes.diagnosis import diagnose
from gradcmp.judge.causes.evidence import Evidence
from gradcmp.judge.causes.places import where
from gradcmp.judge.comparison import Comparison, Verdict
from gradcmp.judge.diagnose.alike import homes
from gradcmp.judge.diagnose.arbiter import Arbiter
from gradcmp.judge.diagnose.insight import Insight
from gradcmp.judge.elementwise.segments import Float, Segments, batches
from gradcmp.judge.mutation.weak import sensitivity, surely_sensitive
from gradcmp.judge.tensor_judge import Allowance, TensorJudge
from gradcmp.judge.verdict import Finding, Pair, Sensitivity
from gradcmp.once import once
from gradcmp.recording import Recording

Comparisons = Mapping[Pair, Mapping[str, Comparison]]

MOST = 24  # findings that are looked into: where so much is wrong, the first to part tells most
UNMEASURED = frozenset(("missing", "dtype", "empty"))  # there are no two arrays of one kind


@dataclass(frozen=True)
class Investigation:
    """Looks into one case after its tensors were compared.

    Attributes
    ----------
    insight : Insight
        What is known of the function besides its values and gradients.
    reference : str
        The label of the float64 reference, which has a recording.
    """

    outline: Outline
    insight: Insight
    reference: str
    recordings: Mapping[str, Recording]
    rule: TensorJudge

    def findings(self, comparisons: Comparisons) -> dict[Pair, dict[str, Finding]]:
        """Return cause and side of what disagrees or warns, pairs with the reference first."""
        found: dict[Pair, dict[str, Finding]] = {}
        chosen = self._chosen(comparisons)
        for pair, by in comparisons.items():
            for name, comparison in by.items():
                if (pair, name) in chosen:
                    evidence = self._evidence(name, pair)
                    tied = comparison.verdict.reason == "kink"  # which is the cause
                    causes = diagnose(evidence) if evidence and not tied else ()
                    place = where(evidence) if evidence and not comparison.agrees else ""
                    ruling = self._ruling(name, pair, comparison, comparisons)
                    finding = Finding(causes, ruling.side, ruling, where=place)
                    found.setdefault(pair, {})[name] = finding
        return found

    def _chosen(self, comparisons: Comparisons) -> set[tuple[Pair, str]]:
        """Return what is looked into: of each tensor every group once, then the other pairs.

        So nobody goes unjudged for standing behind many who computed the same.
        """
        odd: dict[str, list[Pair]] = {}
        for pair, by in comparisons.items():
            for name, one in by.items():
                if (not one.agrees or one.verdict.warns) and self._is_known(name, pair, one):
                    odd.setdefault(name, []).append(pair)
        first: list[tuple[Pair, str]] = []
        rest: list[tuple[Pair, str]] = []
        for name, pairs in odd.items():
            held = {pair: by[name] for pair, by in comparisons.items() if name in by}
            home = homes(self.recordings, held)
            seen: set[str] = set()
            for pair in pairs:
                groups = {home[pair.actual], home[pair.expected]}
                (rest if groups <= seen else first).append((pair, name))
                seen |= groups
        place = {pair: number for number, pair in enumerate(comparisons)}
        rest.sort(key=lambda one: place[one[0]])  # stable: pairs with the reference first
        return {*[*first, *rest][:MOST]}

    def _is_known(self, name: str, pair: Pair, comparison: Comparison) -> bool:
        """Whether two arrays were measured that the reference has, too."""
        if comparison.verdict.reason in UNMEASURED or name not in self._held.tensors:
            return False
        expected = self.recordings[pair.expected].tensors[name]
        return expected.shape == self._held.tensors[name].shape

    def sensitivity(self) -> dict[str, Sensitivity]:
        """Return for each gradient but the output's own which wrong ones would have passed."""
        dtypes = [r.dtype for label, r in self.recordings.items() if label != self.reference]
        if not dtypes:
            return {}
        dtype: DType = max(dtypes, key=DTYPES.index)  # type: ignore[arg-type]
        named = [*self.outline.inputs, *self.outline.reads]
        gradients = {
            f"d {name}": gradient
            for name in named
            if (gradient := self._held.gradients.get(name)) is not None
            if name not in self.outline.outputs and gradient.size
        }
        gradients |= {n: array for n, array in self._held.values.items() if is_derived(n)}
        names, arrays = [*gradients], [*gradients.values()]
        told: dict[str, Sensitivity] = {}
        for batch in batches(range(len(names)), arrays):
            told |= self._sensitivity({names[i]: arrays[i] for i in batch}, dtype)
        return told

    def _sensitivity(self, gradients: Mapping[str, Float], dtype: DType) -> dict[str, Sensitivity]:
        """Ask with as much as may be allowed: what is found then is found with less, too."""
        segments = Segments([gradient.shape for gradient in gradients.values()])
        allowances = {name: self.rule.allowances(name, g, dtype) for name, g in gradients.items()}
        first = {name: next(found) for name, found in allowances.items()}
        most = segments.concatenate([allowed.most for allowed in first.values()])
        plain = surely_sensitive(segments, segments.concatenate(gradients.values()), most, dtype)
        told = {}
        for (name, gradient), none in zip(gradients.items(), plain, strict=True):
            brackets = chain([first[name]], allowances[name])
            told[name] = Sensitivity() if none else _within(brackets, gradient, dtype)
        return told

    def _evidence(self, name: str, pair: Pair) -> Evidence | None:
        sides = (pair.actual, pair.expected)
        actual, expected = (real_tensors(self.recordings[label]) for label in sides)
        if name not in actual or name not in expected:
            return None
        if not actual[name].size or not expected[name].size:
            return None
        return Evidence(
            actual[name],
            expected[name],
            self.rule.noise(name, pair),
            self.rule.limit,
            self.recordings[pair.actual].dtype,  # type: ignore[arg-type]
            _beside(name, expected),
            _beside(name, actual),
            self.insight.terms.get(name.removeprefix("d "), {}) if name.startswith("d ") else {},
            {words: by[name] for words, by in self.insight.lowered.items() if name in by},
            {words: by[name] for words, by in self.insight.rewritten.items() if name in by},
            self.insight.output if name.startswith("d ") else None,
        )

    def _ruling(
        self, name: str, pair: Pair, comparison: Comparison, comparisons: Comparisons
    ) -> Ruling:
        if name.startswith("d "):
            return self._arbiter.on_gradient(name, pair, comparison)
        held = {
            other.actual: by[name].agrees
            for other, by in comparisons.items()
            if other.expected == self.reference and name in by
        }
        return self._arbiter.on_value(name, pair, comparison, held)

    @property
    def _held(self) -> Recording:
        return self.recordings[self.reference]

    @once
    def _arbiter(self) -> Arbiter:
        return Arbiter(self.insight.primal, self.reference, self.recordings, self.rule)


def real_tensors(recording: Recording) -> dict[str, Float]:
    """Return the tensors of a recording that are of real numbers, in float64."""
    return {
        name: np.asarray(array, np.float64)
        for name, array in recording.tensors.items()
        if array.dtype.kind in "fV"
    }


def _beside(name: str, tensors: Mapping[str, Float]) -> dict[str, Float]:
    """Return the other tensors that a tensor may be explained by: no value by a gradient."""
    return {
        other: array
        for other, array in tensors.items()
        if other != name and is_derived(other) == is_derived(name)
        if name.startswith("d ") or not other.startswith("d ")
    }


def _within(brackets: Iterable[Allowance], gradient: Float, dtype: DType) -> Sensitivity:
    """Describe what survives as soon as the least and the most that may be allowed say the same."""
    told = Sensitivity()
    for allowed in brackets:
        told = sensitivity(gradient, allowed.likely, dtype)
        ends = (sensitivity(gradient, end, dtype) for end in (allowed.least, allowed.most))
        if all(end.survivors.keys() == told.survivors.keys() for end in ends):
            break
    return told


def reconsidered(
    comparisons: Mapping[str, Comparison], findings: Mapping[str, Finding]
) -> dict[str, Comparison]:
    """Return comparisons in the light of what was found of them.

    None is precision that a wrong formula explains. And float64 has no finer run that could tell
    a loss of digits from a bug: a side that is off by more than float64 could lose is a bug.
    """
    return {name: _judged(one, findings.get(name, Finding())) for name, one in comparisons.items()}


def _judged(comparison: Comparison, found: Finding) -> Comparison:
    reason = comparison.verdict.reason
    is_explained = not all(cause.of_rounding for cause in found.causes)
    if is_explained and _is_lost_digits(comparison):
        detail = "in float64 it shrinks, but a cause was found: it is not rounding"
        verdict = Verdict(False, "bug", detail)
        return replace(comparison, verdict=verdict, disagreeing=comparison.total)
    if reason == "suspect" and found.ruling.certain:
        detail = f"{found.side} is off by more than float64 could lose: it is not rounding"
        return replace(comparison, verdict=Verdict(False, "bug", detail))
    return comparison


def _is_lost_digits(comparison: Comparison) -> bool:
    """Whether a difference could be precision: it is loud, and float64 shrinks it."""
    noise, reason = comparison.noise, comparison.verdict.reason
    shrinks = noise is not None and noise.shrink is not None and noise.shrink <= 1
    return reason == "precision" or (reason == "suspect" and shrinks)
