"""Files that are whole or not there at all."""

from __future__ import annotations

import secrets
from pathlib import Path

LENGTH = 50  # characters of the name that are kept: a file system's 255 bytes are for all of it


def write_whole(path: Path, data: bytes) -> None:
    """Write beside a file first, then put it in its place.

    Raises
    ------
    OSError
        When it cannot be written; what was there before is untouched.
    """
    other = beside(path)
    try:
        other.write_bytes(data)
        other.replace(path)
    finally:
        other.unlink(missing_ok=True)


def beside(path: Path) -> Path:
    """Return a name beside a file that nothing has: a run that was killed may have left some."""
    return path.with_name(f".{path.name[:LENGTH]}.{secrets.token_hex(8)}")
