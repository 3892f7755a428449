"""What a worker may say beside a recording: a few words, each with its facts.

A worker is another program: whatever it says is read as input that anybody may have written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast, get_args

from gradcmp.errors import RecordingError
from gradcmp.recording import FailureKind
from gradcmp.recording.facts import BROKEN, is_seconds, is_text, parse, take, take_map
from gradcmp.workers.records import Description

LENGTH = 1 << 20  # bytes of the longest word
MESSAGE_LENGTH = 2000  # characters of a message that are kept
SHOWN = 60  # bytes of nonsense that are quoted


@dataclass(frozen=True)
class Importing:
    """Its framework begins to load."""


@dataclass(frozen=True)
class Ready:
    """Its framework has loaded."""

    description: Description


@dataclass(frozen=True)
class Unable:
    """Its framework cannot be loaded; nothing will follow."""

    kind: FailureKind
    message: str


@dataclass(frozen=True)
class Raised:
    """The request that runs has failed, and the worker stands."""

    kind: FailureKind
    message: str


Word: TypeAlias = Importing | Ready | Unable | Raised


def is_word(content: memoryview) -> bool:
    """Whether a frame is a word: a recording begins with a length, a multiple of eight."""
    return bytes(content[:1]) == b"{"


def read_word(content: memoryview) -> Word:
    """Read a frame that is a word.

    Raises
    ------
    RecordingError
        When it is none: no JSON, no known word, or facts that are missing or of another type.
    """
    if len(content) > LENGTH:
        raise RecordingError(f"a word of {len(content)} bytes")
    try:
        facts = parse(bytes(content).decode())
    except BROKEN as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise RecordingError(f"{quote(content)} ({reason})") from None
    word = facts.get("word")
    if not isinstance(word, str) or word not in _READ:
        raise RecordingError(f"the word {json.dumps(word)[:SHOWN]}")
    return _READ[word](facts)


def quote(content: memoryview | bytes) -> str:
    """Return the beginning of what was said, as a sentence can hold it."""
    begin = bytes(content[:SHOWN])
    return repr(begin)[1:] + (" …" if len(content) > SHOWN else "")


def _ready(facts: Mapping[str, Any]) -> Ready:
    devices, modes = (_texts(facts, key) for key in ("devices", "modes"))
    seconds = facts.get("seconds")
    if seconds is None or not is_seconds(seconds):
        raise RecordingError("its word 'ready' has an invalid 'seconds'")
    return Ready(Description(devices, modes, take_map(facts, "environment", is_text), seconds))


def _texts(facts: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = take(facts, key, list)
    if not all(map(is_text, found)):
        raise RecordingError(f"its word 'ready' has an invalid '{key}'")
    return tuple(found)


def _failure(facts: Mapping[str, Any]) -> tuple[FailureKind, str]:
    kind = facts.get("kind")
    if kind not in get_args(FailureKind):
        raise RecordingError(f"a failure of the kind {json.dumps(kind)[:SHOWN]}")
    return cast("FailureKind", kind), take(facts, "message", str)[:MESSAGE_LENGTH]


_READ: Mapping[str, Callable[[Mapping[str, Any]], Word]] = {
    "importing": lambda facts: Importing(),
    "ready": _ready,
    "unable": lambda facts: Unable(*_failure(facts)),
    "failure": lambda facts: Raised(*_failure(facts)),
}
