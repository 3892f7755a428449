"""Files that commands write: refused before anything runs, whole or not there at all."""

from __future__ import annotations

import os
from pathlib import Path

from gradcmp.cli.trust import user_code
from gradcmp.config.foreign import OPTION, is_trusted, lies_in, root_of
from gradcmp.errors import UsageError
from gradcmp.outside.printable import READABLE

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
        if path.is_dir():
            raise UsageError(f"'{file}' is a directory", way_out="Name a file")
        if not path.parent.is_dir():
            raise UsageError(f"'{file}' cannot be written: there is no directory '{path.parent}'")
        if is_special(path):
            path.open("ab").close()
        else:
            beside(path).touch(exist_ok=False)
            beside(path).unlink()
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
            return
        try:
            with beside(path).open("xb") as stream:
                stream.write(data)
            beside(path).replace(path)
        finally:
            beside(path).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"'{file}' cannot be written: {error.strerror}") from None


def is_special(path: Path) -> bool:
    """Whether it is a device or a pipe, which nothing can be put in the place of."""
    return path.exists() and not path.is_file()


def beside(path: Path) -> Path:
    """Return the name of what becomes a file when it is whole."""
    return path.with_name(f".{path.name}.{os.getpid()}")
