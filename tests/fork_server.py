"""A process that loads a framework once, and forks for whoever asks it to: see `forked`."""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

SIZE = 4  # bytes of a number
CHANNELS = 3  # its own, what it prints into, and its lifeline


def serve(number: int, modules: Sequence[str]) -> None:
    """Load modules, then fork until nobody is left to ask for it."""
    channel = socket.socket(fileno=number)
    gc.disable()
    for name in modules:
        __import__(name)
    gc.collect()
    gc.freeze()
    while True:
        head, channels, _, _ = socket.recv_fds(channel, SIZE, CHANNELS)
        if not head:
            return
        asked = channel.recv(int.from_bytes(head, "little"), socket.MSG_WAITALL)
        middle = os.fork()
        if middle == 0:
            _leave_behind(channel, channels, asked)
        os.waitpid(middle, 0)
        for one in channels:
            os.close(one)


def _leave_behind(channel: socket.socket, channels: Sequence[int], asked: bytes) -> NoReturn:
    """Fork and end at once: what is left gets another parent, and then says which process it is."""
    middle = os.getpid()
    if os.fork():
        os._exit(0)
    os.setsid()
    while os.getppid() == middle:
        os.sched_yield()
    channel.sendall(os.getpid().to_bytes(SIZE, "little"))
    status = 1
    try:
        _become(*channels, *json.loads(asked))
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001  an interpreter ends by it as well
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _become(
    channel: int, output: int, lifeline: int, arguments: list[str], env: dict[str, str], folder: str
) -> None:
    """Run a script as an interpreter would that was started with these channels."""
    for ours, theirs in ((0, lifeline), (1, output), (2, output), (int(arguments[-1]), channel)):
        if ours != theirs:
            os.dup2(theirs, ours)
    kept = int(arguments[-1])
    os.closerange(3, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.enable()
    sys.argv[:] = arguments
    sys.path[0] = str(Path(arguments[0]).parent)
    runpy.run_path(arguments[0], run_name="__main__")
