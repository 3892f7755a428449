"""One worker process, seen from the parent: start it, talk to it, end it."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from gradcmp.workers.records import Environment

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
STALL = 60  # seconds without a byte moving inside one frame before the other side counts as stuck
TAIL = 4096  # bytes of stderr that are kept
HINTS = {
    signal.SIGKILL: "usually the system ran out of memory",
    signal.SIGSEGV: "a native library wrote or read where it must not",
    signal.SIGABRT: "a native library gave up",
    signal.SIGILL: "a native library was built for another processor",
}


class Ending(NamedTuple):
    """How a process ended, in words, and the tail of what it wrote."""

    how: str
    stderr: str


class Worker:
    """A process in a session of its own: Ctrl-C in the terminal does not reach it.

    Whatever it prints goes to a temporary file, and only frames travel on the connection. It
    ends with the parent, which holds the other end of its standard input.

    Raises
    ------
    OSError
        When the interpreter cannot be started.
    """

    def __init__(self, environment: Environment) -> None:
        ours, theirs = socket.socketpair()
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            ours.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", STALL, 0))
        flags = ("-u", "-X", "faulthandler")  # what was said before a crash is there after it
        arguments = (str(theirs.fileno()), environment.name, environment.device)
        with ours, theirs, ExitStack() as undo:
            log = undo.enter_context(tempfile.TemporaryFile(buffering=0))
            fcntl.fcntl(log, fcntl.F_SETFL, os.O_APPEND)  # so that it can be emptied meanwhile
            self._process = subprocess.Popen(
                [environment.python or sys.executable, *flags, str(BOOTSTRAP), *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=(theirs.fileno(),),
                env=_variables(foreign=environment.python is not None),
                start_new_session=True,
            )
            undo.pop_all()
            self._log = log
            self.connection = Connection(ours.detach())
            self._watch = select.poll()  # of its own: a selector is slow to make
            self._watch.register(self.connection, select.POLLIN)

    @property
    def pid(self) -> int:
        """The process, which leads a group of the same number."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether a worker that waits for work has hung up: it says nothing unasked."""
        return bool(self._watch.poll(0))

    def send(self, blob: bytes) -> None:
        """Send one frame. Raises OSError when the worker is gone or stuck."""
        self.connection.send_bytes(blob)

    def receive(self) -> bytes:
        """Wait for one frame. Raises EOFError or OSError when the worker is gone or stuck."""
        return self.connection.recv_bytes()

    def kill(self) -> None:
        """End the process and all that it started; `reap` takes it off the table."""
        if self._process.returncode is None:  # its number is still its own
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def reap(self) -> Ending:
        """End what is left, free what it held and say how it ended."""
        self.kill()  # one that has ended already keeps the status that it ended with
        status = self._process.wait()
        ending = Ending(_describe(status), self.stderr())
        if self._process.stdin:
            self._process.stdin.close()
        self.connection.close()
        self._log.close()
        return ending

    def stderr(self) -> str:
        """Return the tail of what it wrote since `forget_stderr`."""
        descriptor = self._log.fileno()
        size = os.fstat(descriptor).st_size
        tail = os.pread(descriptor, TAIL, max(0, size - TAIL))
        return tail.decode(errors="replace").strip()

    def forget_stderr(self) -> None:
        """Empty the file: what was written belongs to a request that has its answer."""
        descriptor = self._log.fileno()
        if os.fstat(descriptor).st_size:  # to look is cheaper
            os.ftruncate(descriptor, 0)


def _describe(status: int) -> str:
    if status >= 0:
        return f"exited with status {status}"
    number = signal.Signals(-status)
    hint = HINTS.get(number)
    return f"was killed by {number.name}" + (f": {hint}" if hint else "")


def _variables(foreign: bool) -> dict[str, str]:
    """Return the worker's environment; another interpreter must not find this one's packages."""
    ours = ("PYTHONPATH", "PYTHONHOME") if foreign else ()
    return {key: value for key, value in os.environ.items() if key not in ours}
