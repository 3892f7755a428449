"""What may stand in a config file: pydantic models, from which the JSON Schema derives too."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    create_model,
)

from gradcmp.case import BackendSpec, Case, Cotangent, DType
from gradcmp.config.shorthand import BRINGS_SHAPE, expand_backend, expand_input, expand_shape
from gradcmp.errors import GradcmpError
from gradcmp.inputs import KINDS, Kind

MAX_AXES = 32  # what NumPy 1 can have; NumPy 2 has 64

Numbers: TypeAlias = float | list[Any]


class Model(BaseModel):
    """No key that is not known, no value of another type than the one that is asked for."""

    # Built when first used: what stands inside of another model is never used on its own.
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


def _shorthand(expand: Callable[[str], Any]) -> Callable[[Any], Any]:
    """Expand a string; pydantic carries a ValueError to the place where it happened."""

    def validate(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return expand(value)
        except GradcmpError as error:
            raise ValueError(error) from None

    return validate


def _one_length(value: Any) -> Any:
    return [value] if type(value) is int else value


Length = Annotated[int, Field(ge=0), BeforeValidator(lambda n: n, json_schema_input_type=int | str)]
Shape = Annotated[
    list[Length],
    Field(max_length=MAX_AXES),
    BeforeValidator(_one_length, json_schema_input_type=int | str | list[Length]),
    BeforeValidator(_shorthand(expand_shape)),
]


def _input_model(name: str, kind: Kind) -> type[Model]:
    """Make the model of one kind of input out of the kind's own signature."""
    required = inspect.Parameter.empty
    fields: dict[str, Any] = {
        parameter: (hint, ... if default is required else default)
        for parameter, (hint, default) in kind.parameters.items()
    }
    if name in BRINGS_SHAPE:
        shape: Any = (Shape | None, Field(None, description="The shape that it must have."))
        tag: Any = (Literal[name], name)
    else:
        shape = (Shape, Field(description="Lengths of the axes: [4, 3], or 4x3."))
        tag = (Literal[name], ...)
    return create_model(
        f"{name.capitalize()}Input",
        __base__=Model,
        __doc__=kind.summary,
        kind=tag,
        shape=shape,
        **fields,
    )


INPUTS: Mapping[str, type[Model]] = {name: _input_model(name, kind) for name, kind in KINDS.items()}


def _known_kind(value: Any) -> Any:
    """Numbers written out, or a file, say by themselves what kind they are."""
    if isinstance(value, list | int | float):
        return {"kind": "values", "values": value}
    if isinstance(value, dict) and "kind" not in value:
        for kind in BRINGS_SHAPE:
            if kind in value:
                return {**value, "kind": kind}
    return value


if TYPE_CHECKING:
    Input: TypeAlias = Model
else:  # a union of generated models, which no type checker can see
    _AnyInput = Annotated[reduce(or_, INPUTS.values()), Discriminator("kind")]
    Input = Annotated[
        _AnyInput,
        BeforeValidator(_known_kind, json_schema_input_type=str | Numbers | _AnyInput),
        BeforeValidator(_shorthand(expand_input)),
    ]


class BackendModel(Model):
    """Who computes, and how."""

    name: str = Field(description="numpy, tensorflow, torch, jax, or an installed plug-in.")
    mode: str | None = Field(BackendSpec.mode, description="Left out: the backend's first mode.")
    dtype: DType | None = Field(
        BackendSpec.dtype, description="Left out: the case's dtype; float64 for numpy."
    )
    device: str = Field(BackendSpec.device, description="cpu, cuda or cuda:1.")
    python: str | None = Field(BackendSpec.python, description="Another Python interpreter.")
    timeout: float = Field(
        BackendSpec.timeout, gt=0, allow_inf_nan=False, description="Seconds for one case."
    )
    loading: float = Field(
        BackendSpec.loading,
        gt=0,
        allow_inf_nan=False,
        description="Seconds for its framework to load; of backends that share a process the most.",
    )
    required: bool = Field(
        BackendSpec.required, description="Whether its absence is a failure, or only reported."
    )


Backend = Annotated[
    BackendModel,
    BeforeValidator(_shorthand(expand_backend), json_schema_input_type=str | BackendModel),
]

Bound = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class FixedModel(Model):
    """|actual - expected| <= atol + rtol * |expected|, for each element."""

    rtol: Bound
    atol: Bound


class UlpModel(Model):
    """At most so many steps of the coarser dtype from one value to the other."""

    ulp: int = Field(ge=0)


def _kind_of_tolerance(value: object) -> str:
    if isinstance(value, str):
        return "named"
    return "ulp" if isinstance(value, dict) and "ulp" in value else "fixed"


ToleranceModel = Annotated[
    Annotated[Literal["auto", "table"], Tag("named")]
    | Annotated[FixedModel, Tag("fixed")]
    | Annotated[UlpModel, Tag("ulp")],
    Discriminator(_kind_of_tolerance),
]


class CaseModel(Model):
    """One thing to compare."""

    name: str | None = Field(None, min_length=1, description="Left out: the file's name.")
    description: str = Field("", description="What it is for; shown above the result.")
    inputs: dict[str, Input] = Field(
        description="By name: 'kind:shape[:key=value,...]' or a mapping that says the same."
    )
    graph: dict[str, str] = Field(
        min_length=1, description="By name: an expression in Python syntax; see `gradcmp ops`."
    )
    output: str | None = Field(
        None, description="The node that is differentiated. Left out: the last one."
    )
    wrt: list[str] | None = Field(
        None, min_length=1, description="Inputs to differentiate by. Left out: all real ones."
    )
    cotangent: Cotangent = Field(
        Case.cotangent, description="Upstream gradient of an output that is no single number."
    )
    dtype: DType = Field(Case.dtype, description="What backends compute in; numpy in float64.")
    seed: int = Field(Case.seed, ge=0, description="Each input is drawn from it and its name.")
    round_inputs: bool = Field(
        Case.round_inputs,
        description="Round inputs to the coarsest dtype first, so that all see the same numbers.",
    )
    backends: list[Backend] | None = Field(
        None, min_length=1, description="'name[:mode][,key=value...]' or mappings."
    )
    tolerance: ToleranceModel = Field(
        "auto",
        description="auto: the noise that rounding makes; table: by dtype; {rtol, atol}; {ulp}.",
    )
    strict: bool = Field(Case.strict, description="Whether warnings fail too.")
    matrix: dict[str, list[Any]] | None = Field(
        None,
        description="Lists by name: the case is repeated for each combination. A name is a key "
        "of the case or a variable, written ${name} in text and bare in shapes.",
    )
