"""Many calls put to many backends: several in one graph, and fewer where a graph fails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gradcmp.backends import backend_class
from gradcmp.case import BackendSpec
from gradcmp.dtypes.arrays import of_parts
from gradcmp.measured.calls import RESULT, Call, request
from gradcmp.recording import Array, Failure, Recording
from gradcmp.workers import Environment, Pool

TOGETHER = 24  # calls in one graph
PATIENCE = 600.0  # seconds for a graph: compilers take their time
LENGTH = 160  # characters of what a framework says


@dataclass(frozen=True)
class Given:
    """What a backend gave for one call.

    Attributes
    ----------
    gradients : mapping of str to array
        By input; empty where the value is none of real numbers.
    """

    value: Array
    gradients: Mapping[str, Array]


@dataclass(frozen=True)
class Ways:
    """In which modes a backend computes, or why it does not.

    Attributes
    ----------
    version : str
        Of the framework.
    """

    name: str
    modes: tuple[str, ...] = ()
    version: str = ""
    why: str = ""


def ways(pool: Pool, specs: Iterable[BackendSpec]) -> list[Ways]:
    """Ask backends for their modes and versions, each in its process.

    One that is named with a mode computes in that alone.
    """
    wanted: dict[str, list[str]] = {}
    for spec in specs:
        wanted.setdefault(spec.name, []).extend([spec.mode] if spec.mode else [])
    found: dict[str, Ways] = {}
    for environment, said in pool.describe([Environment(name) for name in wanted]):
        name = environment.name
        if isinstance(said, Failure):
            found[name] = Ways(name, why=said.message)
        else:
            version = said.environment.get(backend_class(name).package, "")
            found[name] = Ways(name, tuple(wanted[name]) or said.modes, version)
    return [found[name] for name in wanted]


def ask(
    pool: Pool, asked: Iterable[tuple[BackendSpec, Sequence[Call]]], together: int = TOGETHER
) -> Iterator[tuple[BackendSpec, Call, Given | str]]:
    """Answer every call to every backend once: what it gave, or why it gave nothing.

    A graph that fails is asked again in halves, down to the call that it fails for.
    """
    waiting: list[tuple[BackendSpec, Sequence[Call]]] = []
    for spec, calls in asked:
        known = [call for call in calls if not (why := _unknown(spec, call))]
        for call in calls:
            if why := _unknown(spec, call):
                yield spec, call, why
        waiting += [(spec, known[i : i + together]) for i in range(0, len(known), together)]
    while waiting:
        requests = {request(spec, calls): (spec, calls) for spec, calls in waiting}
        waiting = []
        for one, outcome in pool.run(requests):
            spec, calls = requests[one]
            if isinstance(outcome, Recording):
                for i, call in enumerate(calls):
                    yield spec, call, taken(outcome, i, call)
            elif len(calls) == 1 or outcome.kind == "absent":
                for call in calls:
                    yield spec, call, _said(outcome)
            else:
                half = len(calls) // 2
                waiting += [(spec, calls[:half]), (spec, calls[half:])]


def _unknown(spec: BackendSpec, call: Call) -> str:
    """Return why a backend cannot be asked: an op of the call that it does not know."""
    adapter = backend_class(spec.name)
    for node in call.graph if adapter.modes else ():  # a plug-in answers in its worker
        if not adapter.computes(node.spec):
            return f"no spelling of '{node.op}'"
    return ""


def taken(recording: Recording, i: int, call: Call) -> Given:
    """Return what a recording of a `request` has of its i-th call; complex arrays as such."""

    gradients = {
        name: _whole(recording.gradients[f"{name}_{i}"], call.inputs[name])
        for name in call.gradients
    }
    return Given(_whole(recording.values[f"{RESULT}_{i}"], call.value), gradients)


def _whole(array: Array, known: Array) -> Array:
    return of_parts(array) if known.dtype.kind == "c" else array


def _said(failure: Failure) -> str:
    """Return the first line of what went wrong."""
    line = next(iter(failure.message.strip().splitlines()), failure.kind)
    return line if len(line) <= LENGTH else f"{line[: LENGTH - 1]}…"
