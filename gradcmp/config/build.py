"""What was written becomes records: defaults filled in, names checked against what there is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from keyword import iskeyword
from pathlib import PurePath
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gradcmp.backends import backend_class
from gradcmp.case import (
    Auto,
    BackendSpec,
    Case,
    DTypeTable,
    Expression,
    Fixed,
    InputSpec,
    Tolerance,
    Ulp,
)
from gradcmp.config.document import Table
from gradcmp.config.messages import first_error, locate, spell
from gradcmp.config.models import Backend, BackendModel, CaseModel, FixedModel, Input, UlpModel
from gradcmp.errors import ConfigError, Location, UsageError, did_you_mean
from gradcmp.inputs import check, require_memory

DEFAULT_BACKENDS = ("numpy", "tensorflow", "torch")


def build_case(table: Table, suffix: str, file: str) -> Case:
    """Make the record of one case; its name gets the suffix."""
    try:
        model = CaseModel.model_validate(table)
    except ValidationError as error:
        raise first_error(error.errors(include_url=False), table, file) from None
    for part in ("inputs", "graph"):
        for name in getattr(model, part):
            _require_identifier(name, locate(table, (part, name), file))
    name = f"{model.name}{suffix}"
    if not name.isprintable():
        raise ConfigError(
            f"name is {name!r}, and must be a single line of printable characters",
            where=locate(table, ("name",), file),
        )
    folder = PurePath(file).parent
    inputs = {
        name: _input(one, folder, locate(table, ("inputs", name), file))
        for name, one in model.inputs.items()
    }
    return Case(
        name=name,
        inputs=inputs,
        graph={
            name: Expression(text, locate(table, ("graph", name), file))
            for name, text in model.graph.items()
        },
        output=_output(model, locate(table, ("output",), file)),
        wrt=_wrt(model, inputs, table, file),
        backends=_backends(model, table, file),
        tolerance=_tolerance(model),
        cotangent=model.cotangent,
        seed=model.seed,
        dtype=model.dtype,
        round_inputs=model.round_inputs,
        strict=model.strict,
        description=model.description.strip(),
        where=Location(file, table.line),
    )


def parse_input(name: str, text: str) -> InputSpec:
    """Read an input's one-line form, ``normal:4x3``; see `gradcmp.config.parse_input`."""
    _require_identifier(name, None)
    try:
        model = _adapter(Input).validate_python(text)
    except ValidationError as error:
        raise first_error(error.errors(include_url=False), text, None, "inputs", name) from None
    spec = _input(model, PurePath(), None)
    check(name, spec)
    return spec


def parse_backend(text: str) -> BackendSpec:
    """Read a backend's one-line form, ``torch:compile``; see `gradcmp.config.parse_backend`."""
    try:
        model = _adapter(Backend).validate_python(text)
    except ValidationError as error:
        raise first_error(error.errors(include_url=False), text, None, "backend") from None
    return _backend(model, "backend", None)


@cache
def _adapter(form: Any) -> TypeAdapter[Any]:
    return TypeAdapter(form)


def _require_identifier(name: str, where: Location | None) -> None:
    if not name.isidentifier() or iskeyword(name) or name.startswith("__"):
        raise ConfigError(
            f"'{name}' cannot be the name of an input or node",
            where=where,
            way_out="Use letters, digits and '_', and no word of Python",
        )


def _input(model: Any, folder: PurePath, where: Location | None) -> InputSpec:
    parameters = model.model_dump(exclude={"kind", "shape"}, exclude_unset=True)
    if model.kind == "file":
        parameters["file"] = str(folder / parameters["file"])
    shape = None if model.shape is None else tuple(model.shape)
    return InputSpec(model.kind, shape, parameters, where)


def _output(model: CaseModel, where: Location) -> str:
    if model.output is None:
        return list(model.graph)[-1]
    if model.output not in model.graph:
        raise ConfigError(
            f"output is '{model.output}', and no node has that name",
            where=where,
            way_out=did_you_mean(model.output, model.graph),
        )
    return model.output


def _wrt(
    model: CaseModel, inputs: Mapping[str, InputSpec], table: Table, file: str
) -> tuple[str, ...]:
    known = {name: check(name, spec) for name, spec in inputs.items()}
    for name, spec in known.items():  # the sum is for whoever knows the nodes' shapes too
        require_memory({name: spec}, inputs[name].where)
    real = tuple(name for name, spec in known.items() if spec.kind == "float")
    if model.wrt is None:
        if not real:
            raise ConfigError(
                "no input is real, so there is no gradient to compare",
                where=locate(table, ("inputs",), file),
                way_out="Add an input of real numbers",
            )
        return real
    for i, name in enumerate(model.wrt):
        path = ("wrt", i)
        if name in model.wrt[:i]:
            raise ConfigError(
                f"{spell(path)} is '{name}' again",
                where=locate(table, path, file),
                way_out="Remove it",
            )
        if name not in real:
            why = ", and that input is not real" if name in inputs else ""
            raise ConfigError(
                f"{spell(path)} is '{name}'{why}",
                where=locate(table, path, file),
                way_out=did_you_mean(name, real),
            )
    return tuple(model.wrt)


def _backends(model: CaseModel, table: Table, file: str) -> tuple[BackendSpec, ...]:
    if model.backends is None:
        return tuple(BackendSpec(name) for name in DEFAULT_BACKENDS)
    specs: dict[str, BackendSpec] = {}
    for i, one in enumerate(model.backends):
        path = ("backends", i)
        where = locate(table, path, file)
        spec = _backend(one, spell(path), where)
        if str(spec) in specs:
            raise ConfigError(
                f"{spell(path)} is '{spec}' again", where=where, way_out="Remove one of them"
            )
        specs[str(spec)] = spec
    return tuple(specs.values())


def _backend(model: BackendModel, path: str, where: Location | None) -> BackendSpec:
    """Make the record of one backend; its adapter says which modes and dtypes there are."""
    try:
        adapter = backend_class(model.name)
    except UsageError as error:
        raise ConfigError(f"{path} is '{model.name}'", where=where, way_out=error.way_out) from None
    for what, found, known in (
        ("mode", model.mode, adapter.modes),
        ("dtype", model.dtype, adapter.dtypes),
    ):
        if found is not None and found not in known:
            raise ConfigError(
                f"{path}: {model.name} has no {what} '{found}'",
                where=where,
                way_out=did_you_mean(found, known),
            )
    return BackendSpec(**model.model_dump(), where=where)


def _tolerance(model: CaseModel) -> Tolerance:
    match model.tolerance:
        case FixedModel(rtol=rtol, atol=atol):
            return Fixed(rtol, atol)
        case UlpModel(ulp=ulp):
            return Ulp(ulp)
        case "table":
            return DTypeTable()
    return Auto()
