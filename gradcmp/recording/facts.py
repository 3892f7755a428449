"""Facts from JSON that may be hostile: each is asked for by name and type."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from gradcmp.errors import RecordingError

T = TypeVar("T")

AGAIN = "Record it again"
FOREVER = 1e12  # seconds, beyond any: JSON knows 1e999 and whole numbers that no float can hold
HUGE = 1e300  # beyond any size that is told of: JSON knows 1e999
BROKEN = (KeyError, TypeError, ValueError, OverflowError, RecursionError)  # by hostile JSON


def parse(text: str) -> dict[str, Any]:
    """Return the object that a JSON text is.

    Raises
    ------
    TypeError, ValueError, RecursionError
        When it is not an object, or contains a number or a name that JSON cannot write.
    """
    facts = _DECODER.decode(text)
    if not isinstance(facts, dict):
        raise TypeError(f"a {type(facts).__name__} where its facts should be")
    if r"\ud" in text.lower():
        json.dumps(facts, ensure_ascii=False).encode()  # fails on half a surrogate pair
    return facts


def take(facts: Mapping[str, Any], key: str, kind: type[T]) -> T:
    """Return a fact of exactly this type.

    Raises
    ------
    RecordingError
        When it is missing, or of another type.
    """
    fact = facts.get(key)
    if type(fact) is not kind:  # a bool is not an int here
        raise RecordingError(f"its metadata has no '{key}' of type {kind.__name__}", way_out=AGAIN)
    return fact


def take_map(facts: Mapping[str, Any], key: str, of: Callable[[Any], bool]) -> dict[str, Any]:
    """Return a mapping whose every value passes `of`; raises as `take`."""
    found: dict[str, Any] = take(facts, key, dict)
    for name, value in found.items():
        if not of(value):
            raise RecordingError(f"its metadata has an invalid '{key}' for '{name}'", way_out=AGAIN)
    return found


def take_texts(facts: Mapping[str, Any], key: str) -> list[str]:
    """Return a list of nothing but texts; raises as `take`."""
    found = take(facts, key, list)
    if not all(map(is_text, found)):
        raise RecordingError(f"its metadata has no sensible '{key}'", way_out=AGAIN)
    return found


def is_text(fact: Any) -> bool:
    """Whether it is a string."""
    return isinstance(fact, str)


def is_seconds(fact: Any) -> bool:
    """Whether it is a number of seconds, from 0 on and finite."""
    return type(fact) in (int, float) and 0 <= fact < FOREVER


def is_number(fact: Any) -> bool:
    """Whether it is a number, and finite."""
    return type(fact) in (int, float) and -HUGE < fact < HUGE


def is_shape(fact: Any) -> bool:
    """Whether it is a list of integers of at least 0."""
    return isinstance(fact, list) and all(type(length) is int and length >= 0 for length in fact)


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} in its header")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
