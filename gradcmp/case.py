"""What is compared: frozen records, made by the config room or by hand, read by everyone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from gradcmp.errors import Location, UsageError
from gradcmp.keys import EVERYWHERE, JSON, LABEL, PAGE, key, keys, written_in

Shape: TypeAlias = tuple[int, ...]
DType: TypeAlias = Literal["float64", "float32", "float16", "bfloat16"]
Cotangent: TypeAlias = Literal["random", "ones"]

DTYPES: tuple[DType, ...] = ("float64", "float32", "float16", "bfloat16")  # finest first

SECONDS = {"gt": 0, "allow_inf_nan": False}  # the limits of a time

REFERENCE = "numpy"  # the backend whose float64 recording the others are held against


@dataclass(frozen=True)
class InputSpec:
    """How one input array comes about.

    Attributes
    ----------
    kind : str
        A key of `gradcmp.inputs.KINDS`: normal, uniform, ones, zeros, arange, constant,
        integers, values or file.
    shape : tuple of int, optional
        None only for ``values`` and ``file``, which bring their own.
    parameters : mapping
        What the kind takes besides the shape (``low``, ``high``, ``value``, ``file`` …).
    where : Location, optional
        Where the input was written down.
    """

    kind: str
    shape: Shape | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    where: Location | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Expression:
    """The text of one node of a graph and where it was written."""

    text: str
    where: Location | None = None


@dataclass(frozen=True)
class BackendSpec:
    """Who computes, and how.

    Each field is a config key, described by its metadata. `str` gives the label by which reports
    tell backends apart: ``torch:compile,dtype=float64``.
    """

    name: str = field(metadata=key("numpy, tensorflow, torch, jax, or an installed plug-in.", PAGE))
    mode: str | None = field(
        default=None, metadata=key("Left out: the backend's first mode.", PAGE)
    )
    dtype: DType | None = field(
        default=None, metadata=key("Left out: the case's dtype; float64 for numpy.", PAGE | LABEL)
    )
    device: str = field(default="cpu", metadata=key("cpu, cuda or cuda:1.", PAGE | LABEL))
    python: str | None = field(
        default=None, metadata=key("Another Python interpreter.", PAGE | LABEL)
    )
    timeout: float = field(
        default=120.0, metadata=key("Seconds for one case.", PAGE, limits=SECONDS)
    )
    loading: float = field(
        default=300.0,  # an import takes tens of seconds on a cold disk
        metadata=key(
            "Seconds for its framework to load; of backends that share a process the most.",
            PAGE,
            limits=SECONDS,
        ),
    )
    required: bool = field(
        default=True, metadata=key("Whether its absence is a failure, or only reported.", PAGE)
    )
    where: Location | None = field(default=None, compare=False)

    def __str__(self) -> str:
        text = self.name if self.mode is None else f"{self.name}:{self.mode}"
        known = keys(BackendSpec)
        options = [
            f"{name}={value}"
            for name, value in written_in(LABEL, self).items()
            if value != known[name].default
        ]
        return ",".join([text, *options])


@dataclass(frozen=True)
class Fixed:
    """``|actual - expected| <= atol + rtol * |expected|``, for each element.

    Raises
    ------
    UsageError
        When either is negative, infinite or NaN: such a tolerance would pass or fail everything.
    """

    rtol: float
    atol: float

    def __post_init__(self) -> None:
        for name, value in (("rtol", self.rtol), ("atol", self.atol)):
            if not 0 <= value < float("inf"):
                raise UsageError(f"{name} is {value}, and must be a finite number from 0 on")


@dataclass(frozen=True)
class Ulp:
    """At most `ulp` steps of the coarser dtype from one value to the other.

    Raises
    ------
    UsageError
        When `ulp` is no whole number from 0 on.
    """

    ulp: int

    def __post_init__(self) -> None:
        if not (isinstance(self.ulp, int) and self.ulp >= 0):
            raise UsageError(f"ulp is {self.ulp}, and must be a whole number from 0 on")


@dataclass(frozen=True)
class DTypeTable:
    """The table of `gradcmp.judge.elementwise.tolerance`, by the coarser dtype of the pair."""


@dataclass(frozen=True)
class Auto:
    """The noise that a correct implementation would show: `gradcmp.judge.auto.judge`."""


Tolerance: TypeAlias = Fixed | Ulp | DTypeTable | Auto


@dataclass(frozen=True)
class Case:
    """One thing to compare.

    Each field is a config key, described by its metadata. `wrt` chooses inputs; the gradient of
    every node comes along. The cotangent of a scalar output is 1.0. Without `round_inputs` each
    backend casts the float64 draw itself.
    """

    name: str = field(metadata=key("Left out: the file's name.", EVERYWHERE, form="name"))
    description: str = field(
        default="",
        kw_only=True,
        metadata=key("What it is for; shown above the result.", EVERYWHERE, form="stripped"),
    )
    inputs: Mapping[str, InputSpec] = field(
        metadata=key(
            "By name: 'kind:shape[:key=value,...]' or a mapping that says the same.",
            EVERYWHERE,
            form="inputs",
        )
    )
    graph: Mapping[str, Expression] = field(
        metadata=key(
            "By name: an expression in Python syntax; see `gradcmp ops`.", EVERYWHERE, form="graph"
        )
    )
    output: str = field(
        metadata=key(
            "The node that is differentiated. Left out: the last one.", EVERYWHERE, form="output"
        )
    )
    wrt: tuple[str, ...] = field(
        metadata=key("Inputs to differentiate by. Left out: all real ones.", EVERYWHERE, form="wrt")
    )
    cotangent: Cotangent = field(
        default="random",
        kw_only=True,
        metadata=key("Upstream gradient of an output that is no single number.", EVERYWHERE),
    )
    dtype: DType = field(
        default="float32",
        kw_only=True,
        metadata=key("What backends compute in; numpy in float64.", EVERYWHERE),
    )
    seed: int = field(
        default=0,
        kw_only=True,
        metadata=key("Each input is drawn from it and its name.", EVERYWHERE, limits={"ge": 0}),
    )
    round_inputs: bool = field(
        default=True,
        kw_only=True,
        metadata=key(
            "Round inputs to the coarsest dtype first, so that all see the same numbers.", PAGE
        ),
    )
    backends: tuple[BackendSpec, ...] = field(
        metadata=key("'name[:mode][,key=value...]' or mappings.", PAGE, form="backends")
    )
    tolerance: Tolerance = field(
        default_factory=Auto,
        metadata=key(
            "auto: the noise that rounding makes; table: by dtype; {rtol, atol}; {ulp}.",
            PAGE,
            form="tolerance",
        ),
    )
    strict: bool = field(
        default=False, kw_only=True, metadata=key("Whether warnings fail too.", PAGE | JSON)
    )
    where: Location | None = field(default=None, compare=False, kw_only=True)

    def dtype_of(self, backend: BackendSpec) -> DType:
        """Return what a backend computes in: its own dtype, or the case's; numpy's is float64."""
        return backend.dtype or ("float64" if backend.name == REFERENCE else self.dtype)

    @property
    def dtypes(self) -> frozenset[DType]:
        """All that the backends compute in."""
        return frozenset(self.dtype_of(backend) for backend in self.backends)


@dataclass(frozen=True)
class Effort:
    """How much is asked of the backends beyond one run each.

    Attributes
    ----------
    repeat : int
        How often each backend runs; its runs are held against each other bit by bit.
    isolate : bool
        Whether each node is also run alone, on the reference's operands and cotangent.
    """

    repeat: int = 1
    isolate: bool = False


ONCE = Effort()
