"""One case becomes many: defaults are merged in, and a matrix expands to its combinations."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gradcmp.config.document import Items, Table
from gradcmp.config.messages import locate, shorten, show
from gradcmp.config.models import CaseModel
from gradcmp.errors import ConfigError, Location, did_you_mean

MAX_CASES = 10_000  # of one file; a matrix of a few long lists soon means millions
MERGED = ("inputs", "graph")  # by name; everything else is replaced as a whole
FIXED = {"name", "description", "inputs", "graph", "matrix"}  # fields that a matrix cannot vary
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
            file, {name: value for name, value in values.items() if name not in FIELDS}
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
    """The variables of one combination; remembers which of them were used."""

    file: str
    values: Mapping[str, Any]
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
