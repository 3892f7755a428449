"""Files that commands write: refused before anything runs, whole or not there at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gradcmp.cli.trust import user_code
from gradcmp.config.foreign import is_trusted, lies_in, root_of
from gradcmp.errors import UsageError
from gradcmp.keys import OPTION
from gradcmp.outside.printable import READABLE
from gradcmp.outside.whole import beside, write_whole

STDOUT = "-"  # the file that stands for standard output


def require_writable(file: str) -> None:
    """Refuse a file that cannot be written, before anything runs.

    Raises
    ------
    UsageError
        Also as `require_own`.
    """
    if file == STDOUT:
        return
    path = Path(file)
    require_own(path)
    try:
        with suppress(FileNotFoundError):
            path.lstat()  # is its name too long?
        if path.is_dir():
            raise UsageError(f"'{file}' is a directory", way_out="Name a file")
        if not path.parent.is_dir():
            raise UsageError(f"'{file}' cannot be written: there is no directory '{path.parent}'")
        if is_special(path):
            path.open("ab").close()
        else:
            probe = beside(path)
            probe.touch(exist_ok=False)
            probe.unlink()
    except OSError as error:
        raise UsageError(f"'{file}' cannot be written: {error.strerror}") from None


def require_own(path: Path) -> None:
    """Refuse to write where a link leads out of the current directory, if it may be a stranger's.

    Raises
    ------
    UsageError
    """
    if not is_trusted(user_code()) and not lies_in(str(path), root_of(path)):
        raise UsageError(
            f"'{path}' is a link out of '{root_of(path)}', which {OPTION} refuses",
            way_out="Name another place",
        )


def write(file: str, content: str | bytes) -> None:
    """Write a whole file or nothing: beside it first, then in its place.

    Raises
    ------
    UsageError
        When it cannot be written.
    """
    path = Path(os.path.realpath(file))  # a link stays one
    data = content if isinstance(content, bytes) else content.encode("utf-8", READABLE)
    try:
        if is_special(path):
            path.write_bytes(data)
        else:
            write_whole(path, data)
    except OSError as error:
        raise UsageError(f"'{file}' cannot be written: {error.strerror}") from None


def is_special(path: Path) -> bool:
    """Whether it is a device or a pipe, which nothing can be put in the place of."""
    return path.exists() and not path.is_file()
