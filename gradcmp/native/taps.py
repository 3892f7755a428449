"""Named values inside of a user's function, whatever its framework."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
Recorder: TypeAlias = Callable[[str, Any], Any]

_recorder: ContextVar[Recorder | None] = ContextVar("recorder", default=None)
_listening = 0  # how many runs take note: a compiler that traces `tap` sees a number, and no more


def tap(name: str, value: T) -> T:
    """Return `value`; a run of gradcmp takes note of it and of its gradient, under `name`.

    So functions of different frameworks can be compared inside: equal names belong together.
    Use what it returns, since some frameworks know a gradient of that alone.

    Examples
    --------
    >>> h = tap("h1", 2.0)
    >>> h
    2.0
    """
    if not _listening:
        return value
    recorder = _recorder.get()
    noted: T = value if recorder is None else recorder(name, value)
    return noted


@contextmanager
def recording(recorder: Recorder | None) -> Iterator[None]:
    """Hand each tap to `recorder`, which returns what goes on in its place."""
    global _listening
    token = _recorder.set(recorder)
    _listening += recorder is not None
    try:
        yield
    finally:
        _recorder.reset(token)
        _listening -= recorder is not None


class Counted:
    """Names that are given out once each: ``h``, then ``h[1]``, ``h[2]``."""

    def __init__(self) -> None:
        self._met: dict[str, int] = {}

    def __call__(self, name: str) -> str:
        """Return `name`, or the next of its kind."""
        count = self._met.get(name, 0)
        self._met[name] = count + 1
        return f"{name}[{count}]" if count else name
