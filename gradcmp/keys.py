"""A config key is one field of a record, and everything that depends on it follows from the field.

The pydantic model, the JSON Schema, the manual's table, the JSON report, the case on the page and
the origin of a recording are all made from `keys`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum, Flag, auto
from functools import cache
from typing import Any, get_type_hints

REQUIRED = dataclasses.MISSING  # the default of a key that every config must have


class Place(Flag):
    """Where a key is written, besides the config itself."""

    NOWHERE = 0
    PAGE = auto()  # the case as YAML on the HTML page
    JSON = auto()  # the JSON report
    ORIGIN = auto()  # the origin of a saved recording
    LABEL = auto()  # the label of a backend, by which reports tell it from the others


PAGE, JSON, ORIGIN, LABEL = Place.PAGE, Place.JSON, Place.ORIGIN, Place.LABEL
EVERYWHERE = PAGE | JSON | ORIGIN


OPTION = "--no-user-code"  # of commands: refuses what a key reaches


class Reach(Enum):
    """What a value names that is not part of the config, as errors call it."""

    PROGRAM = "a program"
    CODE = "code"
    FILE = "a file"


@dataclasses.dataclass(frozen=True)
class Key:
    """All that is known of a config key.

    Attributes
    ----------
    name : str
        Its name in configs.
    type : Any
        The type of the field.
    default : Any
        The value without the key; `REQUIRED` where the key must be there.
    description : str
        One or two sentences for the JSON Schema and the manual.
    places : Place
        Where it is written.
    form : str, optional
        The name of its own form where YAML has it in another type than the record has:
        `gradcmp.config.models.FORMS` says which.
    limits : mapping of str to Any
        Bounds on the value, by pydantic's names for them: ``ge``, ``gt``, ``max_length`` ….
    reach : Reach, optional
        What the value names, where that is not part of the config: ``--no-user-code`` refuses
        programs, code, and files outside of the config's folder.
    is_quiet : bool
        Whether its default says no more than its absence, whatever it is.
    """

    name: str
    type: Any
    default: Any
    description: str
    places: Place
    form: str | None
    limits: Mapping[str, Any]
    reach: Reach | None
    is_quiet: bool

    def is_off(self, value: object) -> bool:
        """Whether the value says no more than the key's absence: false, empty or none by default.

        A key with another default, such as a seed of 0, is written out even then.
        """
        absent = self.default is None or self.default is False or self.default in ("", {})
        absent |= self.is_quiet
        return absent and bool(value == self.default)


def key(
    description: str,
    places: Place = Place.NOWHERE,
    *,
    form: str | None = None,
    limits: Mapping[str, Any] | None = None,
    reach: Reach | None = None,
    is_quiet: bool = False,
) -> Mapping[str, Any]:
    """Return the metadata that makes a field of a dataclass a config key; see `Key`."""
    return {
        "description": description,
        "places": places,
        "form": form,
        "limits": limits or {},
        "reach": reach,
        "is_quiet": is_quiet,
    }


@cache
def keys(record: type[Any]) -> Mapping[str, Key]:
    """Return the fields of a dataclass that are config keys, by name, in their order."""
    types = get_type_hints(record)
    return {
        field.name: Key(field.name, types[field.name], _default(field), **field.metadata)
        for field in dataclasses.fields(record)
        if field.metadata
    }


def written_in(place: Place, record: Any) -> dict[str, Any]:
    """Return those keys of a record that are written in a place, with their values."""
    return {name: getattr(record, name) for name in _names(place, record.__class__)}


@cache  # backends are named by their labels all the time
def _names(place: Place, record: Any) -> tuple[str, ...]:
    return tuple(name for name, key in keys(record).items() if place in key.places)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
