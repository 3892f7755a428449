"""The way data flows: a case in, recordings from the workers, a verdict out."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from os import PathLike, fspath
from typing import Any

from gradcmp import inputs
from gradcmp.case import DTYPES, ONCE, Auto, Case, DTypeTable, Effort, Tolerance
from gradcmp.config import as_written, load
from gradcmp.errors import UsageError
from gradcmp.functions.coded import record_code, run_code
from gradcmp.functions.edges.smallest import shrunk
from gradcmp.judge import CaseVerdict, Comparison, judge, unsteady, with_worse
from gradcmp.judge import compare as compare_arrays
from gradcmp.judge.noise.own import with_own_noise
from gradcmp.judge.recorded.same_case import judge_saved
from gradcmp.judge.verdict import Sensitivity
from gradcmp.native.arrays import as_it_is
from gradcmp.nudged import own_noise_of, with_stages
from gradcmp.plan import AnyPlan, Arrays, CodePlan, Plan, check_any
from gradcmp.recording import Origin, Outcome, Recording, fingerprint, missing_inputs
from gradcmp.recording.origin import recorder
from gradcmp.workers import Pool, Request, Requests

LOG = logging.getLogger("gradcmp")


def compare(actual: Any, expected: Any, tolerance: Tolerance | None = None) -> Comparison:
    """Compare two arrays or tensors, by the table of dtypes unless a tolerance is given."""
    return compare_arrays(as_it_is(actual), as_it_is(expected), tolerance or DTypeTable())


def run(
    case: Case | str | PathLike[str], pool: Pool | None = None, effort: Effort = ONCE
) -> CaseVerdict:
    """Run one case and judge it.

    Parameters
    ----------
    case : Case or path
        A case, or a config that has one.
    pool : Pool, optional
        Warm workers; without one, workers are started and ended for this case alone.

    Raises
    ------
    GradcmpError
        As `check`, and for a config with several cases. What goes wrong inside a backend is that
        backend's outcome instead.
    """
    plan = check_any(as_written(case) if isinstance(case, Case) else _only_one(case))
    if pool is not None:
        return run_plan(plan, pool, effort)
    with Pool() as own:
        own.start(plan.environments)
        return run_plan(plan, own, effort)


def _only_one(path: str | PathLike[str]) -> Case:
    """Return the case of a config that has one."""
    cases = load(fspath(path))
    if len(cases) != 1:
        raise UsageError(
            f"'{fspath(path)}' has {len(cases)} cases, and run takes one",
            way_out="Choose one of gradcmp.load, or run them with gradcmp.run_all",
        )
    return cases[0]


def run_all(
    cases: Iterable[Case] | str | PathLike[str], pool: Pool | None = None, effort: Effort = ONCE
) -> Iterator[CaseVerdict]:
    """Run cases, or all of a config, one after the other on the same warm workers."""
    chosen = load(fspath(cases)) if isinstance(cases, str | PathLike) else cases
    with Pool() if pool is None else nullcontext(pool) as workers:
        for case in chosen:
            yield run(case, workers, effort)


def run_plan(
    plan: AnyPlan, pool: Pool, effort: Effort = ONCE, requests: Requests | None = None
) -> CaseVerdict:
    """Run a case that was checked, judge and log it; where its lengths have names, shrink them.

    Parameters
    ----------
    requests : Requests, optional
        What the plan asks with this effort, where the workers were told of it ahead of time.
    """
    LOG.debug("case '%s': run by %s", plan.case.name, ", ".join(plan.backends))
    found = _run_plan(plan, pool, effort, requests)
    verdict = shrunk(found, plan.case, lambda case: _run_plan(check_any(case), pool, ONCE))
    LOG.info("%r", verdict)
    return verdict


def requests_of(plan: Plan, arrays: Arrays, runs: int = 1) -> Requests:
    """Return what a plan asks at these inputs, in as many runs."""
    first = tuple(plan.requests(arrays))
    twins = tuple((one, twin) for one in first if (twin := plan.in_float64(one)))
    return Requests(first, twins, tuple(replace(one) for one in first for _ in range(runs - 1)))


def _run_plan(
    plan: AnyPlan, pool: Pool, effort: Effort, requests: Requests | None = None
) -> CaseVerdict:
    if isinstance(plan, CodePlan):
        return run_code(plan, pool, effort)
    requests = requests or requests_of(plan, plan.draw(), effort.repeat)
    answers, verdict = _ask(plan, requests, pool)
    runs: dict[str, list[Recording]] = {request.label: [] for request in requests.first}
    for request in (*requests.first, *requests.again):
        if isinstance(answer := answers[request], Recording):
            runs[request.label].append(answer)
    changes = {label: unsteady(recordings) for label, recordings in runs.items() if recordings}
    verdict = replace(
        with_stages(plan, with_itself(plan, verdict), pool),
        runs=effort.repeat,
        unsteady={label: found for label, found in changes.items() if found},
    )
    return replace(verdict, isolated=isolate(plan, verdict, pool)) if effort.isolate else verdict


def with_itself(plan: Plan, verdict: CaseVerdict) -> CaseVerdict:
    """Return the verdict with every check weak if the reference was compared with itself alone."""
    if not plan.is_reference_alone:
        return verdict
    weak = {
        name: Sensitivity({**one.survivors, "itself": 1.0})
        for name, one in verdict.sensitivity.items()
    }
    return replace(verdict, sensitivity=weak)


def isolate(plan: Plan, verdict: CaseVerdict, pool: Pool) -> dict[str, CaseVerdict]:
    """Run each node alone, on the reference's operands and with the reference's cotangent.

    So one wrong op is told from the error that it hands on.

    Returns
    -------
    dict of str to CaseVerdict
        By node; empty when the reference failed.
    """
    reference = verdict.recordings.get(verdict.reference)
    if reference is None:
        return {}
    found = {}
    coarsest = max(plan.case.dtypes, key=DTYPES.index)
    for node, sources in plan.graph.reads.items():
        if node not in reference.gradients:
            continue  # whole numbers have no gradient to be wrong
        operands = {
            name: inputs.round_to(array, coarsest) if array.dtype.kind == "f" else array
            for name in sources
            for array in [reference.values[name]]
        }
        arrays = Arrays(operands, inputs.round_to(reference.gradients[node], coarsest))
        alone = plan.of_node(node, arrays)
        _, found[node] = _ask(alone, requests_of(alone, arrays), pool)
    return found


def _ask(plan: Plan, requests: Requests, pool: Pool) -> tuple[dict[Request, Outcome], CaseVerdict]:
    """Hand requests to the workers and judge the answers."""
    answers = dict(pool.run(requests))
    outcomes = {request.label: answers[request] for request in requests.first}
    fine = {twin.label: answers[twin] for _, twin in requests.twins}
    judged = partial(judge, plan.case, plan.reference, graph=plan.graph)
    verdict = judged(outcomes, fine)
    unearned = verdict.unearned
    own = own_noise_of(requests.twins, answers, unearned, pool) if unearned else {}
    if own:
        verdict = judged(with_own_noise(outcomes, own), fine)
    for run in requests.runs():  # each is judged, not the first alone
        repeated = {label: answers[request] for label, request in run.items()}
        verdict = with_worse(verdict, judged(with_own_noise(repeated, own), fine))
    return answers, verdict


def record(plan: AnyPlan, pool: Pool, twin: bool = True) -> Outcome:
    """Compute a case with the only backend of its plan, to be kept: the recording knows its origin.

    The inputs are those of the case as it stands, whichever backend computes: recordings of
    different backends can be held together.

    Parameters
    ----------
    twin : bool
        Whether to compute in float64 too, where tolerance auto will ask for it. A backend that
        cannot is recorded without.
    """
    if isinstance(plan, CodePlan):
        return record_code(plan, pool, twin)
    arrays = plan.draw()
    (request,) = plan.requests(arrays)
    fine = plan.in_float64(request) if twin else None
    answers = dict(pool.run([request, fine] if fine else [request]))
    outcome = answers[request]
    if not isinstance(outcome, Recording):
        return outcome
    twins = {request.label: answers[fine]} if fine else {}
    origin = origin_of(plan, arrays)
    kept = with_provenance({request.label: outcome}, twins, origin, arrays)
    if fine and kept[request.label].twin:
        unearned = judge_saved(origin, kept, Auto()).unearned
        own = own_noise_of([(request, fine)], answers, unearned, pool)
        kept = {label: replace(one, own_noise=own.get(label, {})) for label, one in kept.items()}
    return kept[request.label]


def with_provenance(
    recordings: Mapping[str, Recording],
    twins: Mapping[str, Outcome],
    origin: Origin,
    arrays: Arrays,
) -> dict[str, Recording]:
    """Attach the origin, the inputs that casts lost digits of, and the run in float64.

    Parameters
    ----------
    recordings, twins : mapping of str to Recording
        Of one case, by label.
    """
    fine = {label: twin for label, twin in twins.items() if isinstance(twin, Recording)}
    return {
        label: replace(
            recording,
            origin=origin,
            given=missing_inputs(recording, origin, arrays.named),
            twin=fine.get(label),
        )
        for label, recording in recordings.items()
    }


def origin_of(plan: Plan, arrays: Arrays) -> Origin:
    """Return what a saved recording of a case must say: the question, the hashes of its inputs."""
    case = plan.case
    shapes = {n: replace(spec, shape=plan.logical(n).shape) for n, spec in case.inputs.items()}
    return Origin(
        replace(case, inputs=shapes),
        {name: fingerprint(array) for name, array in arrays.named.items()},
        recorder(),
    )
