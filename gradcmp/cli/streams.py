"""Standard streams that may be full, unread or gone: what is printed decides nothing."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, TextIO, cast


class Stream:
    """A standard stream that drops what it can no longer take.

    Attributes
    ----------
    lost : OSError, optional
        Why something was dropped; None while nothing was.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost: OSError | None = None

    def write(self, text: str) -> int:
        """Write if anybody takes it."""
        try:
            return self._stream.write(text) if self.lost is None else len(text)
        except OSError as error:
            self.give_up(error)
            return len(text)

    def flush(self) -> None:
        """Write what waits, if anybody takes it."""
        try:
            self._stream.flush()
        except OSError as error:
            self.give_up(error)

    @property
    def buffer(self) -> Bytes:
        """The stream of bytes below it, which drops as well."""
        return Bytes(self, self._stream.buffer)

    def give_up(self, error: OSError) -> None:
        """Drop what waits to be written, and all that comes."""
        self.lost = self.lost or error
        with suppress(OSError):  # what waits in the buffer goes there, now or when Python ends
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Bytes:
    """What is below a stream."""

    def __init__(self, text: Stream, below: BinaryIO) -> None:
        self._text, self._below = text, below

    def write(self, data: bytes) -> int:
        """Write if anybody takes it."""
        try:
            return self._below.write(data) if self._text.lost is None else len(data)
        except OSError as error:
            self._text.give_up(error)
            return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)


@contextmanager
def forgiving() -> Iterator[None]:
    """Have standard output and standard error drop inside of it what they cannot take."""
    before = sys.stdout, sys.stderr
    streams = [Stream(stream) for stream in before]
    sys.stdout, sys.stderr = (cast(TextIO, stream) for stream in streams)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def unread() -> bool:
    """Whether nobody takes what is printed, for whatever reason."""
    sys.stdout.flush()
    return getattr(sys.stdout, "lost", None) is not None


def unwritten() -> str | None:
    """Return why standard output is incomplete; None where it is not, or its reader wants no more.

    As in ``gradcmp ops | head``.
    """
    sys.stdout.flush()
    lost: OSError | None = getattr(sys.stdout, "lost", None)
    return None if lost is None or lost.errno == errno.EPIPE else lost.strerror or str(lost)
