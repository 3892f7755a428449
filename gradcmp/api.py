"""The way data flows: a case in, recordings from the workers, a verdict out."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator
from dataclasses import replace

from gradcmp import inputs
from gradcmp.backends import backend_class
from gradcmp.case import REFERENCE, Auto, BackendSpec, Case
from gradcmp.errors import UsageError, did_you_mean
from gradcmp.graph import Graph, build, infer
from gradcmp.judge import CaseVerdict, judge
from gradcmp.ops import ArraySpec
from gradcmp.recording import COTANGENT, Origin, Outcome, Recording, fingerprint
from gradcmp.workers import Environment, Pool, Request


def check(case: Case) -> tuple[Graph, dict[str, ArraySpec]]:
    """Find everything that can be found wrong with a case before anything runs.

    Returns
    -------
    graph : Graph
    specs : dict of str to ArraySpec
        Shape and kind of every input and node.

    Raises
    ------
    GradcmpError
        For expressions, names or shapes that do not fit, inputs that cannot be drawn, backends
        or modes that do not exist, or arrays that the machine's memory cannot hold.
    """
    for spec in backends_of(case):
        resolve(spec, case)
    graph = build(case)
    specs = infer(graph, inputs.specs(case))
    inputs.require_memory(specs, case.where)
    return graph, specs


def resolve(spec: BackendSpec, case: Case) -> BackendSpec:
    """Fill in the mode and the dtype that a specification leaves open.

    Raises
    ------
    UsageError
        When the backend has no such mode, or cannot compute in such a dtype.
    """
    adapter = backend_class(spec.name)
    mode = spec.mode or adapter.modes[0]
    dtype = case.dtype_of(spec)
    for what, word, known in (("mode", mode, adapter.modes), ("dtype", dtype, adapter.dtypes)):
        if word not in known:
            raise UsageError(
                f"backend '{spec.name}' has no {what} '{word}'",
                where=spec.where,
                way_out=did_you_mean(word, known),
            )
    return replace(spec, mode=mode, dtype=dtype)


def reference_of(case: Case) -> BackendSpec:
    """Give the float64 reference: the case's own NumPy backend if it is one, else one more."""
    for spec in case.backends:
        if spec.name == REFERENCE and resolve(spec, case).dtype == "float64":
            return spec
    plain = BackendSpec(REFERENCE)
    taken = {str(spec) for spec in case.backends}
    return replace(plain, dtype="float64") if str(plain) in taken else plain


def backends_of(case: Case) -> tuple[BackendSpec, ...]:
    """Give every backend that a case needs, the reference first."""
    reference = reference_of(case)
    return (reference, *(spec for spec in case.backends if spec != reference))


def environments_of(cases: Iterable[Case]) -> tuple[Environment, ...]:
    """Give the processes that the cases need, each once."""
    needed = (Environment.of(spec) for case in cases for spec in backends_of(case))
    return tuple(dict.fromkeys(needed))


def run(case: Case, pool: Pool | None = None) -> CaseVerdict:
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
            return run(case, own)
    requests = _requests(case, backends_of(case))
    twins = [twin for request in requests if (twin := _in_float64(case, request))]
    answers = dict(pool.run([*requests, *twins]))
    return judge(
        case,
        requests[0].label,
        {request.label: answers[request] for request in requests},
        {twin.label: answers[twin] for twin in twins},
    )


def record(case: Case, spec: BackendSpec, pool: Pool) -> Outcome:
    """Compute one case with one backend, to be kept: the recording knows its origin.

    The inputs are those of the case as it stands, whichever backend computes: recordings of
    different backends can be held together.

    Raises
    ------
    GradcmpError
        As `check`.
    """
    ((_, outcome),) = pool.run(_requests(case, (spec,)))
    return replace(outcome, origin=origin_of(case)) if isinstance(outcome, Recording) else outcome


def origin_of(case: Case) -> Origin:
    """Give what a saved recording of a case must say: the question, the hashes of its inputs."""
    from importlib.metadata import version  # slow to load

    graph, specs = check(case)
    shapes = {name: replace(spec, shape=specs[name].shape) for name, spec in case.inputs.items()}
    drawn = {**inputs.draw(case), COTANGENT: inputs.cotangent(case, specs[graph.output].shape)}
    return Origin(
        replace(case, inputs=shapes),
        {name: fingerprint(array) for name, array in drawn.items()},
        {"gradcmp": version("gradcmp"), "machine": f"{platform.system()} {platform.machine()}"},
    )


def _requests(case: Case, backends: Iterable[BackendSpec]) -> list[Request]:
    graph, specs = check(case)
    arrays = inputs.draw(case)
    cotangent = inputs.cotangent(case, specs[graph.output].shape)
    body = tuple((name, expression.text) for name, expression in case.graph.items())
    return [
        Request(str(spec), resolve(spec, case), body, graph.output, arrays, cotangent)
        for spec in backends
    ]


def _in_float64(case: Case, request: Request) -> Request | None:
    """Give the same request in float64, which tolerance auto tells rounding from a bug by."""
    if not isinstance(case.tolerance, Auto) or request.spec.dtype == "float64":
        return None
    return replace(request, spec=replace(request.spec, dtype="float64"))


def run_all(cases: Iterable[Case], pool: Pool) -> Iterator[CaseVerdict]:
    """Run cases one after the other on the same warm workers."""
    for case in cases:
        yield run(case, pool)
