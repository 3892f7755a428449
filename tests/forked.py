"""Workers that are forked from a process that has their framework: a test saves seconds.

TensorFlow takes 3 to 8 seconds to load, and many tests of the suite want a worker that has. Here a
server for each framework loads it once, and is told to fork what `system.start` would start. What
it forks is no different afterwards: it leads a group of its own, is a child of the process that
asked for it, has the variables, the directory and the channels that it was given, and runs
`bootstrap.py` from its first line. Where a test has changed a variable that an import reads, as
PYTHONPATH, a worker is started anew.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import fork_server

from gradcmp import system
from gradcmp.backends.registry import backend_class
from gradcmp.workers.lane import SERVE
from gradcmp.workers.process import BOOTSTRAP, FLAGS

MODULES = {"tensorflow": ("tensorflow", "keras"), "torch": ("torch",), "jax": ("jax", "jax.numpy")}
BESIDE = ("numpy", "ml_dtypes", "safetensors")
READ_BY_IMPORTS = (
    *("CUDA_", "GRPC_", "JAX_", "KERAS_", "KMP_", "LD_", "MKL_", "OMP_", "OPENBLAS_"),
    *("PYTHON", "PYTORCH_", "TF_", "TORCH", "XLA_"),
)
SET_BY_IMPORTS = ("TF2_BEHAVIOR", "TF_CPP_MIN_LOG_LEVEL", "TORCHINDUCTOR_CACHE_DIR")
SUBREAPER = 36  # Linux's PR_SET_CHILD_SUBREAPER


class ForkServers:
    """A server for each framework."""

    def __init__(self) -> None:
        self._servers: dict[str, Server] = {}
        self._variables = _read_by_imports(os.environ)

    def __enter__(self) -> ForkServers:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers.values():
            server.close()

    @contextmanager
    def forking(self) -> Iterator[None]:
        """Fork workers of the built-in frameworks as long as the context lasts (Linux alone)."""
        start = system.start

        def begin(
            command: Sequence[str], channel: socket.socket, output: int, env: dict[str, str]
        ) -> Any:
            name = _framework(command)
            if name is None or _read_by_imports(env) != self._variables:
                return start(command, channel, output, env)
            if not self._servers:  # they load while others are used
                self._servers = {one: Server(one) for one in MODULES if _is_installed(one)}
            arguments = [*command[len(FLAGS) + 1 :], str(channel.fileno())]
            return self._servers[name].fork(arguments, channel, output, env)

        system.start = begin if sys.platform == "linux" else start
        try:
            yield
        finally:
            system.start = start


def _read_by_imports(env: Mapping[str, str]) -> dict[str, str]:
    """Return what an import makes something of, which is the same for all that are forked."""
    env = {**_set_by_adapters(), **env, "PYTHONSAFEPATH": "1"}
    read = {name for name in env if name.startswith(READ_BY_IMPORTS)}
    return {name: env[name] for name in read.difference(SET_BY_IMPORTS)}


def _set_by_adapters() -> dict[str, str]:
    every = (backend_class(name).environment_variables.items() for name in MODULES)
    return dict(chain.from_iterable(every))


def _is_installed(framework: str) -> bool:
    return backend_class(framework).installed()


def _framework(command: Sequence[str]) -> str | None:
    """Return the framework that a command serves; None for what `system.start` alone can start."""
    head = [sys.executable, *FLAGS, str(BOOTSTRAP), SERVE]
    name = command[len(head)] if [*command[: len(head)]] == head else ""
    return name if name in MODULES and _is_installed(name) else None


class Server:
    """The process that loads a framework and forks; it ends when this one does."""

    def __init__(self, framework: str) -> None:
        self._channel, theirs = socket.socketpair()
        here = Path(fork_server.__file__).parent
        modules = (*BESIDE, *MODULES[framework])
        code = f"import fork_server; fork_server.serve({theirs.fileno()}, {modules})"
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, *FLAGS, "-c", code],
                env={**_set_by_adapters(), **os.environ, "PYTHONPATH": str(here)},
                cwd=here,  # Python looks there first, and a test may have shadows of its modules
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def fork(
        self, arguments: Sequence[str], channel: socket.socket, output: int, env: Mapping[str, str]
    ) -> Forked:
        """Do as `system.start` does with a command; the arguments are those of the interpreter."""
        sys.audit("os.fork")
        asked = json.dumps([arguments, dict(env), str(Path.cwd())]).encode()
        theirs, ours = os.pipe()
        try:
            with _adopting():
                channels = [channel.fileno(), output, theirs]
                socket.send_fds(
                    self._channel, [len(asked).to_bytes(fork_server.SIZE, "little")], channels
                )
                self._channel.sendall(asked)
                pid = int.from_bytes(
                    self._channel.recv(fork_server.SIZE, socket.MSG_WAITALL), "little"
                )
            assert pid, f"{self._process.args} ended"
            system._kill_when_closed(theirs, pid)
        finally:
            os.close(theirs)
        return Forked(pid, ours)

    def close(self) -> None:
        """End it."""
        self._channel.close()
        self._process.kill()
        self._process.wait()


class Forked:
    """What a server has forked, as `subprocess.Popen` would show it."""

    def __init__(self, pid: int, lifeline: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin = os.fdopen(lifeline, "wb", 0)

    def wait(self) -> int:
        if self.returncode is None:
            _, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


@contextmanager
def _adopting() -> Iterator[None]:
    """Be the parent of what a descendant leaves behind when it ends."""
    control: Callable[..., int] = ctypes.CDLL(None).prctl
    control(SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        control(SUBREAPER, 0, 0, 0, 0)
