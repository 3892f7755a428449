"""One process, seen from the parent: start it, talk to it, end it."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from gradcmp import system
from gradcmp.workers.frames import Frame, Line
from gradcmp.workers.printed import Printed

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
FLAGS = ("-u", "-X", "faulthandler")  # what was said before a crash is there after it
GRACE = 0.5  # seconds from hanging up to having ended


class Ending(NamedTuple):
    """How a process ended, in words, and what is kept of what it printed."""

    how: str
    stderr: str


class Process:
    """A process that calls a function of gradcmp, with a socket to it; it ends with the parent.

    Whatever it prints is read aside, and only frames travel on the socket. It never runs code of
    the current directory, unless PYTHONPATH says so.

    Parameters
    ----------
    module : str
        Its ``serve`` is called with the socket and the arguments.
    python : str, optional
        The interpreter; None is the one that runs gradcmp.

    Raises
    ------
    OSError, ValueError
        When the interpreter cannot be started.
    """

    def __init__(self, module: str, *arguments: str, python: str | None = None) -> None:
        command = [python or sys.executable, *FLAGS, str(BOOTSTRAP), module, *arguments]
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                output = system.Output()
            except BaseException:
                ours.close()
                raise
            try:
                self._process: subprocess.Popen[bytes] = system.start(
                    command, theirs, output.theirs, _variables(foreign=python is not None)
                )
            except BaseException:
                ours.close()
                output.close()
                raise
            finally:
                output.hand_over()
        self.line = Line(ours)
        self.printed = Printed(output)

        self._selector: selectors.BaseSelector | None = None

    def attend(self, selector: selectors.BaseSelector, hear: object, listen: object) -> None:
        """Have a selector wait for what it says, with `hear` as data, and prints, with `listen`."""
        self._selector = selector
        selector.register(self.line.channel, selectors.EVENT_READ, hear)
        selector.register(self.printed.output, selectors.EVENT_READ, listen)

    def ignore(self, end: socket.socket | system.Output) -> None:
        """No longer wait for its channel, or for what it prints."""
        if self._selector and end in self._selector.get_map():
            self._selector.unregister(end)

    @property
    def pid(self) -> int:
        """The process, which leads a group of its own."""
        return self._process.pid

    def send(self, blob: bytes, number: int) -> None:
        """Begin to send one frame. Raises OSError when the process is gone."""
        self.line.send(blob, number)
        self._wait_for_room()

    def receive(self, events: int, room: Callable[[], int]) -> Frame | None:
        """Do what a selector says can be done; return a frame if one is whole.

        Raises
        ------
        EOFError, OSError, OversizedError
            As `Line.receive`.
        """
        if events & selectors.EVENT_WRITE:
            self.line.flush()
            self._wait_for_room()
        return self.line.receive(room) if events & selectors.EVENT_READ else None

    def _wait_for_room(self) -> None:
        """Be told of room for what waits to be sent, and only then."""
        assert self._selector is not None
        key = self._selector.get_key(self.line.channel)
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.line.clogged else 0)
        if key.events != events:
            self._selector.modify(self.line.channel, events, key.data)

    def kill(self) -> None:
        """End the process and all that it started; `reap` takes it off the table."""
        if self._process.returncode is None:  # its number is still its own
            system.end_group(self.pid)

    def reap(self, hung_up: bool = False) -> Ending:
        """End what is left, free what it held and say how it ended.

        Parameters
        ----------
        hung_up : bool
            Whether it has closed the socket by itself, and is ending if nothing is wrong with it.
        """
        for end in (self.line.channel, self.printed.output):
            self.ignore(end)
        alive = hung_up and system.outlasts(self._process, GRACE)
        self.kill()  # one that has ended already keeps the status that it ended with
        how = system.describe(self._process.wait())
        ending = Ending("hung up and went on running" if alive else how, self.stderr())
        if self._process.stdin:
            self._process.stdin.close()
        self.line.channel.close()
        self.printed.output.close()
        return ending

    def stderr(self) -> str:
        """Return what is kept of what it printed since `forget_stderr`."""
        self.printed.read()
        return self.printed.text()

    def forget_stderr(self) -> None:
        """Forget what was printed: it belongs to a request that has its answer."""
        self.printed.read()
        self.printed.forget()


def _variables(foreign: bool) -> dict[str, str]:
    """Return the environment of a process; another interpreter must not find this one's packages.

    PYTHONSAFEPATH says what ``-P`` does, and the interpreters that do not know it ignore it.
    """
    ours = ("PYTHONPATH", "PYTHONHOME") if foreign else ()
    kept = {key: value for key, value in os.environ.items() if key not in ours}
    return {**kept, "PYTHONSAFEPATH": "1"}
