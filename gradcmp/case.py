"""What is compared: frozen records, made by the config room or by hand, read by everyone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from gradcmp.errors import Location, UsageError

Shape: TypeAlias = tuple[int, ...]
DType: TypeAlias = Literal["float64", "float32", "float16", "bfloat16"]
Cotangent: TypeAlias = Literal["random", "ones"]

DTYPES: tuple[DType, ...] = ("float64", "float32", "float16", "bfloat16")  # finest first

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

    Attributes
    ----------
    name : str
        A key of the backend registry: ``numpy``, ``tensorflow``, ``torch``, ``jax``.
    mode : str, optional
        One of the backend's modes; None is its first.
    dtype : str, optional
        None is the dtype of the case; for numpy, the reference, it is float64.
    device : str
        ``cpu``, ``cuda``, ``cuda:1``.
    python : str, optional
        Another interpreter, which needs numpy, ml_dtypes, safetensors and the framework.
    timeout : float
        Seconds that one case may take before the worker counts as hung.
    loading : float
        The same for starting an interpreter and importing the framework.
    required : bool
        Whether its absence is a failure (exit code 3) or only reported.
    """

    name: str
    mode: str | None = None
    dtype: DType | None = None
    device: str = "cpu"
    python: str | None = None
    timeout: float = 120.0
    loading: float = 300.0  # an import takes tens of seconds on a cold disk
    required: bool = True
    where: Location | None = field(default=None, compare=False)

    def __str__(self) -> str:
        text = self.name if self.mode is None else f"{self.name}:{self.mode}"
        options = [
            f"{key}={value}"
            for key, value, default in (
                ("dtype", self.dtype, None),
                ("device", self.device, "cpu"),
                ("python", self.python, None),
            )
            if value != default
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

    Attributes
    ----------
    inputs : mapping of str to InputSpec
        Each is drawn from (seed, its name) alone.
    graph : mapping of str to Expression
        The body: named nodes, in any order.
    output : str
        The node that is differentiated.
    wrt : tuple of str
        The inputs to differentiate with respect to; every node's gradient comes along.
    cotangent : {"random", "ones"}
        The upstream gradient of a non-scalar output. A scalar output has 1.0.
    dtype : str
        What the backends compute in unless they say otherwise.
    round_inputs : bool
        Whether the inputs are first rounded to the coarsest dtype in the case, so that
        every backend sees the same real numbers; else each casts the float64 draw itself.
    strict : bool
        Whether a warning (precision, note, kink, nothing finite) fails too.
    """

    name: str
    inputs: Mapping[str, InputSpec]
    graph: Mapping[str, Expression]
    output: str
    wrt: tuple[str, ...]
    backends: tuple[BackendSpec, ...]
    tolerance: Tolerance = field(default_factory=Auto)
    cotangent: Cotangent = "random"
    seed: int = 0
    dtype: DType = "float32"
    round_inputs: bool = True
    strict: bool = False
    description: str = ""
    where: Location | None = field(default=None, compare=False)

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
