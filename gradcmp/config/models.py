"""The contents of a config file as pydantic models, made from the keys of the records.

The JSON Schema, and from it the manual's tables, derive from the models.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    TypeAdapter,
    create_model,
)

from gradcmp.case import MAX_AXES, BackendSpec, Case, CodeSpec, Fixed, Ulp
from gradcmp.config.shorthand import BRINGS_SHAPE, expand_backend, expand_input, expand_shape
from gradcmp.errors import GradcmpError
from gradcmp.inputs import KINDS, Kind
from gradcmp.inputs.edges import EDGES
from gradcmp.keys import REQUIRED, Key, keys
from gradcmp.native.frameworks import FRAMEWORKS
from gradcmp.tolerances import NAMED

Numbers: TypeAlias = float | list[Any]


class Model(BaseModel):
    """Only known keys, and only values of the declared type."""

    # Built when first used: a model that is part of another is never used on its own.
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
        shape: Any = (Shape | None, Field(None, description="The shape that the array must have."))
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
    """Add the kind, which numbers written out and a file show by themselves."""
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


class Form(NamedTuple):
    """The type of a key in YAML, where the record has another, and its default there."""

    type: Any
    default: Any = REQUIRED


def _model(name: str, record: Any, forms: Mapping[str, Form], **more: Any) -> type[Model]:
    """Make the model of a record: a field for each of its keys, and `more`."""
    summary = (record.__doc__ or "").partition("\n")[0].replace("`", "")
    fields: dict[str, Any] = {
        **{key.name: _field(key, forms) for key in keys(record).values()},
        **more,
    }
    return create_model(name, __base__=Model, __doc__=summary, **fields)


def _field(key: Key, forms: Mapping[str, Form]) -> tuple[Any, Any]:
    kind, default = forms[key.form] if key.form else (key.type, key.default)
    filled = {} if default is REQUIRED else {"default": default}
    return kind, Field(**filled, description=key.description, **key.limits)


def _kind_of_tolerance(value: object) -> str:
    if isinstance(value, str):
        return "named"
    return "ulp" if isinstance(value, dict) and "ulp" in value else "fixed"


if TYPE_CHECKING:
    BackendModel: TypeAlias = Model
    FixedModel: TypeAlias = Model
    UlpModel: TypeAlias = Model
    Backend: TypeAlias = Model
    ToleranceModel: TypeAlias = Model
else:
    BackendModel = _model("BackendModel", BackendSpec, {})
    FixedModel = _model("FixedModel", Fixed, {})
    UlpModel = _model("UlpModel", Ulp, {})
    Backend = Annotated[
        BackendModel,
        BeforeValidator(_shorthand(expand_backend), json_schema_input_type=str | BackendModel),
    ]
    ToleranceModel = Annotated[
        Annotated[Literal[tuple(NAMED)], Tag("named")]
        | Annotated[FixedModel, Tag("fixed")]
        | Annotated[UlpModel, Tag("ulp")],
        Discriminator(_kind_of_tolerance),
    ]


def _code_model() -> type[Model]:
    """Make the model of a function: its framework, how it is run, and what its process needs."""
    what = "Where the function is, as in kernels.py:rmsnorm, relative to the config."
    spec = [one for one in keys(BackendSpec).values() if one.name not in ("name", "dtype")]
    made_of = (
        "What its own parameters are, by the names of the reference's; or where the function is "
        "that is given the reference's parameters and returns its own."
    )
    called = "What its taps and modules are called in the other functions, by their names in it."
    fields: dict[str, Any] = {
        **{name: (str | None, Field(None, description=what)) for name in FRAMEWORKS},
        "parameters": (dict[str, str] | str | None, Field(None, description=made_of)),
        "taps": (dict[str, str], Field({}, description=called)),
        **{one.name: _field(one, {}) for one in (*spec, *keys(CodeSpec).values())},
    }
    doc = "A function of the user: exactly one framework, and where the function is."
    return create_model("CodeModel", __base__=Model, __doc__=doc, **fields)


if TYPE_CHECKING:
    CodeModel: TypeAlias = Model
else:
    CodeModel = _code_model()

FORMS: Mapping[str, Form] = {
    "name": Form(Annotated[str | None, Field(min_length=1)], None),
    "stripped": Form(Annotated[str, StringConstraints(strip_whitespace=True)], ""),
    "inputs": Form(dict[str, Input]),
    "graph": Form(Annotated[dict[str, str] | None, Field(min_length=1)], None),
    "code": Form(Annotated[dict[str, CodeModel] | None, Field(min_length=2)], None),
    "reference": Form(str | None, None),
    "output": Form(str | None, None),
    "wrt": Form(Annotated[list[str] | None, Field(min_length=1)], None),
    "backends": Form(Annotated[list[Backend] | None, Field(min_length=1)], None),
    "tolerance": Form(ToleranceModel, "auto"),
}

MATRIX = Field(
    None,
    description="Lists by name: the case is repeated for each combination. A name is a key "
    "of the case or a variable, written ${name} in text and bare in shapes.",
)

SHAPES = Field(
    None,
    description="Lengths by name: the case is repeated for each combination, up to 64 of them, "
    "with the name in a shape: 'normal:nx64'.",
)
VALUES = Field(
    None,
    description="The case is repeated with edge values in one input after the other: a list, for "
    "each real input that is drawn, or lists by input. "
    f"There are {', '.join(EDGES)}.",
)

if TYPE_CHECKING:
    CaseModel: TypeAlias = Model
else:
    CaseModel = _model(
        "CaseModel",
        Case,
        FORMS,
        matrix=(dict[str, list[Any]] | None, MATRIX),
        shapes=(dict[str, list[int]] | None, SHAPES),
        values=(list[str] | dict[str, list[str]] | None, VALUES),
    )


class DefaultsModel(CaseModel):
    """Keys that hold for all cases of the file, unless a case has its own."""

    inputs: dict[str, Input] = Field({}, description="Merged with each case's own, by name.")
    graph: dict[str, str] = Field({}, description="Merged with each case's own, by name.")


class SuiteModel(Model):
    """Several cases in one file."""

    defaults: DefaultsModel | None = None
    cases: list[DefaultsModel] = Field(min_length=1)


def json_schema() -> dict[str, Any]:
    """Return the schema of a whole file: one case, or several."""
    schema = TypeAdapter(CaseModel | SuiteModel).json_schema(mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gradcmp config",
        **schema,
    }
