"""What runs that differ by their noise alone compute but once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Ledger:
    """Numbers that one run has computed and others use, in the order of the computation.

    A run that computes something else at a place is left to itself there.
    """

    def __init__(self, known: Ledger | None = None) -> None:
        self._known = [] if known is None else known._entries
        self._entries: list[tuple[Any, Any]] = []
        self._next = 0

    def once(self, key: Any, compute: Callable[[], Any]) -> Any:
        """Return what is known under the key at this place, or compute it."""
        place, self._next = self._next, self._next + 1
        if place < len(self._known) and self._known[place][0] == key:
            return self._known[place][1]
        value = compute()
        if not self._known:
            self._entries.append((key, value))
        return value
