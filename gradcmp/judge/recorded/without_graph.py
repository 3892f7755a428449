"""Arrays without a graph: what can be said beyond a tolerance all the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from gradcmp.judge.causes.diagnosis import diagnose
from gradcmp.judge.causes.evidence import Evidence
from gradcmp.judge.causes.places import where
from gradcmp.judge.comparison import Comparison, Verdict
from gradcmp.judge.conventions.nonfinite import count as count_nonfinite
from gradcmp.judge.diagnose.investigation import real_tensors
from gradcmp.judge.fixed import FixedJudge
from gradcmp.judge.verdict import Finding, Pair
from gradcmp.recording import Recording, dtype_name

LARGEST = 1 << 22  # elements of an array of which the cause is looked for
SMALL = 1e-3  # of the norm of another tensor of the file
ONLY_A_GRAPH = "tolerance auto, beside a recording that has the graph, could tell"


def _small(recording: Recording) -> Recording:
    """Return a recording without the arrays that are too large to be copied a few times."""
    arrays = {name: a for name, a in recording.tensors.items() if a.size <= LARGEST}
    return replace(recording, values=arrays, gradients={})


def explain(
    rule: FixedJudge,
    pair: Pair,
    comparisons: Mapping[str, Comparison],
    parted: Collection[str] = (),
) -> dict[Pair, dict[str, Finding]]:
    """Return the causes that two sets of arrays alone can tell, without a graph; no side."""
    if all(comparison.agrees for comparison in comparisons.values()):
        return {}  # arrays may be larger than memory
    sides = [_small(rule.recordings[label]) for label in (pair.actual, pair.expected)]
    actual, expected = map(real_tensors, sides)
    found = {}
    for name, comparison in comparisons.items():
        if comparison.agrees or name not in actual or name not in expected:
            continue
        evidence = Evidence(
            actual[name],
            expected[name],
            rule.noise(name, pair),
            rule.limit,
            dtype_name(rule.recordings[pair.actual].tensors[name].dtype),  # type: ignore[arg-type]
            {other: array for other, array in expected.items() if other != name},
            {other: array for other, array in actual.items() if other != name},
            parts=name in parted,
        )
        finding = Finding(diagnose(evidence), where=where(evidence))
        if finding != Finding():
            found[name] = finding
    return {pair: found} if found else {}


def warned_of_nonfinite(
    pair: Pair, comparisons: Mapping[str, Comparison], recordings: Mapping[str, Recording]
) -> dict[str, Comparison]:
    """Return comparisons of which none agrees without a word where both sides are not finite.

    Nothing is known of the inputs, so that an infinity that is meant warns as well.
    """

    def said(name: str, comparison: Comparison) -> Comparison:
        if not comparison.agrees or comparison.verdict.reason == "non-finite":
            return comparison
        array = recordings[pair.expected].tensors[name]
        count = count_nonfinite(array)
        if not count:
            return comparison
        first = np.unravel_index(int(np.argmin(np.isfinite(array))), array.shape)
        place = f", as at [{','.join(map(str, first))}]" if first else ""
        detail = f"NaN or infinity in {count} of {comparison.total} elements of both{place}"
        return replace(comparison, verdict=Verdict(True, "non-finite", detail))

    return {name: said(name, comparison) for name, comparison in comparisons.items()}


def doubted(
    comparisons: Mapping[str, Comparison], findings: Mapping[str, Finding]
) -> dict[str, Comparison]:
    """Return comparisons that say where a difference may be all that rounding left of a zero.

    Beside tensors a thousand times as large, what has no likely cause may be zero in theory, of
    terms that cancel: then no digit of it has to agree, and only a graph can tell.
    """

    def said(name: str, comparison: Comparison) -> Comparison:
        companions = {
            n: c.statistics.norm_expected for n, c in comparisons.items() if n != name and c.agrees
        }
        largest = max(companions, key=lambda n: companions[n], default=None)
        own = max(comparison.statistics.norm_actual, comparison.statistics.norm_expected)
        if (
            comparison.verdict.reason != "tolerance"
            or comparison.agrees
            or name in findings
            or largest is None
            or not own < SMALL * companions[largest]
        ):
            return comparison
        detail = f"it is small beside '{largest}' and may be zero in theory: {ONLY_A_GRAPH}"
        return replace(comparison, verdict=replace(comparison.verdict, detail=detail))

    return {name: said(name, comparison) for name, comparison in comparisons.items()}
