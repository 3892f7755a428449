"""The models become records: defaults are filled in, and names are checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from keyword import iskeyword
from pathlib import Path, PurePath
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gradcmp.backends import backend_class
from gradcmp.backends.capabilities import missing
from gradcmp.case import (
    BackendSpec,
    Case,
    CodeSpec,
    Expression,
    Fixed,
    InputSpec,
    Tolerance,
    Ulp,
)
from gradcmp.config.code import code_spec
from gradcmp.config.document import Table, require_text
from gradcmp.config.foreign import refuse
from gradcmp.config.messages import errors_of, locate, spell
from gradcmp.config.models import Backend, CaseModel, Input, UlpModel
from gradcmp.errors import ConfigError, Location, UsageError, did_you_mean
from gradcmp.inputs import KINDS, check, require_memory
from gradcmp.keys import Reach, keys
from gradcmp.ops.spec import CONTINUOUS
from gradcmp.system import PIPES
from gradcmp.tolerances import NAMED

DEFAULT_BACKENDS = ("numpy", "tensorflow", "torch")


@dataclass
class _Draft:
    """A case that is being built: its table in the file, and the fields made so far."""

    table: Table
    suffix: str
    file: str
    user_code: bool
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> PurePath:
        """Where the config is, which its data files are relative to; a pipe has no folder."""
        folder = PurePath(self.file).parent
        return PurePath() if str(folder) in PIPES else folder

    def locate(self, *path: str | int) -> Location:
        """Return the place of a key in the file."""
        return locate(self.table, path, self.file)

    def require_own(self, reaches: Mapping[str, Reach], values: Any, *path: str | int) -> None:
        """Refuse what the keys below a path name, where the config is a stranger's."""
        for name, reach in () if self.user_code else reaches.items():
            value = getattr(values, name)
            if value is not None:
                named = self.folder / value if reach is Reach.FILE else _shown(value)
                key, where = f"{spell(path)}.{name}", self.locate(*path, name)
                refuse(reach, key.removeprefix("."), named, Path(self.folder), where)


def build_case(table: Table, suffix: str, file: str, user_code: bool) -> Case:
    """Make the record of one case; its name gets the suffix."""
    try:
        model = CaseModel.model_validate(table)
    except ValidationError as error:
        raise errors_of(error.errors(include_url=False), table, file) from None
    draft = _Draft(table, suffix, file, user_code)
    draft.require_own(_reaches(Case), model)
    for name, key in keys(Case).items():
        value, build = getattr(model, name), BUILDERS.get(key.form)
        draft.made[name] = build(value, draft) if build else value
    return Case(**draft.made, where=Location(file, table.line))


def parse_input(name: str, text: str, dotted: bool = False) -> InputSpec:
    """Read an input's one-line form, ``normal:4x3``; see `gradcmp.config.parse_input`."""
    if not dotted:
        _require_identifier(name, None)
    require_text(text, f"inputs.{name}")
    try:
        model = _adapter(Input).validate_python(text)
    except ValidationError as error:
        raise errors_of(error.errors(include_url=False), text, None, "inputs", name) from None
    spec = _input(model, PurePath(), None)
    check(name, spec)
    return spec


def parse_backend(text: str) -> BackendSpec:
    """Read a backend's one-line form, ``torch:compile``; see `gradcmp.config.parse_backend`."""
    require_text(text, "backend")
    try:
        model = _adapter(Backend).validate_python(text)
    except ValidationError as error:
        raise errors_of(error.errors(include_url=False), text, None, "backend") from None
    return _backend(model, "backend", None)


@cache
def _adapter(form: Any) -> TypeAdapter[Any]:
    return TypeAdapter(form)


def _shown(value: Any) -> str:
    """Return what a key names, of a mapping its own keys."""
    return ", ".join(value) if isinstance(value, Mapping) else str(value)


@cache
def _reaches(record: Any) -> Mapping[str, Reach]:
    return {name: key.reach for name, key in keys(record).items() if key.reach}


def _require_identifier(name: str, where: Location | None, whole: str = "") -> None:
    if not name.isidentifier() or iskeyword(name) or name.startswith("__"):
        raise ConfigError(
            f"'{whole or name}' cannot be the name of an input or node",
            where=where,
            way_out="Use letters, digits and '_', but not a Python keyword",
        )


def _name(written: str, draft: _Draft) -> str:
    name = f"{written}{draft.suffix}"
    if not name.isprintable():
        raise ConfigError(
            f"name is {name!r}, and must be a single line of printable characters",
            where=draft.locate("name"),
        )
    return name


def _inputs(written: Mapping[str, Any], draft: _Draft) -> dict[str, InputSpec]:
    inputs = {}
    for name, model in written.items():
        where = draft.locate("inputs", name)
        first, *others = name.split(".") if "code" in draft.table else [name]
        for part in (first, *(one for one in others if not one.isdecimal())):
            _require_identifier(part, where, name)
        draft.require_own(KINDS[model.kind].reaches, model, "inputs", name)
        inputs[name] = _input(model, draft.folder, where)
    return inputs


def _graph(written: Mapping[str, str] | None, draft: _Draft) -> dict[str, Expression]:
    if (written is None) == ("code" not in draft.table):
        fact = "no 'graph', and no 'code'" if written is None else "both 'graph' and 'code'"
        raise ConfigError(
            f"the case has {fact}", where=draft.locate("graph"), way_out="Write one of them"
        )
    graph = {}
    for name, text in (written or {}).items():
        where = draft.locate("graph", name)
        _require_identifier(name, where)
        graph[name] = Expression(text, where)
    return graph


def _code(written: Mapping[str, Any] | None, draft: _Draft) -> dict[str, CodeSpec]:
    made = {}
    for label, model in (written or {}).items():
        draft.require_own(_reaches(BackendSpec), model, "code", label)
        made[label] = code_spec(label, model, draft.folder, draft.locate("code", label))
    return made


def _reference(written: str | None, draft: _Draft) -> str:
    code: Mapping[str, CodeSpec] = draft.made["code"]
    if written is not None and written not in code:
        raise ConfigError(
            f"reference is '{written}', and no function in 'code' has that label",
            where=draft.locate("reference"),
            way_out=did_you_mean(written, code),
        )
    return written or next(iter(code), "")


def _input(model: Any, folder: PurePath, where: Location | None) -> InputSpec:
    parameters = model.model_dump(exclude={"kind", "shape"}, exclude_unset=True)
    for parameter, reach in KINDS[model.kind].reaches.items():
        if reach is Reach.FILE:
            parameters[parameter] = str(folder / parameters[parameter])
    shape = None if model.shape is None else tuple(model.shape)
    return InputSpec(model.kind, shape, parameters, where)


def _output(written: str | None, draft: _Draft) -> str:
    graph: Mapping[str, Expression] = draft.made["graph"]
    if not graph:
        return ""
    if written is None:
        return list(graph)[-1]
    if written not in graph:
        raise ConfigError(
            f"output is '{written}', and no node has that name",
            where=draft.locate("output"),
            way_out=did_you_mean(written, graph),
        )
    return written


def _wrt(written: list[str] | None, draft: _Draft) -> tuple[str, ...]:
    if "code" in draft.table:  # which may bring parameters: its workers know
        return tuple(written or ())
    inputs: Mapping[str, InputSpec] = draft.made["inputs"]
    known = {name: check(name, spec) for name, spec in inputs.items()}
    for name, spec in known.items():  # their sum is checked where the nodes' shapes are known, too
        require_memory({name: spec}, inputs[name].where)
    real = tuple(name for name, spec in known.items() if spec.kind in CONTINUOUS)
    if written is None:
        if not real:
            raise ConfigError(
                "no input is real-valued, so there is no gradient to compare",
                where=draft.locate("inputs"),
                way_out="Add an input of real numbers",
            )
        return real
    for i, name in enumerate(written):
        path = ("wrt", i)
        if name in written[:i]:
            raise ConfigError(
                f"{spell(path)} is '{name}' again", where=draft.locate(*path), way_out="Remove it"
            )
        if name not in real:
            why = ", and that input is not real-valued" if name in inputs else ""
            raise ConfigError(
                f"{spell(path)} is '{name}'{why}",
                where=draft.locate(*path),
                way_out=did_you_mean(name, real),
            )
    return tuple(written)


def _backends(written: list[Any] | None, draft: _Draft) -> tuple[BackendSpec, ...]:
    code: Mapping[str, CodeSpec] = draft.made["code"]
    if written is None:
        computes = [replace(one.backend, dtype=draft.made["dtype"]) for one in code.values()]
        return tuple(computes) or tuple(BackendSpec(name) for name in DEFAULT_BACKENDS)
    if draft.table.get("code") is not None:
        raise ConfigError(
            "a case of code has no 'backends': its functions say who computes",
            where=draft.locate("backends"),
            way_out="Remove it",
        )
    specs: dict[str, BackendSpec] = {}
    for i, model in enumerate(written):
        path = ("backends", i)
        where = draft.locate(*path)
        draft.require_own(_reaches(BackendSpec), model, *path)
        spec = _backend(model, spell(path), where)
        if str(spec) in specs:
            raise ConfigError(
                f"{spell(path)} is '{spec}' again", where=where, way_out="Remove one of them"
            )
        specs[str(spec)] = spec
    return tuple(specs.values())


def _backend(model: Any, path: str, where: Location | None) -> BackendSpec:
    """Make the record of one backend; its adapter says which modes and dtypes there are."""
    try:
        adapter = backend_class(model.name)
    except UsageError as error:
        raise ConfigError(f"{path} is '{model.name}'", where=where, way_out=error.way_out) from None
    if lack := missing(adapter, model.mode, model.dtype):
        raise ConfigError(f"{path}: {model.name} has no {lack}", where=where, way_out=lack.way_out)
    return BackendSpec(**model.model_dump(), where=where)


def _tolerance(written: Any, draft: _Draft) -> Tolerance:
    if isinstance(written, str):
        return NAMED[written]
    return (Ulp if isinstance(written, UlpModel) else Fixed)(**written.model_dump())


# How a field is made from the value in YAML, by the form of its key; without a form, the value is
# the field. Fields are made in their order: `wrt` needs the inputs, and `output` needs the graph.
BUILDERS: Mapping[str | None, Callable[[Any, _Draft], Any]] = {
    "name": _name,
    "inputs": _inputs,
    "graph": _graph,
    "code": _code,
    "reference": _reference,
    "output": _output,
    "wrt": _wrt,
    "backends": _backends,
    "tolerance": _tolerance,
}
