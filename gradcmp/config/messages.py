"""Pydantic's errors as one sentence of ours, with file, line and the way out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from gradcmp.config.document import Items, Table
from gradcmp.config.models import INPUTS, BackendModel, CaseModel, FixedModel, UlpModel
from gradcmp.errors import ConfigError, GradcmpError, Location, did_you_mean, together
from gradcmp.tolerances import WHY

Path: TypeAlias = Sequence["str | int"]
Details: TypeAlias = Mapping[str, Any]

WANTED: Mapping[str, str] = {
    "string_type": "text; numbers become text in quotes",
    "int_type": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
TAGS = {"inputs": 2, "tolerance": 1}  # where pydantic's path names a member of a union


def errors_of(errors: Iterable[Details], data: Any, file: str | None, *prefix: str) -> GradcmpError:
    """Turn pydantic's errors into ours, in the file's order, one for each place.

    Keys that are missing come last, and not at all beside an unknown key: mostly that is the same
    one, misspelt.

    Parameters
    ----------
    errors : iterable of mapping
        ``ValidationError.errors()``.
    data : Table
        What was validated; it knows the lines.
    prefix : str
        Where `data` stands, when it is part of a case.
    """

    def order(details: Details) -> tuple[bool, int]:
        return details["type"] == "missing", _line(data, _written(details["loc"])) or 0

    first: dict[tuple[str | int, ...], Details] = {}
    for details in sorted(errors, key=order):
        first.setdefault(tuple(_written(details["loc"])), details)
    found = list(first.values())
    if any(details["type"] == "extra_forbidden" for details in found):
        found = [details for details in found if details["type"] != "missing"]
    return together([_error_of(details, data, file, *prefix) for details in found])


def _error_of(details: Details, data: Any, file: str | None, *prefix: str) -> GradcmpError:
    rule = _RULES.get(details["type"], _other)
    where = None if file is None else locate(data, _written(details["loc"]), file)
    return rule(details, (*prefix, *details["loc"])).at(where)


def locate(data: Any, path: Path, file: str) -> Location:
    """Return the place of the deepest part of `path` that is written in the file."""
    return Location(file, _line(data, path))


def _line(data: Any, path: Path) -> int | None:
    line = data.line if isinstance(data, Table | Items) else None
    for part in path:
        if isinstance(data, Table) and part in data:
            line, data = data.lines[str(part)], data[str(part)]
        elif isinstance(data, Items) and isinstance(part, int) and part < len(data):
            line, data = data.lines[part], data[part]
    return line


def spell(path: Path) -> str:
    """Write pydantic's path as a person would: ``backends[1].dtype``."""
    parts = _written(path)
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".")


def _written(path: Path) -> Path:
    """Return pydantic's path without the parts that are not written in the file."""
    tag = TAGS.get(str(path[0])) if path else None
    return [part for i, part in enumerate(path) if i != tag]


def show(value: object) -> str:
    """Write a value as it would stand in YAML, on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {show(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(show, value)) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)


def shorten(value: object) -> str:
    """Write a found value on one line, in quotes when it is text."""
    text = " ".join(show(value).split())
    text = text if len(text) <= 60 else f"{text[:57]}..."
    return f"'{text}'" if isinstance(value, str) else text


def _keys(path: Path) -> Iterable[str]:
    """Return the keys that are allowed where the key at the end of `path` stands."""
    match path:
        case ["inputs", _, kind, _]:
            return INPUTS[str(kind)].model_fields
        case ["tolerance", tag, _]:
            return (UlpModel if tag == "ulp" else FixedModel).model_fields
        case ["backends", _, _] | ["backend", _]:
            return BackendModel.model_fields
    return CaseModel.model_fields


def _word(found: object) -> str:
    """Return a found value as a word that may be misspelt; only text can be."""
    return found if isinstance(found, str) else ""


def _unknown_key(details: Details, path: Path) -> GradcmpError:
    inside = spell(path[:-1])
    return ConfigError(
        f"unknown key '{path[-1]}'" + (f" in {inside}" if inside else ""),
        way_out=did_you_mean(str(path[-1]), _keys(path)),
    )


def _missing_key(details: Details, path: Path) -> GradcmpError:
    return ConfigError(f"{spell(path[:-1]) or 'the case'} has no '{path[-1]}'", way_out="Add it")


def _no_kind(details: Details, path: Path) -> GradcmpError:
    return ConfigError(
        f"{spell(path)} has no 'kind'", way_out=f"Choose from {', '.join(sorted(INPUTS))}"
    )


def _unknown_kind(details: Details, path: Path) -> GradcmpError:
    tag = details["input"]["kind"]
    return ConfigError(
        f"{spell(path)}.kind is {shorten(tag)}", way_out=did_you_mean(_word(tag), INPUTS)
    )


def _no_choice(details: Details, path: Path) -> GradcmpError:
    choices = re.findall(r"'([^']*)'", details["ctx"]["expected"])
    found = details["input"]
    return ConfigError(
        f"{spell(path)} is {shorten(found)}", way_out=did_you_mean(_word(found), choices)
    )


def _empty(details: Details, path: Path) -> GradcmpError:
    return ConfigError(f"{spell(path)} is empty", way_out="Fill it in, or remove it")


def _too_long(details: Details, path: Path) -> GradcmpError:
    found, most = details["ctx"]["actual_length"], details["ctx"]["max_length"]
    return ConfigError(f"{spell(path)} has {found} entries, and may have at most {most}")


def _too_small(details: Details, path: Path) -> GradcmpError:
    bounds = details["ctx"]
    wanted = f"at least {bounds['ge']:g}" if "ge" in bounds else f"more than {bounds['gt']:g}"
    return ConfigError(f"{spell(path)} is {shorten(details['input'])}, and must be {wanted}")


def _not_a_word(details: Details, path: Path) -> GradcmpError:
    found = ascii(details["input"])
    return ConfigError(f"{spell(path)} is {found}, and must be text in UTF-8, in a single line")


def _too_large(details: Details, path: Path) -> GradcmpError:
    fact = f"{spell(path)} is {shorten(details['input'])}"
    return ConfigError(
        f"{fact}, and must be less than {details['ctx']['lt']:g}", way_out=WHY.get(str(path[-1]))
    )


def _ours(details: Details, path: Path) -> GradcmpError:
    error: GradcmpError = details["ctx"]["error"].args[0]
    error.fact = f"{spell(path)}: {error.fact}"
    return error


def _other(details: Details, path: Path) -> GradcmpError:
    wanted = WANTED.get(details["type"], "something else")
    if len(path) == 2 and path[0] in ("inputs", "backends"):
        wanted += " or text"
    fact = f"{spell(path) or 'the case'} is {shorten(details['input'])}, and must be {wanted}"
    torn = path and path[0] == "graph" and details["input"] is None  # {a: sum(x, 0)} is two keys
    return ConfigError(
        fact,
        way_out="Inside {}, put an expression that contains commas in quotes" if torn else None,
    )


_RULES: Mapping[str, Callable[[Details, Path], GradcmpError]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing_key,
    "union_tag_not_found": _no_kind,
    "union_tag_invalid": _unknown_kind,
    "literal_error": _no_choice,
    "too_short": _empty,
    "too_long": _too_long,
    "string_too_short": _empty,
    "string_pattern_mismatch": _not_a_word,
    "string_unicode": _not_a_word,
    "greater_than": _too_small,
    "greater_than_equal": _too_small,
    "less_than": _too_large,
    "value_error": _ours,
}
