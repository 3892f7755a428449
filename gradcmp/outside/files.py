"""Files that somebody else has named or put somewhere: pipes, links, folders that are closed."""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from collections import deque
from collections.abc import Collection
from pathlib import Path
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["nothing", "file", "folder", "special"]

PATIENCE = 30.0  # seconds that a pipe is waited for, all together
# Opens without waiting for whoever will write into a pipe, and on Windows as it is.
AT_ONCE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)


def beginning(path: str | Path, most: int) -> bytes:
    """Return the first bytes of a file, or what comes through a pipe until it is closed.

    Raises
    ------
    TimeoutError
        When a pipe is not closed in time; whoever writes into it may never come.
    OSError
        When it cannot be read.
    """
    deadline = time.monotonic() + PATIENCE
    found = b""
    descriptor = os.open(path, AT_ONCE)
    try:
        waits = not stat.S_ISREG(os.fstat(descriptor).st_mode)
        while len(found) < most:
            left = max(deadline - time.monotonic(), 0)
            if waits and not select.select([descriptor], [], [], left)[0]:
                raise TimeoutError(f"in {PATIENCE:g} s nobody wrote into it and closed it")
            chunk = os.read(descriptor, most - len(found))
            if not chunk:
                break
            found += chunk
    finally:
        os.close(descriptor)
    return found


def below(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return all files below a folder that have one of these suffixes, in capitals or not, sorted.

    Links to folders are followed, and each folder is looked at once: by its own name rather than
    by a link's.

    Raises
    ------
    OSError
        When a folder cannot be read: what is in it would be missed.
    """
    found: list[Path] = []
    links = deque([folder])
    seen: set[tuple[int, int]] = set()
    while links:
        for place, folders, files in os.walk(links.popleft(), onerror=_raise):
            at = Path(place)
            identity = at.stat()
            if (identity.st_dev, identity.st_ino) in seen:
                folders.clear()
                continue
            seen.add((identity.st_dev, identity.st_ino))
            links.extend(at / name for name in sorted(folders) if (at / name).is_symlink())
            found += [at / name for name in files if Path(name).suffix.lower() in suffixes]
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error


def kind(path: Path) -> Kind:
    """Return what there is at a path, where links lead to; nothing can have a name too long.

    Raises
    ------
    OSError
        When it cannot be looked at: a folder above it is closed.
    """
    try:
        mode = path.stat().st_mode
    except ValueError:  # a NUL
        return "nothing"
    except OSError as error:
        if error.errno in ABSENT:
            return "nothing"
        raise
    if stat.S_ISREG(mode):
        return "file"
    return "folder" if stat.S_ISDIR(mode) else "special"


def is_special(path: Path) -> bool:
    """Whether it is a device or a pipe, which is waited for."""
    try:
        return kind(path) == "special"
    except OSError:
        return False
