"""The way data flows: a case in, recordings from the workers, a verdict out."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from gradcmp import inputs
from gradcmp.case import DTYPES, ONCE, BackendSpec, Case, Effort, InputSpec
from gradcmp.graph import build
from gradcmp.judge import CaseVerdict, judge, unsteady
from gradcmp.plan import backends_of, check, environments_of, in_float64, requests_of, resolve
from gradcmp.recording import (
    COTANGENT,
    Array,
    Origin,
    Outcome,
    Recording,
    fingerprint,
    missing_inputs,
)
from gradcmp.version import VERSION
from gradcmp.workers import Pool, Request


def run(case: Case, pool: Pool | None = None, effort: Effort = ONCE) -> CaseVerdict:
    """Run one case and judge it.

    Parameters
    ----------
    pool : Pool, optional
        Warm workers; without one, workers are started and ended for this case alone.

    Raises
    ------
    GradcmpError
        As `check`. What goes wrong inside a backend is that backend's outcome instead.
    """
    if pool is None:
        with Pool() as own:
            own.start(environments_of([case]))
            return run(case, own, effort)
    requests = requests_of(case, backends_of(case))
    again = [replace(request) for request in requests for _ in range(effort.repeat - 1)]
    answers, verdict = _ask(case, requests, pool, again)
    runs: dict[str, list[Recording]] = {request.label: [] for request in requests}
    for request in (*requests, *again):
        if isinstance(answer := answers[request], Recording):
            runs[request.label].append(answer)
    changes = {label: unsteady(recordings) for label, recordings in runs.items() if recordings}
    verdict = replace(
        verdict,
        runs=effort.repeat,
        unsteady={label: found for label, found in changes.items() if found},
    )
    return replace(verdict, isolated=isolate(verdict, pool)) if effort.isolate else verdict


def isolate(verdict: CaseVerdict, pool: Pool) -> dict[str, CaseVerdict]:
    """Run each node alone, on the reference's operands and with the reference's cotangent.

    So one wrong op is told from the error that it hands on.

    Returns
    -------
    dict of str to CaseVerdict
        By node; empty when the reference failed.
    """
    case, reference = verdict.case, verdict.recordings.get(verdict.reference)
    if reference is None:
        return {}
    found = {}
    coarsest = max(case.dtypes, key=DTYPES.index)
    for node, sources in build(case).reads.items():
        if node not in reference.gradients:
            continue  # whole numbers have no gradient to be wrong
        arrays = {
            name: inputs.round_to(array, coarsest) if array.dtype.kind == "f" else array
            for name in sources
            for array in [reference.values[name]]
        }
        alone = replace(
            case,
            name=f"{case.name}/{node}",
            inputs={name: InputSpec("values", array.shape) for name, array in arrays.items()},
            graph={node: case.graph[node]},
            output=node,
            wrt=tuple(name for name in sources if name in reference.gradients),
        )
        cotangent = inputs.round_to(reference.gradients[node], coarsest)
        body = ((node, case.graph[node].text),)
        requests = [
            Request(str(spec), resolve(spec, case), body, node, arrays, cotangent)
            for spec in backends_of(case)
        ]
        _, found[node] = _ask(alone, requests, pool)
    return found


def _ask(
    case: Case, requests: Sequence[Request], pool: Pool, again: Sequence[Request] = ()
) -> tuple[dict[Request, Outcome], CaseVerdict]:
    """Hand requests to the workers, with their twins in float64, and judge the answers."""
    twins = [twin for request in requests if (twin := in_float64(case, request))]
    answers = dict(pool.run([*requests, *twins, *again]))
    verdict = judge(
        case,
        requests[0].label,
        {request.label: answers[request] for request in requests},
        {twin.label: answers[twin] for twin in twins},
    )
    return answers, verdict


def record(case: Case, spec: BackendSpec, pool: Pool, twin: bool = True) -> Outcome:
    """Compute one case with one backend, to be kept: the recording knows its origin.

    The inputs are those of the case as it stands, whichever backend computes: recordings of
    different backends can be held together.

    Parameters
    ----------
    twin : bool
        Whether to compute in float64 too, where tolerance auto will ask for it. A backend that
        cannot is recorded without.

    Raises
    ------
    GradcmpError
        As `check`.
    """
    (request,) = requests_of(case, (spec,))
    fine = in_float64(case, request) if twin else None
    answers = dict(pool.run([request, fine] if fine else [request]))
    outcome = answers[request]
    if not isinstance(outcome, Recording):
        return outcome
    twins = {request.label: answers[fine]} if fine else {}
    return keepsakes(case, {request.label: outcome}, twins)[request.label]


def keepsakes(
    case: Case, recordings: Mapping[str, Recording], twins: Mapping[str, Outcome]
) -> dict[str, Recording]:
    """Return recordings of a case, by label, with all that a judge will want of them later."""
    origin, handed = origin_of(case), handed_of(case)
    fine = {label: twin for label, twin in twins.items() if isinstance(twin, Recording)}
    return {
        label: replace(
            recording,
            origin=origin,
            given=missing_inputs(recording, origin, handed),
            twin=fine.get(label),
        )
        for label, recording in recordings.items()
    }


def origin_of(case: Case) -> Origin:
    """Return what a saved recording of a case must say: the question, the hashes of its inputs."""
    _, specs = check(case)
    shapes = {name: replace(spec, shape=specs[name].shape) for name, spec in case.inputs.items()}
    return Origin(
        replace(case, inputs=shapes),
        {name: fingerprint(array) for name, array in handed_of(case).items()},
        {"gradcmp": VERSION, "machine": f"{platform.system()} {platform.machine()}"},
    )


def handed_of(case: Case) -> dict[str, Array]:
    """Return what every backend is handed: the inputs, and the cotangent under its name."""
    graph, specs = check(case)
    cotangent = inputs.cotangent(case, specs[graph.output].shape)
    return {**inputs.draw(case), COTANGENT: cotangent}


def run_all(cases: Iterable[Case], pool: Pool, effort: Effort = ONCE) -> Iterator[CaseVerdict]:
    """Run cases one after the other on the same warm workers."""
    for case in cases:
        yield run(case, pool, effort)
