"""Frames on a socket: a length, the number of the request, and so many bytes.

The worker's side waits, the parent's never does: whatever drips, floods or stands still in one
worker is one socket of many to it.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

HEAD = struct.Struct("<QI")
SMALL = 1 << 16  # bytes that are worth a copy to spare a call
TURN = 1 << 24  # bytes that one socket may bring before the others are looked at


State: TypeAlias = Literal["silent", "speaks", "closed"]


class Frame(NamedTuple):
    """What came, and the number of the request that it answers; 0 where nothing was asked."""

    number: int
    content: memoryview


class OversizedError(Exception):
    """A frame that says to be longer than whatever may come."""


def send(channel: socket.socket, content: bytes, number: int = 0) -> None:
    """Send one frame, however long that takes."""
    for part in _parts(content, number):
        channel.sendall(part)


def receive(channel: socket.socket) -> Frame:
    """Wait for one frame.

    Raises
    ------
    EOFError, OSError
        When the other side is gone.
    """
    length, number = HEAD.unpack(_exactly(channel, HEAD.size))
    return Frame(number, _exactly(channel, length))


def _parts(content: bytes, number: int) -> list[bytes]:
    head = HEAD.pack(len(content), number)
    return [head + content] if len(content) < SMALL else [head, content]


def _exactly(channel: socket.socket, length: int) -> memoryview:
    content = memoryview(bytearray(length))
    done = 0
    while done < length:
        count = channel.recv_into(content[done:])
        if not count:
            raise EOFError
        done += count
    return content.toreadonly()


class Line:
    """The parent's end: whatever can be sent or read at once is, and the rest is for the next time.

    Attributes
    ----------
    channel : socket
        What a selector waits for.
    """

    def __init__(self, channel: socket.socket) -> None:
        channel.setblocking(False)
        self.channel = channel
        self._unsent: list[memoryview] = []
        self._head = memoryview(bytearray(HEAD.size))
        self._number = 0
        self._content: memoryview | None = None  # of a frame whose head is there
        self._done = 0  # bytes of the head or of the content

    @property
    def clogged(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._unsent)

    def peek(self) -> State:
        """Describe what would be read next."""
        try:
            return "speaks" if self.channel.recv(1, socket.MSG_PEEK) else "closed"
        except BlockingIOError:
            return "silent"
        except OSError:
            return "closed"

    def send(self, content: bytes, number: int) -> None:
        """Begin to send one frame; raises OSError when the other side is gone."""
        self._unsent += [memoryview(part) for part in _parts(content, number)]
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes; raises OSError when the other side is gone."""
        while self._unsent:
            try:
                count = self.channel.send(self._unsent[0])
            except BlockingIOError:
                return
            self._unsent[0] = self._unsent[0][count:]
            if not self._unsent[0]:
                del self._unsent[0]

    def receive(self, room: Callable[[], int]) -> Frame | None:
        """Read what is there; return the frame if it is whole.

        Parameters
        ----------
        room : callable
            Returns how long a frame may be; is asked for one that is not small.

        Raises
        ------
        EOFError, OSError
            When the other side is gone.
        OversizedError
            When the frame is longer than that, or than what memory has room for.
        """
        try:
            if self._content is None and not self._begin(room):
                return None
            assert self._content is not None
            return self._finish() if self._fill(self._content) else None
        except BlockingIOError:
            return None

    def _begin(self, room: Callable[[], int]) -> bool:
        if not self._fill(self._head):
            return False
        length, self._number = HEAD.unpack(self._head)
        if length > SMALL and length > room():
            raise OversizedError(f"a frame of {length} bytes, and at most {room()} can be right")
        try:
            self._content = memoryview(bytearray(length))
        except (MemoryError, OverflowError):
            raise OversizedError(f"a frame of {length} bytes, for which memory lacks") from None
        self._done = 0
        return True

    def _fill(self, target: memoryview) -> bool:
        """Read until it is full, or has had its turn; raises BlockingIOError when there is none."""
        stop = self._done + TURN
        while self._done < len(target):
            if self._done > stop:
                return False
            count = self.channel.recv_into(target[self._done :])
            if not count:
                raise EOFError
            self._done += count
        return True

    def _finish(self) -> Frame:
        assert self._content is not None
        frame = Frame(self._number, self._content.toreadonly())
        self._content, self._done = None, 0
        return frame
