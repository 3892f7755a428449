"""What a plain YAML scalar means: the core schema of YAML 1.2, section 10.3.2.

PyYAML follows YAML 1.1, where ``1e-5`` is a string, ``on`` is a boolean and ``12:30`` is 750.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from gradcmp.errors import ConfigError

Scalar: TypeAlias = "str | int | float | bool | None"

MAX_DIGITS = 300  # what still fits into a float64


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ConfigError(f"a number has more than {MAX_DIGITS} digits")
    return int(text)


_RULES: tuple[tuple[re.Pattern[str], Callable[[str], Scalar]], ...] = (
    (re.compile(r"null|Null|NULL|~|"), lambda text: None),
    (re.compile(r"true|True|TRUE"), lambda text: True),
    (re.compile(r"false|False|FALSE"), lambda text: False),
    (re.compile(r"[-+]?[0-9]+"), _integer),
    (re.compile(r"0o[0-7]+"), lambda text: int(text[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text[2:], 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)"), lambda text: float(text.replace(".", ""))),
    (re.compile(r"\.(nan|NaN|NAN)"), lambda text: float("nan")),
)


def resolve(text: str) -> Scalar:
    """Return the value of a plain scalar; what is nothing else is a string.

    Raises
    ------
    ConfigError
        Without a place, for an integer that is too long to be meant.
    """
    for pattern, convert in _RULES:
        if pattern.fullmatch(text):
            return convert(text)
    return text


def show(value: object) -> str:
    """Write a value as it would stand in YAML, on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {show(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(show, value)) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)
