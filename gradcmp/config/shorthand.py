"""The one-line forms of inputs and backends, in YAML and on the command line alike.

An input is ``kind:shape[:key=value,...]``: ``normal:4x3``, ``arange:4x3:start=1``,
``constant:():value=2``, ``file:data.npz:key=X``, ``values:[[1, 2], [3, 4]]``; the numbers of a
list show what they are, and ``[[1, 2], [3, 4]]`` will do.
A backend is ``name[:mode][,key=value...]``: ``tensorflow:session``, ``torch,dtype=float64``.
"""

from __future__ import annotations

import re
from typing import Any

from gradcmp.config.document import parse, resolve
from gradcmp.errors import ConfigError, did_you_mean
from gradcmp.inputs import KINDS

VALUES = "values"
FORM = "kind:shape[:key=value,...], as in normal:4x3 or arange:4x3:start=1"
BRINGS_SHAPE = tuple(name for name, kind in KINDS.items() if kind.probe is not None)

_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?"
_NUMBERS = re.compile(rf"\s*(\[.*|{_NUMBER}|({_NUMBER})?{_NUMBER}j)", re.DOTALL)
_SHAPE = re.compile(r"[0-9]{1,18}(x[0-9]{1,18})*")  # longer than any axis


def expand_input(text: str) -> dict[str, Any]:
    """Turn ``arange:4x3:start=1`` into the equivalent mapping.

    Raises
    ------
    ConfigError
        Without a place: the caller, who knows the line, adds it.
    """
    text = f"{VALUES}:{text}" if _NUMBERS.fullmatch(text) else text
    kind, _, rest = text.partition(":")
    if kind not in KINDS:
        raise ConfigError(
            f"there is no kind of input '{kind}'",
            way_out=did_you_mean(kind, KINDS) if kind else f"Write {FORM}",
        )
    body, _, options = rest.rpartition(":")
    if "=" not in options:
        body, options = rest, ""
    found: dict[str, Any] = {"kind": kind, **_options(options)}
    if kind not in BRINGS_SHAPE:
        return {**found, "shape": expand_shape(body)}
    return {**found, kind: body if kind == "file" else _numbers(body)}


def expand_shape(text: str) -> list[int]:
    """Turn ``4x3`` into [4, 3]; ``()`` is the shape of a single number."""
    if text == "()":
        return []
    if not _SHAPE.fullmatch(text):
        raise ConfigError(
            f"'{text}' is not a shape" if text else "the shape is missing",
            way_out="Write lengths with 'x' between them, as in 4x3, or () for a single number",
        )
    return [int(length) for length in text.split("x")]


def expand_backend(text: str) -> dict[str, Any]:
    """Turn ``torch:compile,dtype=float64`` into the equivalent mapping.

    Raises
    ------
    ConfigError
        Without a place: the caller, who knows the line, adds it.
    """
    head, _, options = text.partition(",")
    name, colon, mode = head.partition(":")
    return {"name": name, **({"mode": mode} if colon else {}), **_options(options)}


def _numbers(text: str) -> Any:
    try:
        return parse(text, "")
    except ConfigError:
        raise ConfigError(
            f"'{text}' is not a list of numbers", way_out="Write nested lists: [[1, 2], [3, 4]]"
        ) from None


def _options(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in text.split(",") if text else ():
        key, equals, value = part.partition("=")
        if not (key.strip() and equals):
            raise ConfigError(f"'{part}' is not an option", way_out="Write options as key=value")
        if key.strip() in found:
            raise ConfigError(f"'{key.strip()}' is given twice", way_out="Remove one of them")
        found[key.strip()] = resolve(value.strip())
    return found
