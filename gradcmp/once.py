"""Properties that are computed when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class once(Generic[T]):  # noqa: N801 - reads as `property` does
    """A property that is computed once: without the lock of `functools.cached_property`.

    Python 3.11 takes that lock for every first access, which is most of what small arrays need.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> T:
        value: T = self.compute(instance)
        instance.__dict__[self.name] = value  # found there before this is asked again
        return value
