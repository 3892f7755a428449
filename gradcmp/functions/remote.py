"""A function of the user that runs in a worker: a `Side` like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from gradcmp.case import CodeSpec, DType
from gradcmp.errors import BackendError
from gradcmp.native.answers import Answer
from gradcmp.native.frameworks import modes_of
from gradcmp.native.layouts.layout import CONTIGUOUS, Layout
from gradcmp.native.outcome import Array, Outcome
from gradcmp.native.taps import AS_THEY_COME, Held
from gradcmp.native.way import DrawnCotangents, Kind, Way
from gradcmp.recording import Failure
from gradcmp.workers import CodeRequest, Pool


class SideFailedError(BackendError):
    """A side that gave no answer; whoever asked decides what that means.

    Attributes
    ----------
    failure : Failure
        Why.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True)
class RemoteSide:
    """A function in a worker of its framework.

    Attributes
    ----------
    label : str
        What reports call it.
    spec : CodeSpec
        Where it is, and the process that it needs.
    wanted : tuple of str, optional
        What to differentiate with respect to; None is all that is real.
    handed : tuple of str
        The parameters of the reference among its inputs.
    stamps : mapping of str to str
        `CodePlan.stamps`.
    """

    pool: Pool
    label: str
    spec: CodeSpec
    inputs: Mapping[str, Array]
    cotangents: DrawnCotangents
    wanted: tuple[str, ...] | None = None
    handed: tuple[str, ...] = ()
    stamps: Mapping[str, str] = field(default_factory=dict)
    layout: Layout = CONTIGUOUS
    held: Held = AS_THEY_COME

    @property
    def framework(self) -> str:
        """The framework that it is written for."""
        return self.spec.backend.name

    @property
    def mode(self) -> str:
        """The mode that it runs in."""
        return self.spec.backend.mode or modes_of(self.framework)[0]

    @property
    def autocast(self) -> DType | None:
        """The dtype of an autocast around it."""
        return self.spec.autocast

    @property
    def wrt(self) -> tuple[str, ...]:
        """What it is differentiated with respect to."""
        return self._described.wrt

    @property
    def parameters(self) -> Mapping[str, Array]:
        """What it brings itself and is differentiated by."""
        return self._described.parameters

    @property
    def arguments(self) -> tuple[str, ...] | None:
        """The names that it can be called by."""
        return self._described.arguments

    @property
    def environment(self) -> Mapping[str, str]:
        """Versions and flags."""
        return self._described.environment

    def plain(self, dtype: DType) -> Outcome:
        """Run it in a dtype, as the user does."""
        (found,) = self._run("plain", dtype)
        return found

    def clean(self, dtype: DType = "float32") -> Outcome:
        """Run it in float64, casts to a lower dtype left out."""
        (found,) = self._run("clean", dtype)
        return found

    def noisy(self, dtype: DType, replicas: int = 16, seed: int = 0) -> Sequence[Outcome]:
        """Run it with the rounding of `dtype` after each operation."""
        return self._run("noisy", dtype, replicas, seed)

    def ways(self, dtype: DType, rows: int = 64, seed: int = 0) -> Sequence[Outcome]:
        """Run it with open branches taken otherwise."""
        return self._run("ways", dtype, rows, seed)

    def constants(self, replicas: int = 16, seed: int = 0) -> Sequence[Outcome]:
        """Run it with its constants moved."""
        return self._run("constants", "float64", replicas, seed)

    def at(self, inputs: Mapping[str, Array]) -> RemoteSide:
        """Return it at other inputs."""
        return replace(self, inputs=dict(inputs))

    def laid(self, layout: Layout, cotangents: DrawnCotangents) -> RemoteSide:
        """Return it with inputs or cotangents in another layout."""
        return replace(self, layout=layout, cotangents=cotangents)

    def in_mode(self, mode: str) -> RemoteSide:
        """Return it in another mode."""
        backend = replace(self.spec.backend, mode=mode)
        return replace(self, spec=replace(self.spec, backend=backend))

    def holding(self, values: Mapping[str, Array], held: Held) -> RemoteSide:
        """Return it with taps that hand on given values, and given gradients."""
        cotangents = replace(self.cotangents, zero=self.cotangents.zero | held.silent)
        inputs = {**self.inputs, **values}
        return replace(self, inputs=inputs, cotangents=cotangents, held=held)

    @cached_property
    def _described(self) -> Answer:
        return self._ask({})

    def _run(self, kind: Kind, dtype: DType, count: int = 1, seed: int = 0) -> Sequence[Outcome]:
        return self._ask(Way(kind, dtype, count, seed, self.layout).facts).runs

    def _ask(self, way: Mapping[str, object]) -> Answer:
        request = CodeRequest(
            self.label,
            self.spec,
            way,
            self.inputs,
            self.wanted,
            self.cotangents.facts(),
            self.handed,
            self.stamps,
            self.held.slopes,
        )
        ((_, answer),) = self.pool.run([request])
        if isinstance(answer, Failure):
            raise SideFailedError(answer)
        return answer
