"""Checks of static arguments: what is written into a call rather than computed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradcmp.ops.spec import ShapeError


def require_bool(name: str, value: object) -> None:
    """Raise `ShapeError` unless `value` is True or False."""
    if not isinstance(value, bool):
        raise ShapeError(f"{name} is {value!r}, and must be True or False")


def require_int(name: str, value: object, low: int | None = None) -> None:
    """Raise `ShapeError` unless `value` is an integer of at least `low`."""
    bound = "" if low is None else f" of at least {low}"
    if isinstance(value, bool) or not isinstance(value, int) or (low is not None and value < low):
        raise ShapeError(f"{name} is {value!r}, and must be an integer{bound}")


def require_ints(name: str, value: object, low: int | None = None) -> None:
    """Raise `ShapeError` unless `value` is a tuple of integers of at least `low`."""
    if not isinstance(value, tuple):
        raise ShapeError(f"{name} is {value!r}, and must be a tuple of integers")
    for i, one in enumerate(value):
        require_int(f"{name}[{i}]", one, low)


def require_number(name: str, value: object, low: float = -math.inf) -> None:
    """Raise `ShapeError` unless `value` is a number of at least `low`, and not NaN."""
    bound = "" if low == -math.inf else f" of at least {low:g}"
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= low:
        raise ShapeError(f"{name} is {value!r}, and must be a number{bound}")


def require_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise `ShapeError` unless `value` is one of `choices`."""
    if value not in choices:
        known = ", ".join(repr(choice) for choice in choices)
        raise ShapeError(f"{name} is {value!r}, and must be one of {known}")


COUNTS = ("", "one integer", "one integer or two", "one integer or three")


def for_each_axis(name: str, value: object, axes: int, low: int) -> tuple[int, ...]:
    """Return an integer of at least `low` for each axis, of one for all of them or one each."""
    if not isinstance(value, tuple):
        require_int(name, value, low)
        return (value,) * axes  # type: ignore[return-value]
    require_ints(name, value, low)
    if len(value) != axes:
        raise ShapeError(f"{name} is {value!r}, and must be {COUNTS[axes]}")
    return value
