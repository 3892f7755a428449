"""How much is compared at a time, and by what."""

from __future__ import annotations

import os
from dataclasses import dataclass

from gradcmp.judge.elementwise.segments import LONGEST, TOGETHER


def cores() -> int:
    """Return the number of cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS, not on Windows
        return os.cpu_count() or 1


@dataclass(frozen=True)
class Schedule:
    """How arrays are compared: it changes how long it takes, and nothing else.

    Attributes
    ----------
    longest : int
        Elements of an array that is compared side by side with others.
    together : int
        Elements of all arrays that are compared side by side.
    chunk : int
        Bytes of a chunk of a larger array by NumPy: long enough to hide the calls, short enough
        for a core's caches.
    compiled_chunk : int
        Elements of one by the compiled loops, which have blocks of their own.
    share : int
        Elements below which a thread takes longer to start than it saves.
    threads : int
        The memory of more is no faster.
    worthwhile : float
        Elements that NumPy compares in the half second that numba takes to load: whoever compares
        less does not wait for it, whoever compares more waits at most twice as long as with
        either alone.
    """

    longest: float = LONGEST
    together: int = TOGETHER
    chunk: int = 1 << 20
    compiled_chunk: int = 1 << 19
    share: int = 1 << 18
    threads: int = min(8, cores())
    worthwhile: float = 1 << 27


USUAL = Schedule()
