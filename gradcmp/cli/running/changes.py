"""Whether files have changed.

They are polled. A handful of `stat` calls twenty times a second costs nothing, needs no dependency,
and sees what notifications of the kernel do not: files on network and container file systems, and
editors that put another file in the place of the one that was watched.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from gradcmp.errors import ConfigError

Stamp: TypeAlias = "tuple[int, int, int] | None"  # time of change, size, inode; None: no file

PAUSE = 0.05  # seconds between two looks
BUSY = 10  # a look that takes long, at a large directory, waits so many times longer for the next
SETTLED = 0.01  # seconds without a change: longer than a file system's clock ticks


class Files:
    """Config files at some paths, the data files that they name, and how they were last seen.

    Attributes
    ----------
    seen : dict of str to Stamp
        By file. What is read after it was stamped, and changes later, counts as changed.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._data: set[str] = set()
        self.seen: dict[str, Stamp] = {}

    @property
    def changed(self) -> bool:
        """Whether any file is not as it was seen, or is new, or is gone."""
        return self._look() != self.seen

    def wait(self, seconds: float) -> None:
        """Return on a change, or when the time is over."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            began = time.perf_counter()
            if self.changed:
                return
            time.sleep(max(PAUSE, BUSY * (time.perf_counter() - began)))

    def settle(self) -> bool:
        """See all files once they stand still, as half-written ones do not; say if any changed."""
        before, found = self.seen, self._look()
        while True:
            time.sleep(SETTLED)
            self.seen, found = found, self._look()
            if found == self.seen:
                return found != before

    def follow(self, data: set[str]) -> None:
        """Watch these data files from now on, beside the configs."""
        configs = {file: at for file, at in self.seen.items() if file not in self._data}
        self._data = data
        self.seen = configs | {file: stamp(file) for file in data}

    def _look(self) -> dict[str, Stamp]:
        configs = (str(file) for path in self._paths for file in files_at(path))
        return {file: stamp(file) for file in (*configs, *self._data)}


def files_at(path: str) -> tuple[Path, ...]:
    """Return the config files at a path; a file that is missing for the moment is still watched."""
    from gradcmp import config

    try:
        return config.find([path])
    except (ConfigError, OSError):  # also a directory that goes while it is listed
        return (Path(path),)


def stamp(file: str) -> Stamp:
    """Return what changes when a file does."""
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
