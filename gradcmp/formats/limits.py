"""How much a file of anybody may ask for: so many arrays, so deep, so many bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gradcmp import machine
from gradcmp.errors import RecordingError

ARRAYS = 100_000  # of one file: no model has as many, and a file may name one array endlessly
DEPTH = 64  # of nested names


class Budget:
    """What is left for the rest of a file."""

    def __init__(self) -> None:
        there = machine.memory()
        self._room = None if there is None else there // 2
        self._names: set[str] = set()
        self._depth = 0

    def count(self, name: str) -> None:
        """Take note of an array; raises RecordingError for one too many or of a taken name."""
        if name in self._names:
            raise RecordingError(f"two arrays are called '{name}'", way_out="Rename one of them")
        self._names.add(name)
        if len(self._names) > ARRAYS:
            raise RecordingError(f"it contains more than {ARRAYS} arrays")

    @contextmanager
    def deeper(self, place: str) -> Iterator[None]:
        """Go into what is nested; raises RecordingError for what is nested too deeply."""
        self._depth += 1
        if self._depth > DEPTH:
            raise RecordingError(f"it is nested more than {DEPTH} deep, at '{place[:DEPTH]} …'")
        yield
        self._depth -= 1

    def take(self, name: str, size: int) -> None:
        """Take room for an array; raises RecordingError where memory has none for it."""
        if self._room is None:
            return
        self._room -= size
        if self._room < 0:
            raise RecordingError(
                f"with '{name}' its arrays need more than half of this machine's memory",
                way_out="Save them with numpy.save, so that they can be mapped into memory",
            )


def require_memory(size: int) -> None:
    """Refuse what would unfold to more than half of the memory.

    Raises
    ------
    RecordingError
    """
    there = machine.memory()
    if there is not None and size > there // 2:
        raise RecordingError(
            f"it claims to decompress to {size} bytes, and this machine has {there} of memory",
            way_out="Save the arrays with numpy.savez, so that they can be mapped into memory",
        )
