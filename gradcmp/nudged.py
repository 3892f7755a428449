"""Backends run again: where rounding cannot be told from a wrong kernel, and by compiler stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from gradcmp import inputs
from gradcmp.backends import backend_class
from gradcmp.case import DType
from gradcmp.dtypes import part_of
from gradcmp.judge import CaseVerdict
from gradcmp.judge.asked import compared
from gradcmp.judge.diagnose.body import GraphBody
from gradcmp.judge.diagnose.stages import ladders
from gradcmp.judge.noise.own import Run, nudged_inputs, own_noise
from gradcmp.plan import Plan
from gradcmp.recording import Array, Outcome, Recording
from gradcmp.workers import Pool, Request


def own_noise_of(
    runs: Iterable[tuple[Request, Request]],
    answers: Mapping[Request, Outcome],
    unearned: Mapping[str, set[str]],
    pool: Pool,
) -> dict[str, dict[str, Array]]:
    """Return the noise of what is unearned, by label and tensor.

    Each side runs in its dtype and in float64, at inputs that its dtype holds. One that fails there
    has none, and its difference is not taken for precision.

    Parameters
    ----------
    runs : iterable of pair of Request
        What was asked for, and the same in float64.
    answers : mapping of Request to Recording or Failure
    unearned : mapping of str to set of str
        `CaseVerdict.unearned`.
    """
    found = {}
    for request, fine in runs:
        dtype, first = _dtype(request), _both(request, fine, answers)
        if request.label not in unearned or dtype is None or first is None:
            continue
        nudged = nudged_runs(request, fine, pool)
        found[request.label] = own_noise(dtype, first, nudged, unearned[request.label])
    return found


def nudged_runs(request: Request, fine: Request, pool: Pool) -> list[Run]:
    """Return a side's recordings at nudged inputs, in its dtype and in float64.

    Those that failed are left out.
    """
    dtype = _dtype(request)
    if dtype is None:
        return []
    near = [
        (replace(request, inputs=arrays), replace(fine, inputs=arrays))
        for arrays in nudged_for(request.inputs, dtype)
    ]
    told = dict(pool.run([one for run in near for one in run]))
    return [run for a, b in near if (run := _both(a, b, told))]


def _dtype(request: Request) -> DType | None:
    """Return the dtype of the arrays that a side gives: of complex numbers, their parts'."""
    return part_of(request.spec.dtype) if request.spec.dtype else None


def nudged_for(arrays: Mapping[str, Array], dtype: DType) -> Iterator[dict[str, Array]]:
    """Return nudged inputs as a dtype holds them, so that float64 sees the same numbers."""
    for nudged in nudged_inputs(arrays, dtype):
        yield {
            name: inputs.round_to(array, dtype) if array.dtype.kind == "f" else array
            for name, array in nudged.items()
        }


def _both(request: Request, fine: Request, answers: Mapping[Request, Outcome]) -> Run | None:
    """Return the recordings in a dtype and in float64; None where one failed."""
    coarse, wide = answers.get(request), answers.get(fine)
    if isinstance(coarse, Recording) and isinstance(wide, Recording):
        return coarse, wide
    return None


def with_stages(plan: Plan, verdict: CaseVerdict, pool: Pool) -> CaseVerdict:
    """Return the verdict with the stages of every compiled backend that may be wrong."""
    if not (verdict.disagreements or verdict.failures):
        return verdict
    ways = {
        label: way
        for label, spec in plan.backends.items()
        if spec.mode and (way := backend_class(spec.name).way_to(spec.mode))
    }
    found = {}
    for ladder in ladders(verdict, ways):
        spec = plan.backends[ladder.label]
        again = {ladder.name(mode): replace(spec, mode=mode) for mode in ladder.before}
        requests = replace(plan, backends=again).requests(plan.draw())
        twins = [twin for request in requests if (twin := plan.in_float64(request))]
        answers = dict(pool.run([*requests, *twins]))
        outcomes = {**{one.label: answers[one] for one in requests}, **verdict.outcomes}
        fine = {**verdict.twins, **{one.label: answers[one] for one in twins}}
        body = GraphBody(plan.graph, derivative=plan.case.derivative, wrt=plan.case.wrt)
        comparisons = compared(
            plan.case, body, plan.reference, outcomes, fine, ladder.pairs if ladder.tensors else ()
        )
        adds = backend_class(spec.name).adds
        found[ladder.label] = ladder.stages(outcomes, comparisons, adds)
    return replace(verdict, stages=found) if found else verdict
