"""What differs between operating systems: how processes start together, end together and are named.

No other file of the package needs POSIX. The branches for Windows and macOS are written from their
documentation and not yet tried there. A worker reads this file before it knows whether its
interpreter is new enough: Python 3.6 must be able to.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Dict, Optional, Sequence  # noqa: UP035  for Python 3.6

if TYPE_CHECKING:  # slow to import: the help needs neither this nor `subprocess`
    import socket

# What ends a process by wish: of a user, a terminal that closes, a machine that is shut down.
ENDING = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)
CHUNK = 1 << 16  # bytes that are read at once
FROM_STDIN = "stdin"  # what a child is told instead of a descriptor
HINTS = {
    "SIGKILL": "usually the system ran out of memory",
    "SIGSEGV": "a native library wrote or read where it must not",
    "SIGABRT": "a native library gave up",
    "SIGILL": "a native library was built for another processor",
}

# Where a shell hands over files that have no folder, and where no stranger can write.
PIPES = ("/dev", "/dev/fd", "/proc/self/fd")
KERNEL = ("/dev", "/proc")


def start(
    command: Sequence[str],
    channel: "socket.socket",
    output: int,
    env: Dict[str, str],  # noqa: UP006
) -> Any:
    """Start a process that leads a group of its own, which the terminal's Ctrl-C does not reach.

    Parameters
    ----------
    command : sequence of str
        Is given one more argument: what `adopt` makes the channel of.
    output : int
        The descriptor that it prints into.

    Returns
    -------
    subprocess.Popen
        Its standard input is its lifeline: when that is closed, however this process ended, the
        group ends. On Linux the kernel sees to it, so that a group which is stopped, or holds the
        lock of its interpreter, ends as well; elsewhere `end_with_parent` does.

    Raises
    ------
    OSError
        When the program cannot be started.
    ValueError
        When its name cannot be one.
    """
    import subprocess

    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        process = subprocess.Popen(
            [*command, FROM_STDIN],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=env,
            creationflags=flags,
        )
        import base64

        assert process.stdin is not None
        process.stdin.write(base64.b64encode(channel.share(process.pid)) + b"\n")
        process.stdin.flush()
        return process
    theirs, ours = os.pipe()
    try:
        process = subprocess.Popen(
            [*command, str(channel.fileno())],
            stdin=theirs,
            stdout=output,
            stderr=output,
            env=env,
            pass_fds=(channel.fileno(),),
            start_new_session=True,
        )
        process.stdin = os.fdopen(ours, "wb", 0)
        _kill_when_closed(theirs, process.pid)
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    return process


def _kill_when_closed(descriptor: int, group: int) -> None:
    """Have the kernel kill a group when the last writer of a pipe has closed it (Linux alone)."""
    if sys.platform == "linux":
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETOWN, -group)
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_ASYNC)


def adopt(word: str) -> "socket.socket":
    """Return the channel that `start` handed to this process.

    A second handle of it stays open to the very end: the parent sees it closed when all is over.
    """
    import socket

    if sys.platform == "win32" and word == FROM_STDIN:
        import base64

        line = b""
        while not line.endswith(b"\n"):
            line += os.read(0, 1)
        channel = socket.fromshare(base64.b64decode(line))
    else:
        os.set_inheritable(int(word), False)
        channel = socket.socket(fileno=int(word))
    channel.dup().detach()
    return channel


def end_with_parent() -> threading.Thread:
    """Watch the lifeline, and end the whole group when the parent is gone."""

    def watch() -> None:
        try:
            while os.read(0, 1):  # the parent holds the other end and never writes
                pass
        finally:
            _end_own_group()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def _end_own_group() -> None:
    if sys.platform == "win32":
        end_group(os.getpid())
        os._exit(1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def end_group(leader: int) -> None:
    """End a process and all that it started, at once."""
    if sys.platform == "win32":
        import subprocess

        command = ["taskkill", "/T", "/F", "/PID", str(leader)]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def outlasts(process: Any, seconds: float) -> bool:
    """Wait for an end, and say whether it has not come; the number of the process stays its own."""
    if sys.platform == "win32":
        import subprocess

        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False
    deadline = time.monotonic() + seconds
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > deadline:
            return True
        time.sleep(0.001)
    return False


def signal_again(number: int) -> None:
    """Send a signal to the main thread of this process: another's would not end its waiting."""
    if sys.platform == "win32":
        signal.raise_signal(number)
    else:
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, number)


def describe(status: int) -> str:
    """Describe how a process ended, by what `subprocess` calls its return code."""
    if status >= 0:
        code = f"0x{status:08X}" if status >= 1 << 31 else str(status)  # as Windows writes them
        return f"exited with status {code}"
    try:
        name = signal.Signals(-status).name
    except ValueError:  # a real-time signal between the two that have names
        name = f"signal {-status}"
    return f"was killed by {name}" + (f": {HINTS[name]}" if name in HINTS else "")


class Output:
    """A pipe that a child prints into, read without waiting and waited for by a selector."""

    def __init__(self) -> None:
        self._read, self.theirs = os.pipe()
        self._socket = None  # type: Optional[socket.socket]
        if sys.platform == "win32":  # where a selector takes sockets alone
            import socket

            self._socket, end = socket.socketpair()
            self._socket.setblocking(False)
            threading.Thread(target=_pump, args=(self._read, end), daemon=True).start()
        else:
            os.set_blocking(self._read, False)

    def fileno(self) -> int:
        """Return what a selector waits for."""
        return self._socket.fileno() if self._socket else self._read

    def hand_over(self) -> None:
        """Close the child's end here, when the child has it."""
        os.close(self.theirs)

    def read(self) -> Optional[bytes]:  # noqa: UP045
        """Return what is there; None when nothing is yet, and no bytes at the end."""
        try:
            return self._socket.recv(CHUNK) if self._socket else os.read(self._read, CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def close(self) -> None:
        """Free it."""
        if self._socket:
            self._socket.close()  # the thread closes the rest
        else:
            os.close(self._read)


def _pump(descriptor: int, end: "socket.socket") -> None:
    with end:
        try:
            while True:
                chunk = os.read(descriptor, CHUNK)
                if not chunk:
                    return
                end.sendall(chunk)
        except OSError:
            return  # nobody listens any more
        finally:
            os.close(descriptor)


def fill_standard_streams() -> None:
    """Open what a parent has closed: the next pipe would take its place and its number."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
