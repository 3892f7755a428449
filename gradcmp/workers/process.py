"""One process, seen from the parent: start it, talk to it, end it."""

from __future__ import annotations

import os
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
        ours, theirs = socket.socketpair()
        output = system.Output()
        command = [python or sys.executable, *FLAGS, str(BOOTSTRAP), module, *arguments]
        with theirs:
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

    @property
    def pid(self) -> int:
        """The process, which leads a group of its own."""
        return self._process.pid

    def send(self, blob: bytes, number: int) -> None:
        """Begin to send one frame. Raises OSError when the process is gone."""
        self.line.send(blob, number)

    def receive(self, room: Callable[[], int]) -> Frame | None:
        """Return a frame if one is whole, as `Line.receive` does."""
        return self.line.receive(room)

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
