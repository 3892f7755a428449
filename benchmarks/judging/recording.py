"""Runs problems through warm workers, and keeps the recordings where they can be judged again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import numpy as np

from gradcmp import inputs
from gradcmp.backends import Job
from gradcmp.backends.numpy import NumpyBackend
from gradcmp.case import BackendSpec, Case, DType
from gradcmp.graph import Graph, Tape, build, forward, infer
from gradcmp.graph.walk import constants_of
from gradcmp.nudged import nudged_for
from gradcmp.ops import Array
from gradcmp.plan import resolve
from gradcmp.recording import Failure, Outcome, Recording, from_bytes, to_bytes
from gradcmp.workers import Pool, Request

BATCH = 10  # problems that are in memory at a time

Ask: TypeAlias = Callable[[Sequence[Request]], Mapping[Request, Outcome]]


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
    def tape(self) -> Tape:
        """The reference's forward pass, with the pullbacks of its nodes."""
        with np.errstate(all="ignore"):
            return forward(self.graph, self.inputs, constants_of(np.dtype(np.float64)))

    @cached_property
    def nudged(self) -> tuple[Problem, ...]:
        """The same at nudged inputs, which its dtype holds."""
        near = nudged_for(self.inputs, self.case.dtype)
        return tuple(replace(self, inputs=arrays) for arrays in near)

    def request(self, spec: BackendSpec, dtype: DType) -> Request:
        resolved = resolve(replace(spec, dtype=dtype), self.case)
        return Request(
            str(spec), resolved, self.body, self.case.output, self.inputs, self.cotangent
        )


@dataclass(frozen=True)
class Run:
    """What the backends made of a problem, in its dtype and in float64, by label.

    Attributes
    ----------
    ask : callable
        Answers requests: what is only asked for where it is needed.
    """

    problem: Problem
    outcomes: Mapping[str, Outcome]
    twins: Mapping[str, Outcome]
    ask: Ask = field(repr=False)

    @classmethod
    def of(cls, problem: Problem, ask: Ask) -> Run:
        """Have a problem computed by all its backends."""
        (run,) = cls.all_of([problem], ask)
        return run

    @classmethod
    def all_of(cls, problems: Sequence[Problem], ask: Ask) -> Iterator[Run]:
        """Have several computed together, so that no backend waits for another."""
        requests = [
            {
                (str(spec), dtype): problem.request(spec, dtype)
                for spec in problem.case.backends
                for dtype in dict.fromkeys((problem.case.dtype, "float64"))
            }
            for problem in problems
        ]
        answers = ask([one for by in requests for one in by.values()])
        for problem, by in zip(problems, requests, strict=True):
            outcomes, twins = (
                {label: answers[one] for (label, known), one in by.items() if known == dtype}
                for dtype in (problem.case.dtype, "float64")
            )
            yield cls(problem, outcomes, twins, ask)

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

    @cached_property
    def nudged(self) -> Mapping[str, list[tuple[Recording, Recording]]]:
        """By label, each backend at the nudged inputs, in the dtype and in float64.

        Without the inputs, which the nudged problems have.
        """
        dtypes = (self.problem.case.dtype, "float64")
        requests = {
            str(spec): [[near.request(spec, d) for d in dtypes] for near in self.problem.nudged]
            for spec in self.problem.case.backends
            if str(spec) in self.recordings
        }
        answers = self.ask([one for all_ in requests.values() for both in all_ for one in both])
        drop = frozenset(self.problem.inputs)
        return {
            label: [
                (_without(coarse, drop), _without(fine, drop))
                for both in all_
                for coarse, fine in [[answers[one] for one in both]]
                if isinstance(coarse, Recording) and isinstance(fine, Recording)
            ]
            for label, all_ in requests.items()
        }


def _without(recording: Recording, names: Collection[str]) -> Recording:
    return replace(recording, values={k: a for k, a in recording.values.items() if k not in names})


@dataclass(frozen=True)
class Keeper:
    """Has workers answer what the cache does not know, and puts their answers there."""

    pool: Pool
    cache: Path | None

    def __call__(self, requests: Sequence[Request]) -> dict[Request, Outcome]:
        answers: dict[Request, Outcome] = {}
        for request in requests:
            path = self._path(request)
            if path and path.exists():
                answers[request] = from_bytes(path.read_bytes())
        for request, outcome in self.pool.run([one for one in requests if one not in answers]):
            answers[request] = outcome
            path = self._path(request)
            if path and isinstance(outcome, Recording):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(to_bytes(outcome))
        return answers

    def _path(self, request: Request) -> Path | None:
        """Return a name for all that a recording depends on."""
        if not self.cache:
            return None
        known = hashlib.sha256(repr((request.body, request.output)).encode())
        for array in (*request.inputs.values(), request.cotangent):
            known.update(repr((array.shape, array.dtype)).encode() + array.tobytes())
        digest, spec = known.hexdigest()[:20], request.spec
        name = f"{spec.name}-{spec.mode}-{spec.dtype}.safetensors"
        return self.cache / digest[:2] / digest / name


def runs(cases: Iterable[Case], cache: Path | None) -> Iterator[Run]:
    """Run every case on its backends, twice, as far as the cache does not know the answers."""
    left = iter(cases)
    with Pool() as pool:
        keeper = Keeper(pool, cache)
        while batch := [Problem.of(case) for case in islice(left, BATCH)]:
            yield from Run.all_of(batch, keeper)
