"""What functions gave, as a verdict: recordings, their float64 runs, and what else is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from gradcmp.case import Case, Effort
from gradcmp.derivatives import is_derived
from gradcmp.functions.again.nudged import own_noise_of
from gradcmp.functions.again.repeated import Repeated
from gradcmp.functions.again.stages import with_stages
from gradcmp.functions.body import CodeBody, CodeOutline
from gradcmp.functions.constants import forgive_constants
from gradcmp.functions.judged.casts import Casts
from gradcmp.functions.recorded import Given, recorded, shared
from gradcmp.functions.sides import Runs
from gradcmp.judge import CaseVerdict
from gradcmp.judge.asked import judge_body
from gradcmp.judge.diagnose.divergence import divergences
from gradcmp.judge.noise.own import with_own_noise
from gradcmp.native.side import Side
from gradcmp.native.way import DrawnCotangents
from gradcmp.recording import Outcome as Recorded


def judged(
    case: Case,
    sides: Mapping[str, Side],
    runs: Runs,
    against: str,
    effort: Effort,
    cotangent: DrawnCotangents,
) -> CaseVerdict:
    """Judge what functions gave, and what is asked of them for that."""
    known = Given(cotangent)
    made = {
        label: recorded(label, sides[label], one, case.dtype, cotangent, known)
        for label, one in runs.plain.items()
    }
    fine = {
        label: recorded(label, sides[label], one, "float64", cotangent, known)
        for label, one in runs.clean.items()
    }
    if not fine:
        recordings = shared(made, runs.plain, next(iter(made))) if made else {}
        return CaseVerdict(case, against, {**recordings, **runs.failures, **runs.unable})
    against = against if against in fine else next(iter(fine))
    recordings, twins = (shared(one, runs.plain, against) for one in (made, fine))
    reference = f"{against},dtype=float64" if case.dtype != "float64" else against
    base = replace(twins[against], backend=reference)
    ordered = {label: recordings[label] for label in dict.fromkeys((against, *recordings))}
    outcomes: dict[str, Recorded] = {reference: base, **ordered, **runs.failures}
    side = sides[against]
    outline = CodeOutline(
        tuple({**side.parameters, **side.held.given(side.inputs)}),
        tuple(name for name in base.values if name in runs.clean[against].inner),
        tuple(name for name in runs.clean[against].outputs if not is_derived(name)),
    )
    plain = recordings[against].tensors if case.dtype == "float32" else {}
    body = CodeBody(outline, sides, runs.clean, against, cotangent, plain)
    case = replace(case, output=outline.outputs[0])
    by_all = partial(judge_body, case, body, reference)
    verdict, own = by_all(outcomes, twins), {}
    if verdict.unearned:
        own = own_noise_of(sides, recordings, twins, verdict.unearned, case.dtype, cotangent)
        verdict = by_all(with_own_noise(outcomes, own), twins)
    if effort.repeat > 1:
        again = Repeated(case, sides, runs.plain, against, cotangent)
        every = [again.outcomes(outcomes) for _ in range(effort.repeat - 1)]
        verdict = again.judged(
            verdict, [outcomes, *every], lambda one: by_all(with_own_noise(one, own), twins)
        )
    if case.dtype == "float64" and any(one.dropped_casts for one in runs.clean.values()):
        casts = Casts(body.noise(base), recordings, twins)
        verdict = _without_casts(verdict, body, casts, by_all(twins, {}))
    every_side = {**sides, reference: sides[against]}
    verdict = forgive_constants(verdict, every_side, case.dtype)
    return with_stages(verdict, body, sides, twins)


def _without_casts(
    verdict: CaseVerdict, body: CodeBody, casts: Casts, without: CaseVerdict
) -> CaseVerdict:
    """Return a verdict in which what casts leave of float64 is lost digits, and no bug."""
    comparisons = {
        pair: casts.forgiven(pair, by, without.comparisons.get(pair, {}))
        for pair, by in verdict.comparisons.items()
    }
    parted = {pair: divergences(body.outline, by) for pair, by in comparisons.items()}
    return replace(verdict, comparisons=comparisons, divergences=parted)
