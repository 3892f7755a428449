"""What is asked of functions: a case without a graph, its arrays and its cotangents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, get_args

from gradcmp import inputs as drawn
from gradcmp.case import BackendSpec, Case, Cotangent, DType, InputSpec, Layouts
from gradcmp.config import parse_input
from gradcmp.derivatives import Derivative
from gradcmp.dtypes import AUTOCAST, COMPLEX, DTYPES, REAL_PARTS
from gradcmp.errors import UsageError, did_you_mean
from gradcmp.native.arranging.trees import Tree, flat_of, tree_of
from gradcmp.native.arrays import as_array
from gradcmp.native.frameworks import framework_of, modes_of, named_by
from gradcmp.native.side import Function as Call
from gradcmp.recording import Array

# By keyword: what a config's own reader would refuse anything else for.
CHOICES: Mapping[str, tuple[str, ...]] = {
    "dtype": DTYPES,
    "cotangent": get_args(Cotangent),
    "derivative": get_args(Derivative),
    "layouts": get_args(Layouts),
}


def dtype_named(dtype: Any) -> Any:
    """Return the name of a dtype of NumPy, torch, TensorFlow or JAX; a name as it is."""
    if isinstance(dtype, str):
        return dtype
    known = getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or str(dtype)
    return known.removeprefix("torch.")


def require_choices(seed: object, **given: object) -> None:
    """Refuse a seed that is no whole number, and a keyword that has none of its `CHOICES`.

    Raises
    ------
    UsageError
        For the first.
    """
    if not isinstance(seed, Integral) or isinstance(seed, bool) or seed < 0:
        raise UsageError(f"seed={seed!r} is not a whole number of at least 0")
    for keyword, value in given.items():
        if value in CHOICES[keyword]:
            continue
        if isinstance(value, str) and value in COMPLEX:
            fact = f"{keyword}={value!r}: functions are compared in real numbers"
            raise UsageError(fact, way_out=REAL_PARTS)
        way_out = did_you_mean(str(value), CHOICES[keyword])
        raise UsageError(f"there is no {keyword}={value!r}", way_out=way_out)


def taken_apart(inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Tree]]:
    """Return all arrays by dotted names, and by input the containers that they were taken from."""
    found = {name: tree_of(name, given) for name, given in inputs.items()}
    trees = {name: tree for name, tree in found.items() if tree is not None}
    return flat_of(inputs), trees


@dataclass(frozen=True)
class Function:
    """A function, and how it is run.

    Attributes
    ----------
    function : callable
        A function, a module or a layer.
    mode : str, optional
        torch: ``eager``, ``aot_eager``, ``aot_eager_decomp_partition`` or ``compile``; JAX:
        ``eager`` or ``jit``; TensorFlow: ``eager``, ``graph`` or ``xla``. The first of them unless
        it is given.
    autocast : {"bfloat16", "float16"}, optional
        torch alone: the dtype of an autocast around it.
    framework : str, optional
        Told from the function unless it is given.

    Examples
    --------
    >>> compiled = gradcmp.Function(rms_norm, mode="compile")  # doctest: +SKIP
    """

    function: Call
    mode: str | None = None
    autocast: DType | None = None
    framework: str | None = None

    @classmethod
    def of(cls, given: Call | Function, label: str, framework: str | None) -> Function:
        """Return it with everything told that can be: its framework and mode, by its label too.

        Raises
        ------
        UsageError
            When its framework cannot be told, or has no such mode.
        """
        one = given if isinstance(given, Function) else cls(given)
        found = one.framework or framework or framework_of(one.function, label)
        home, named = named_by(label)
        mode = one.mode or (named if home == found else "") or modes_of(found)[0]
        if mode not in modes_of(found):
            fact = f"'{label}': functions of {found} have no mode '{mode}'"
            raise UsageError(fact, way_out=did_you_mean(mode, modes_of(found)))
        if one.autocast is not None and (found != "torch" or one.autocast not in AUTOCAST):
            fact = f"'{label}': autocast is torch's alone, and goes down to {' or '.join(AUTOCAST)}"
            raise UsageError(fact)
        return cls(one.function, mode, one.autocast, found)

    @property
    def options(self) -> dict[str, Any]:
        """What an engine is told beside the function."""
        return {"mode": self.mode, **({"autocast": self.autocast} if self.autocast else {})}


def case_of(
    name: str,
    inputs: Mapping[str, Any],
    functions: Mapping[str, Call | Function],
    dtype: DType,
    seed: int,
    cotangent: Cotangent,
    strict: bool,
    device: str,
    layouts: Layouts = "auto",
) -> Case:
    """Return the case: a backend for each function, by its label, and no graph."""
    specs = {one: _spec(one, given) for one, given in inputs.items()}
    sides = tuple(BackendSpec(label, dtype=dtype, device=device) for label in functions)
    return Case(
        name,
        specs,
        {},
        "output",
        (),
        sides,
        seed=seed,
        cotangent=cotangent,
        dtype=dtype,
        strict=strict,
        layouts=layouts,
    )


def beyond(case: Case, derivative: Derivative) -> Case:
    """Return the case with what it compares besides gradients.

    Layouts are of first order alone: `auto` leaves them out then.

    Raises
    ------
    UsageError
        For all layouts of another order.
    """
    if derivative == "gradient":
        return case
    if case.layouts == "all":
        raise UsageError(
            f"case '{case.name}' has layouts: all, and asks for {derivative}",
            where=case.where,
            way_out="Leave one of them out: layouts are tried with gradients alone",
        )
    return replace(case, derivative=derivative, layouts="off")


def _spec(name: str, given: Any) -> InputSpec:
    if isinstance(given, InputSpec):
        return given
    if isinstance(given, str):
        return parse_input(name, given, dotted="." in name)
    return InputSpec("values", as_array(name, given).shape)


def arrays_of(case: Case, inputs: Mapping[str, Any]) -> dict[str, Array]:
    """Return all inputs, rounded to what the dtype of the case holds."""
    written = {
        name: spec
        for name, spec in case.inputs.items()
        if isinstance(inputs[name], str | InputSpec)
    }
    arrays = drawn.draw(replace(case, inputs=written))
    for name, given in inputs.items():
        if name not in written:
            arrays[name] = rounded(as_array(name, given), case.dtype)
    return {name: arrays[name] for name in inputs}


def rounded(array: Array, dtype: DType) -> Array:
    """Return real numbers as a dtype holds them, in float64."""
    return drawn.round_to(array, dtype) if array.dtype.kind == "f" else array
