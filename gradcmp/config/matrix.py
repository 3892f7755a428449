"""One case becomes many: defaults are merged in, and a matrix expands to its combinations."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gradcmp.config.document import Items, Table
from gradcmp.config.messages import locate, shorten, show
from gradcmp.config.models import CaseModel
from gradcmp.errors import ConfigError, Location, UsageError, did_you_mean
from gradcmp.inputs.edge_cases import EdgeCase, edge_cases

MAX_CASES = 10_000  # of one file; a matrix of a few long lists soon means millions
MERGED = ("inputs", "graph")  # by name; everything else is replaced as a whole
# Fields that a matrix cannot vary.
FIXED = {"name", "description", "inputs", "graph", "matrix", "shapes", "values"}
FIELDS = frozenset(CaseModel.model_fields) - FIXED

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def merge(defaults: Table, case: Table) -> Table:
    """Put a case over the defaults."""
    merged = Table(case.line)
    for layer in (defaults, case):
        for key, value in layer.items():
            under = merged.get(key)
            if key in MERGED and isinstance(value, Table) and isinstance(under, Table):
                value = _over(under, value)
            merged.put(key, value, layer.lines[key])
    return merged


def _over(under: Table, over: Table) -> Table:
    merged = Table(over.line, {**under.lines, **over.lines})
    merged.update({**under, **over})
    return merged


def size(case: Table, file: str) -> int:
    """Return the number of cases that a case with a matrix stands for."""
    return math.prod(len(axis) for axis in _axes(case, file).values())


def expand(case: Table, file: str) -> Iterator[tuple[Table, str]]:
    """Return every combination of the case's matrix, and the suffix of its name.

    Raises
    ------
    ConfigError
        For a variable that is unknown or unused, and a matrix that is not a mapping of lists.
    """
    axes = _axes(case, file)
    for choice in itertools.product(*(range(len(axis)) for axis in axes.values())):
        chosen = dict(zip(axes, choice, strict=True))
        values = {name: axes[name][i] for name, i in chosen.items()}
        variables = _Variables(
            file,
            {name: value for name, value in values.items() if name not in FIELDS},
            case.get("shapes") or (),
        )
        one = Table(case.line)
        for key, value in case.items():
            if key != "matrix":
                one.put(key, variables.fill(value, case.lines[key], (key,)), case.lines[key])
        for name, value in values.items():
            if name in FIELDS:
                one.put(name, value, axes[name].lines[chosen[name]])
        for name in variables.values.keys() - variables.used:
            raise ConfigError(
                f"the matrix variable '{name}' is not used",
                where=locate(case, ("matrix", name), file),
                way_out=_way_to_use(name),
            )
        label = ",".join(f"{name}={show(value)}" for name, value in values.items())
        yield one, f"[{label}]" if label else ""


def at_edges(case: Table, file: str) -> list[EdgeCase]:
    """Return what `shapes` and `values` of a case make of it; itself where it has neither.

    Raises
    ------
    ConfigError
        For names of lengths, inputs or values that there are not.
    """
    inputs = case.get("inputs")
    shapes, values = case.get("shapes"), case.get("values")
    if (shapes is None and values is None) or not isinstance(inputs, Table):
        return [EdgeCase()]
    for key, kinds in (("shapes", Table), ("values", Table | Items)):
        if key in case and not isinstance(case[key], kinds):
            raise ConfigError(
                f"{key} is {shorten(case[key])}, and must be lists by name",
                where=locate(case, (key,), file),
            )
    try:
        return edge_cases(inputs, shapes, values)
    except UsageError as error:
        key = "shapes" if shapes is not None and "shapes" in error.fact else "values"
        raise ConfigError(
            error.fact, where=locate(case, (key,), file), way_out=error.way_out
        ) from None


def at_edge(case: Table, edge: EdgeCase) -> Table:
    """Return a case with the lengths and the values that were chosen."""
    found = Table(case.line)
    for key, value in case.items():
        if key in ("shapes", "values"):
            continue
        if key == "inputs" and isinstance(value, Table):
            chosen = Table(value.line)
            for name, spec in value.items():
                chosen.put(name, _laid_out(edge.input(name, spec), spec), value.lines[name])
            value = chosen
        found.put(key, value, case.lines[key])
    return found


def _laid_out(chosen: Any, spec: Any) -> Any:
    """Return a mapping that was chosen as a table, with the lines of the one before."""
    if not isinstance(chosen, dict) or isinstance(chosen, Table):
        return chosen
    lines = spec.lines if isinstance(spec, Table) else {}
    found = Table(getattr(spec, "line", 1))
    for key, value in chosen.items():
        found.put(key, value, lines.get(key, found.line))
    return found


def _way_to_use(name: str) -> str:
    near = did_you_mean(name, FIELDS) or ""
    return near if near.startswith("Did") else f"Write ${{{name}}} where it belongs, or remove it"


def _axes(case: Table, file: str) -> Mapping[str, Items]:
    if "matrix" not in case:
        return {}
    matrix = case["matrix"]
    if not isinstance(matrix, Table):
        raise ConfigError(
            f"matrix is {shorten(matrix)}, and must be a mapping of lists",
            where=locate(case, ("matrix",), file),
        )
    for name, axis in matrix.items():
        where = locate(case, ("matrix", name), file)
        if name in FIXED:
            raise ConfigError(
                f"matrix cannot vary '{name}'",
                where=where,
                way_out=f"Write variables, and ${{variable}} inside '{name}'",
            )
        if not (isinstance(axis, Items) and axis):
            raise ConfigError(
                f"matrix.{name} is {shorten(axis)}, and must be a list of values", where=where
            )
        labels = [show(value) for value in axis]
        for i, label in enumerate(labels):
            if label in labels[:i]:
                raise ConfigError(
                    f"matrix.{name} contains {label} twice",
                    where=locate(case, ("matrix", name, i), file),
                    way_out="Remove one of them",
                )
    return matrix


@dataclass
class _Variables:
    """The variables of one combination; remembers which of them were used.

    Attributes
    ----------
    lengths : collection of str
        Names that stand for lengths, which are chosen later.
    """

    file: str
    values: Mapping[str, Any]
    lengths: Collection[str] = ()
    used: set[str] = field(default_factory=set)

    def fill(self, value: Any, line: int, path: tuple[str, ...]) -> Any:
        """Return `value` with every variable replaced, at any depth."""
        if isinstance(value, Table):
            table = Table(value.line)
            for key, item in value.items():
                table.put(key, self.fill(item, value.lines[key], (*path, key)), value.lines[key])
            return table
        if isinstance(value, Items):
            items = Items(value.line)
            for item, at in zip(value, value.lines, strict=True):
                items.put(self.fill(item, at, path), at)
            return items
        return self.text(value, line, path) if isinstance(value, str) else value

    def text(self, text: str, line: int, path: tuple[str, ...]) -> Any:
        is_length = not {*text.split("x")}.isdisjoint(self.lengths)
        if is_length and path[0] == "inputs" and path[2:] == ("shape",):
            return text
        if path[0] == "inputs" and path[2:] == ("shape",) and text.isidentifier():
            return self.get(text, line)
        alone = _VARIABLE.fullmatch(text)
        if alone:
            return self.get(alone[1], line)
        return _VARIABLE.sub(lambda match: self.inside(match[1], line), text)

    def inside(self, name: str, line: int) -> str:
        value = self.get(name, line)
        if isinstance(value, Table | Items) or value is None:
            raise ConfigError(
                f"the matrix variable '{name}' is {shorten(value)}, and cannot stand inside text",
                where=Location(self.file, line),
                way_out="Let it stand alone",
            )
        return str(value)

    def get(self, name: str, line: int) -> Any:
        if name not in self.values:
            raise ConfigError(
                f"there is no matrix variable '{name}'",
                where=Location(self.file, line),
                way_out=did_you_mean(name, self.values) or "Define it as a list under 'matrix'",
            )
        self.used.add(name)
        return self.values[name]
