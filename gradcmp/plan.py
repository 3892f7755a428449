"""What a case needs: its graph and shapes, its backends resolved, the requests to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gradcmp import inputs
from gradcmp.backends import backend_class
from gradcmp.case import REFERENCE, Auto, BackendSpec, Case
from gradcmp.errors import UsageError, did_you_mean
from gradcmp.graph import Graph, build, infer
from gradcmp.ops import ArraySpec
from gradcmp.workers import Environment, Request


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
    """Return the float64 reference: the case's own NumPy backend if it is one, else one more."""
    for spec in case.backends:
        if spec.name == REFERENCE and resolve(spec, case).dtype == "float64":
            return spec
    plain = BackendSpec(REFERENCE)
    taken = {str(spec) for spec in case.backends}
    return replace(plain, dtype="float64") if str(plain) in taken else plain


def backends_of(case: Case) -> tuple[BackendSpec, ...]:
    """Return every backend that a case needs, the reference first."""
    reference = reference_of(case)
    return (reference, *(spec for spec in case.backends if spec != reference))


def environments_of(cases: Iterable[Case]) -> tuple[Environment, ...]:
    """Return the processes that the cases need, each once."""
    needed = (Environment.of(spec) for case in cases for spec in backends_of(case))
    return tuple(dict.fromkeys(needed))


def requests_of(case: Case, backends: Iterable[BackendSpec]) -> list[Request]:
    """Draw the inputs of a case and give the request to each of the backends."""
    graph, specs = check(case)
    arrays = inputs.draw(case)
    cotangent = inputs.cotangent(case, specs[graph.output].shape)
    body = tuple((name, expression.text) for name, expression in case.graph.items())
    return [
        Request(str(spec), resolve(spec, case), body, graph.output, arrays, cotangent)
        for spec in backends
    ]


def in_float64(case: Case, request: Request) -> Request | None:
    """Return the same request in float64, which tolerance auto tells rounding from a bug by."""
    if not isinstance(case.tolerance, Auto) or request.spec.dtype == "float64":
        return None
    return replace(request, spec=replace(request.spec, dtype="float64"))
