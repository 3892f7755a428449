"""Named values inside of a user's function, whatever its framework."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from gradcmp.native.outcome import Array

T = TypeVar("T")
Recorder: TypeAlias = Callable[[str, Any], Any]

_recorder: ContextVar[Recorder | None] = ContextVar("recorder", default=None)
_listening = 0  # how many runs take note: a compiler that traces `tap` sees a number, and no more


def tap(name: str, value: T, axes: Sequence[int] | None = None) -> T:
    """Return `value`; a run of gradcmp takes note of it and of its gradient, under `name`.

    So functions of different frameworks can be compared inside: equal names belong together.
    Use what it returns, since some frameworks know a gradient of that alone. A gradient that was
    derived by hand is a value like any other, whose name begins with ``d``: ``tap("d h", dh)``.

    Parameters
    ----------
    axes : sequence of int, optional
        The order of the axes in which it is compared, as of a transposition: ``(0, 3, 1, 2)`` for
        an image whose channels are last, where the other function has them first.

    Examples
    --------
    >>> h = tap("h1", 2.0)
    >>> h
    2.0
    """
    if not _listening:
        return value
    recorder = _recorder.get()
    if recorder is None:
        return value
    if axes is None:
        noted: T = recorder(name, value)
        return noted
    back = sorted(range(len(axes)), key=lambda place: axes[place])
    moved: T = _transposed(recorder(name, _transposed(value, axes)), back)
    return moved


def _transposed(value: Any, axes: Sequence[int]) -> Any:
    for method in ("permute", "transpose"):  # of torch; of JAX and NumPy
        if hasattr(value, method):
            return getattr(value, method)(tuple(axes))
    return sys.modules["tensorflow"].transpose(value, axes)


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
    """Names that are given out once each: ``h``, then ``h[1]``, ``h[2]``.

    Parameters
    ----------
    called : mapping of str to str, optional
        What some of them are called instead.
    """

    def __init__(self, called: Mapping[str, str] | None = None) -> None:
        self._met: dict[str, int] = {}
        self._called = called or {}

    def __call__(self, name: str) -> str:
        """Return `name`, or the next of its kind."""
        count = self._met.get(name, 0)
        self._met[name] = count + 1
        own = f"{name}[{count}]" if count else name
        return self._called.get(own, own)

    def times(self, name: str) -> int:
        """Return how often a name was given out."""
        return self._met.get(name, 0)


@dataclass(frozen=True)
class Held:
    """Taps that hand on what they are given in place of what comes to them.

    So what lies between two of them runs alone. Their values are among the inputs of the function;
    the gradient that is reported of one is the one that arrives there.

    Attributes
    ----------
    slopes : mapping of str to array
        By tap, the gradient that goes on backwards from it.
    silent : frozenset of str
        Outputs whose cotangent is zero.
    """

    slopes: Mapping[str, Array] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()

    def given(self, inputs: Mapping[str, T]) -> dict[str, T]:
        """Return what a function itself is called with."""
        return {name: one for name, one in inputs.items() if name not in self.slopes}

    def values(self, inputs: Mapping[str, T]) -> dict[str, T]:
        """Return what the taps hand on."""
        return {name: one for name, one in inputs.items() if name in self.slopes}


AS_THEY_COME = Held()
