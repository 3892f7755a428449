"""What goes in and what is told on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from gradcmp.backends import import_rank
from gradcmp.case import BackendSpec, CodeSpec
from gradcmp.derivatives import Asked

if TYPE_CHECKING:
    from gradcmp.recording import Array


@dataclass(frozen=True)
class Environment:
    """What one process serves: every mode and dtype of one framework on one device.

    Attributes
    ----------
    name : str
        A key of the backend registry.
    python : str, optional
        The interpreter; None is the one that runs gradcmp.
    """

    name: str
    python: str | None = None
    device: str = "cpu"

    @classmethod
    def of(cls, spec: BackendSpec) -> Environment:
        """Return the environment that a backend specification needs."""
        return cls(spec.name, spec.python, spec.device)

    def __str__(self) -> str:
        return str(BackendSpec(self.name, device=self.device, python=self.python))

    @property
    def rank(self) -> int:
        """The place in the order of starting."""
        return import_rank(self.name)


@dataclass(frozen=True, eq=False)  # arrays have no hash: a request equals itself alone
class Request:
    """One graph on one set of arrays for one backend.

    Attributes
    ----------
    label : str
        What the outcome calls its backend: ``tensorflow:graph``.
    spec : BackendSpec
        With mode and dtype resolved.
    body : tuple of (str, str)
        The names of the nodes and their expressions.
    inputs, cotangent, asked, whole
        As in `gradcmp.backends.Job`. The names and their order are the graph's inputs.
    """

    label: str
    spec: BackendSpec
    body: tuple[tuple[str, str], ...]
    output: str
    inputs: Mapping[str, Array] = field(repr=False)
    cotangent: Array = field(repr=False)
    asked: Asked | None = None
    whole: tuple[str, ...] = ()

    @property
    def environment(self) -> Environment:
        """What it needs to run."""
        return Environment.of(self.spec)


@dataclass(frozen=True)
class Requests:
    """What one run of a graph asks of its backends, made once: a request equals itself alone.

    Attributes
    ----------
    first : tuple of Request
        One to each backend.
    twins : tuple of pair of Request
        What is asked in float64 as well, and the same in float64.
    again : tuple of Request
        Each of the first as often as the run is repeated beyond the first time.
    """

    first: tuple[Request, ...]
    twins: tuple[tuple[Request, Request], ...] = ()
    again: tuple[Request, ...] = ()

    def __iter__(self) -> Iterator[Request]:
        """Return all of them."""
        return iter((*self.first, *(twin for _, twin in self.twins), *self.again))

    def runs(self) -> Iterator[dict[str, Request]]:
        """Return the requests of each run after the first, by label."""
        count = len(self.again) // len(self.first)
        for run in range(count):
            yield {one.label: one for one in self.again[run::count]}


@dataclass(frozen=True, eq=False)
class CodeRequest:
    """One function of the user on one set of arrays, to be run one way.

    Attributes
    ----------
    label : str
        What the outcome calls it.
    code : CodeSpec
        Where it is, and who runs it.
    way : mapping of str to Any
        The fields of a `gradcmp.native.way.Way`; empty where it is to be described and not run.
    wrt : tuple of str, optional
        What to differentiate with respect to; None is all that is real.
    cotangents : mapping of str to Any
        How the cotangents are drawn, by `gradcmp.native.way.DrawnCotangents`.
    handed : tuple of str
        The parameters of the reference among the inputs.
    stamps : mapping of str to str
        By file that the function is made of, what changes when the file does; may be empty.
    slopes : mapping of str to array
        By tap that hands on what lies among the inputs, the gradient that goes on backwards.
    """

    label: str
    code: CodeSpec
    way: Mapping[str, Any]
    inputs: Mapping[str, Array] = field(repr=False)
    wrt: tuple[str, ...] | None
    cotangents: Mapping[str, Any]
    handed: tuple[str, ...] = ()
    stamps: Mapping[str, str] = field(default_factory=dict)
    slopes: Mapping[str, Array] = field(default_factory=dict, repr=False)

    @property
    def spec(self) -> BackendSpec:
        """The framework that it is written for, by name, and the mode."""
        return self.code.backend

    @property
    def environment(self) -> Environment:
        """What it needs to run."""
        return Environment.of(self.spec)


AnyRequest: TypeAlias = Request | CodeRequest


@dataclass(frozen=True)
class Description:
    """What a framework says of itself when it has loaded.

    Attributes
    ----------
    devices : tuple of str
        The devices that this machine offers it.
    modes : tuple of str
        Its modes; the first is the default.
    environment : mapping of str to str
        Versions, thread counts, determinism and precision flags.
    seconds : float
        How long the import took.
    """

    devices: tuple[str, ...]
    modes: tuple[str, ...]
    environment: Mapping[str, str]
    seconds: float


Phase: TypeAlias = Literal["starting", "importing", "ready", "running", "done", "failed"]


@dataclass(frozen=True)
class Event:
    """Progress of one environment, for the screen.

    Attributes
    ----------
    phase : str
        starting: the process was asked for. importing: its framework loads. ready: it waits
        for work. running, done, failed: the request called `label`.
    label : str
        Of the request; empty before the first.
    """

    environment: Environment
    phase: Phase
    label: str = ""
