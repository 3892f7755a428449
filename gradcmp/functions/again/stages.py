"""Functions that a compiler makes wrong: run again at each of its stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gradcmp.backends import backend_class
from gradcmp.functions.body import CodeBody
from gradcmp.functions.recorded import recorded
from gradcmp.functions.sides import Runs, run
from gradcmp.judge import CaseVerdict
from gradcmp.judge.asked import compared
from gradcmp.judge.diagnose.stages import ladders
from gradcmp.native.side import Side
from gradcmp.recording import Outcome


def with_stages(
    verdict: CaseVerdict, body: CodeBody, sides: Mapping[str, Side], twins: Mapping[str, Outcome]
) -> CaseVerdict:
    """Return the verdict with the stages of every compiled function that may be wrong.

    Parameters
    ----------
    sides : mapping of str to Side
        By label, those that failed included.
    twins : mapping of str to Recording
        By label, their float64 runs.
    """
    ways = {
        label: way
        for label, side in sides.items()
        if (way := backend_class(side.framework).way_to(side.mode))
    }
    found = {}
    for ladder in ladders(verdict, ways):
        side = sides[ladder.label]
        adds = backend_class(side.framework).adds
        again = {ladder.name(mode): side.in_mode(mode) for mode in ladder.before}
        runs = run(verdict.case, again)
        outcomes = {**_outcomes(verdict, again, runs, body), **verdict.outcomes}
        comparisons = {}
        if ladder.tensors:
            wider = replace(body, sides={**body.sides, **again}, clean={**body.clean, **runs.clean})
            fine = {
                label: recorded(label, again[label], one, "float64", body.cotangent)
                for label, one in runs.clean.items()
            }
            comparisons = compared(
                verdict.case, wider, verdict.reference, outcomes, {**twins, **fine}, ladder.pairs
            )
        found[ladder.label] = ladder.stages(outcomes, comparisons, adds)
    return replace(verdict, stages=found) if found else verdict


def _outcomes(
    verdict: CaseVerdict, sides: Mapping[str, Side], runs: Runs, body: CodeBody
) -> dict[str, Outcome]:
    made = {
        label: recorded(label, sides[label], one, verdict.case.dtype, body.cotangent)
        for label, one in runs.plain.items()
    }
    return {**made, **runs.failures}
