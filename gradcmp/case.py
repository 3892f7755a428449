"""The case and its parts: frozen records, made by the config room or by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from gradcmp.derivatives import KEY, Derivative
from gradcmp.dtypes import DTYPES as DTYPES
from gradcmp.dtypes import DType as DType
from gradcmp.dtypes import finest, part_of
from gradcmp.errors import GradcmpError, Location
from gradcmp.keys import EVERYWHERE, JSON, LABEL, ORIGIN, PAGE, Reach, key, keys, written_in
from gradcmp.tolerances import ONCE as ONCE
from gradcmp.tolerances import Auto as Auto
from gradcmp.tolerances import DTypeTable as DTypeTable
from gradcmp.tolerances import Effort as Effort
from gradcmp.tolerances import Fixed as Fixed
from gradcmp.tolerances import Tolerance as Tolerance
from gradcmp.tolerances import Ulp as Ulp

Shape: TypeAlias = tuple[int, ...]
Cotangent: TypeAlias = Literal["random", "ones"]
Layouts: TypeAlias = Literal["auto", "all", "off"]

MAX_AXES = 32  # of an array: NumPy 1 and iteration in NumPy 2 know no more
SECONDS = {"gt": 0, "allow_inf_nan": False}  # the limits of a time
WORD = {"pattern": r"^[^\x00-\x1f\x7f]+$"}  # what an operating system takes for a name

REFERENCE = "numpy"  # the backend whose float64 recording the others are compared with


@dataclass(frozen=True)
class InputSpec:
    """How one input array is made.

    Attributes
    ----------
    kind : str
        A key of `gradcmp.inputs.KINDS`: normal, uniform, ones, zeros, arange, constant,
        integers, values or file.
    shape : tuple of int, optional
        None only for ``values`` and ``file``, which bring their own.
    parameters : mapping
        The parameters of the kind besides the shape (``low``, ``high``, ``value``, ``file`` …).
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
        default=None,
        metadata=key("One of the backend's modes. Default: the first.", PAGE, limits=WORD),
    )
    dtype: DType | None = field(
        default=None,
        metadata=key(
            "The dtype that it computes in. Default: the case's; for numpy the finest.",
            PAGE | LABEL,
        ),
    )
    device: str = field(
        default="cpu", metadata=key("cpu, cuda or cuda:1.", PAGE | LABEL, limits=WORD)
    )
    python: str | None = field(
        default=None,
        metadata=key(
            "Another Python interpreter, with numpy, ml_dtypes, safetensors and the framework.",
            PAGE | LABEL,
            limits=WORD,
            reach=Reach.PROGRAM,
        ),
    )
    timeout: float = field(
        default=120.0,
        metadata=key("The longest that one case may take, in seconds.", PAGE, limits=SECONDS),
    )
    loading: float = field(
        default=300.0,  # an import takes tens of seconds on a cold disk
        metadata=key(
            "The longest that its framework may take to load, in seconds; of backends that share "
            "a process, the largest value counts.",
            PAGE,
            limits=SECONDS,
        ),
    )
    required: bool = field(
        default=True,
        metadata=key("Whether its absence is a failure (exit code 3) or only reported.", PAGE),
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
class CodeSpec:
    """A function of the user, and who runs it.

    Attributes
    ----------
    source : str
        ``kernels.py:rmsnorm``: a file or a module, and a dotted name in it.
    backend : BackendSpec
        The framework that it is written for, the mode, and the process that it needs.
    parameters, taps
        As `gradcmp.native.arranging.Arrangement` has them; a function by its place.
    """

    source: str
    backend: BackendSpec
    autocast: DType | None = field(
        default=None,
        metadata=key("torch alone: the dtype of an autocast around it: bfloat16 or float16.", PAGE),
    )
    parameters: Mapping[str, str] | str | None = None
    taps: Mapping[str, str] = field(default_factory=dict)
    where: Location | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Case:
    """One thing to compare.

    Each field is a config key, described by its metadata. `wrt` chooses inputs; the gradient of
    every node comes along. The cotangent of a scalar output is 1.0. Without `round_inputs` each
    backend casts the float64 draw itself. `fault` is what keeps a config from being read as a
    case: then only its name is known.
    """

    name: str = field(
        metadata=key(
            "What reports call it. Default: the name of the file.", EVERYWHERE, form="name"
        )
    )
    description: str = field(
        default="",
        kw_only=True,
        metadata=key(
            "The purpose of the case; shown above its result.", EVERYWHERE, form="stripped"
        ),
    )
    inputs: Mapping[str, InputSpec] = field(
        metadata=key(
            "By name: 'kind:shape[:key=value,...]', or an equivalent mapping.",
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
        default="",
        metadata=key(
            "The node that is differentiated. Default: the last node.", EVERYWHERE, form="output"
        ),
    )
    wrt: tuple[str, ...] = field(
        default=(),
        metadata=key(
            "Differentiate with respect to these inputs. Default: all real-valued inputs.",
            EVERYWHERE,
            form="wrt",
        ),
    )
    derivative: Derivative = field(default="gradient", kw_only=True, metadata=KEY)
    cotangent: Cotangent = field(
        default="random",
        kw_only=True,
        metadata=key("The upstream gradient of a non-scalar output.", EVERYWHERE),
    )
    dtype: DType = field(
        default="float32",
        kw_only=True,
        metadata=key(
            "The dtype that backends compute in; numpy, the reference, uses the finest.", EVERYWHERE
        ),
    )
    seed: int = field(
        default=0,
        kw_only=True,
        metadata=key(
            "Each input is drawn from the seed and its own name.", EVERYWHERE, limits={"ge": 0}
        ),
    )
    round_inputs: bool = field(
        default=True,
        kw_only=True,
        metadata=key(
            "Whether inputs are first rounded to the coarsest dtype of the case, so that all "
            "backends see the same numbers.",
            PAGE,
        ),
    )
    code: Mapping[str, CodeSpec] = field(
        default_factory=dict,
        kw_only=True,
        metadata=key(
            "Instead of a graph, functions that are to compute the same, by label: "
            "{torch: kernels.py:rmsnorm}. See the page on your own functions.",
            PAGE | ORIGIN,
            form="code",
            reach=Reach.CODE,
        ),
    )
    reference: str = field(
        default="",
        kw_only=True,
        metadata=key(
            "The label in 'code' whose float64 run the others are compared with. Default: the "
            "first.",
            PAGE | ORIGIN,
            form="reference",
        ),
    )
    layouts: Layouts = field(
        default="auto",
        kw_only=True,
        metadata=key(
            "For functions in torch: whether they are also run with inputs and cotangents that "
            "lie in memory otherwise (expanded, transposed, …). auto: as many as there is time "
            "for; all; off.",
            JSON,
        ),
    )
    backends: tuple[BackendSpec, ...] = field(
        default=(),
        metadata=key(
            "'name[:mode][,key=value...]', or mappings. Default: numpy, tensorflow and torch.",
            PAGE,
            form="backends",
        ),
    )
    tolerance: Tolerance = field(
        default_factory=Auto,
        metadata=key(
            "auto: from the noise of rounding; table: fixed, by dtype; or {rtol, atol}; or {ulp}.",
            PAGE,
            form="tolerance",
        ),
    )
    strict: bool = field(
        default=False,
        kw_only=True,
        metadata=key(
            "Whether warnings (precision, note, kink, nothing finite) and weak checks fail, too.",
            PAGE | JSON,
        ),
    )
    where: Location | None = field(default=None, compare=False, kw_only=True)
    fault: GradcmpError | None = field(default=None, compare=False, kw_only=True)
    # The lengths that its config has names for, and the same case with others.
    sizes: Mapping[str, int] = field(default_factory=dict, compare=False, kw_only=True)
    at_sizes: Callable[[Mapping[str, int]], Case] | None = field(
        default=None, compare=False, repr=False, kw_only=True
    )

    def dtype_of(self, backend: BackendSpec) -> DType:
        """Return the dtype of a backend: its own, else the finest for numpy, else the case's."""
        return backend.dtype or (finest(self.dtype) if backend.name == REFERENCE else self.dtype)

    @property
    def dtypes(self) -> frozenset[DType]:
        """The dtypes of all backends; of complex numbers, those of their parts."""
        return frozenset(part_of(self.dtype_of(backend)) for backend in self.backends)
