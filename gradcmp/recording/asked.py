"""The case of a recording as facts that JSON can write, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from gradcmp.case import BackendSpec, Case, CodeSpec, Expression, InputSpec
from gradcmp.dtypes import AUTOCAST
from gradcmp.errors import RecordingError
from gradcmp.keys import ORIGIN, Key, Place, keys, written_in
from gradcmp.recording.facts import AGAIN, is_shape, is_text, take, take_map, take_texts

OF_CODE = ("code", "reference", "layouts")


def case_to_facts(case: Case, place: Place) -> dict[str, Any]:
    """Return the keys of a case that are written in a place; of an input, its kind and shape.

    What only code has is left out where there is none.
    """
    return {
        name: _plain(value)
        for name, value in written_in(place, case).items()
        if case.code or name not in OF_CODE
    }


def case_of_facts(facts: Mapping[str, Any]) -> Case:
    """Read a case from its facts in an origin; it has no backends.

    Raises
    ------
    RecordingError
        When a fact is missing, or of another type.
    """
    asked = {name: _read(facts, key) for name, key in keys(Case).items() if ORIGIN in key.places}
    return Case(**asked, backends=())


def _plain(value: Any) -> Any:
    if isinstance(value, InputSpec):
        return {"kind": value.kind, "shape": _plain(value.shape)}
    if isinstance(value, Expression):
        return value.text
    if isinstance(value, CodeSpec):
        found = {"framework": value.backend.name, "source": value.source}
        how = {"mode": value.backend.mode, "autocast": value.autocast}
        return {**found, **{name: one for name, one in how.items() if one is not None}}
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _read(facts: Mapping[str, Any], key: Key) -> Any:
    """Read the value of a key; one that is absent because it is younger than the file is off."""
    if key.form in READERS:
        return READERS[key.form](facts, key.name)
    if key.name not in facts and key.is_off(key.default):
        return key.default
    return _take(facts, key.name, key.type)


def _take(facts: Mapping[str, Any], name: str, kind: Any) -> Any:
    """Return a fact of the type that the field of the record has."""
    if get_origin(kind) is Literal:
        return _one_of(facts, name, get_args(kind))
    if get_origin(kind) is tuple:
        return tuple(take_texts(facts, name))
    if get_origin(kind) in (Union, UnionType):  # of a type and None
        inner, *_ = (one for one in get_args(kind) if one is not type(None))
        return None if facts.get(name, "") is None else _take(facts, name, inner)
    return take(facts, name, kind)


def _one_of(facts: Mapping[str, Any], name: str, words: tuple[Any, ...]) -> Any:
    word = take(facts, name, str)
    if word not in words:
        raise RecordingError(
            f"its metadata has the {name} '{word}', which is not one of {', '.join(words)}",
            way_out=AGAIN,
        )
    return word


def _inputs(facts: Mapping[str, Any], name: str) -> dict[str, InputSpec]:
    return {
        name: InputSpec(take(spec, "kind", str), tuple(take(spec, "shape", list)))
        for name, spec in take_map(facts, name, _is_input).items()
    }


def _is_input(fact: Any) -> bool:
    return isinstance(fact, dict) and is_text(fact.get("kind")) and is_shape(fact.get("shape"))


def _graph(facts: Mapping[str, Any], name: str) -> dict[str, Expression]:
    return {name: Expression(text) for name, text in take_map(facts, name, is_text).items()}


def _code(facts: Mapping[str, Any], name: str) -> dict[str, CodeSpec]:
    if name not in facts:
        return {}
    return {
        label: CodeSpec(
            one["source"], BackendSpec(one["framework"], one.get("mode")), one.get("autocast")
        )
        for label, one in take_map(facts, name, _is_function).items()
    }


def _is_function(fact: Any) -> bool:
    if not isinstance(fact, dict) or fact.get("autocast") not in (None, *AUTOCAST):
        return False
    return all(map(is_text, (fact.get("framework"), fact.get("source"), fact.get("mode", ""))))


# By the form of the key; all others are read by the type of their field.
READERS: Mapping[str | None, Callable[[Mapping[str, Any], str], Any]] = {
    "inputs": _inputs,
    "graph": _graph,
    "code": _code,
}
