"""Runs problems through warm workers, and keeps the recordings where they can be judged again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

from gradcmp import inputs
from gradcmp.backends import Job
from gradcmp.backends.numpy import NumpyBackend
from gradcmp.case import BackendSpec, Case, DType
from gradcmp.graph import Graph, build, infer
from gradcmp.ops import Array
from gradcmp.plan import resolve
from gradcmp.recording import Failure, Outcome, Recording, from_bytes, to_bytes
from gradcmp.workers import Pool, Request

BATCH = 10  # problems that are in memory at a time


@dataclass(frozen=True)
class Problem:
    """A case with its arrays drawn."""

    case: Case
    graph: Graph
    inputs: Mapping[str, Array]
    cotangent: Array

    @classmethod
    def of(cls, case: Case) -> Problem:
        graph = build(case)
        specs = infer(graph, inputs.specs(case))
        cotangent = inputs.cotangent(case, specs[graph.output].shape)
        return cls(case, graph, inputs.draw(case), cotangent)

    @cached_property
    def body(self) -> tuple[tuple[str, str], ...]:
        return tuple((name, expression.text) for name, expression in self.case.graph.items())

    @cached_property
    def reference(self) -> Recording:
        """The float64 reference, NumPy's by hand."""
        job = Job("numpy", self.graph, self.inputs, self.cotangent, "manual", "float64")
        return NumpyBackend("cpu").record(job)

    @cached_property
    def digest(self) -> str:
        """A name for all that a recording depends on, but the backend."""
        known = hashlib.sha256(repr((self.body, self.case.output)).encode())
        for array in (*self.inputs.values(), self.cotangent):
            known.update(repr((array.shape, array.dtype)).encode() + array.tobytes())
        return known.hexdigest()[:20]

    def request(self, spec: BackendSpec, dtype: DType) -> Request:
        resolved = resolve(replace(spec, dtype=dtype), self.case)
        return Request(
            str(spec), resolved, self.body, self.case.output, self.inputs, self.cotangent
        )


@dataclass(frozen=True)
class Run:
    """What the backends made of a problem, in its dtype and in float64, by label."""

    problem: Problem
    outcomes: Mapping[str, Outcome]
    twins: Mapping[str, Outcome]

    @property
    def recordings(self) -> dict[str, Recording]:
        """Those that have both, the reference left out."""
        return {
            label: outcome
            for label, outcome in self.outcomes.items()
            if isinstance(outcome, Recording) and isinstance(self.twins[label], Recording)
        }

    @property
    def failures(self) -> list[Failure]:
        both = (*self.outcomes.values(), *self.twins.values())
        return [outcome for outcome in both if isinstance(outcome, Failure)]


def runs(cases: Iterable[Case], cache: Path | None) -> Iterator[Run]:
    """Run every case on its backends, twice, as far as the cache does not know the answers."""
    left = iter(cases)
    with Pool() as pool:
        while batch := [Problem.of(case) for case in islice(left, BATCH)]:
            yield from _run(batch, pool, cache)


def _run(batch: list[Problem], pool: Pool, cache: Path | None) -> Iterator[Run]:
    answers: dict[tuple[int, str, str], Outcome] = {}
    asked: dict[Request, tuple[int, str, str]] = {}
    for i, problem in enumerate(batch):
        for spec in problem.case.backends:
            for dtype in (problem.case.dtype, "float64"):
                key = (i, str(spec), dtype)
                request = problem.request(spec, dtype)
                path = _path(cache, problem, request)
                if path and path.exists():
                    answers[key] = from_bytes(path.read_bytes())
                else:
                    asked[request] = key
    for request, outcome in pool.run(asked):
        key = asked[request]
        answers[key] = outcome
        path = _path(cache, batch[key[0]], request)
        if path and isinstance(outcome, Recording):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(to_bytes(outcome))
    for i, problem in enumerate(batch):
        labels = [str(spec) for spec in problem.case.backends]
        yield Run(
            problem,
            {label: answers[i, label, problem.case.dtype] for label in labels},
            {label: answers[i, label, "float64"] for label in labels},
        )


def _path(cache: Path | None, problem: Problem, request: Request) -> Path | None:
    spec = request.spec
    name = f"{spec.name}-{spec.mode}-{spec.dtype}.safetensors"
    return cache / problem.digest[:2] / problem.digest / name if cache else None
