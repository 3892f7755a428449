"""The worker's side: import one framework, then answer requests until the parent hangs up.

It says ``importing``, then ``ready`` or ``unable``, then answers each request by a recording or
``failure``, under the number of the request. A recording is a frame that begins with safetensors;
a word and what belongs to it are a frame of JSON. They are told apart by the first byte:
safetensors begins with the length of its header, a multiple of eight, which the code of ``{`` is
not.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import time
import traceback
from collections.abc import Mapping

from gradcmp.backends import Backend, import_adapter
from gradcmp.errors import AbsentError, GradcmpError
from gradcmp.workers.frames import Frame, receive, send
from gradcmp.workers.wire import answer_to

MESSAGE_LENGTH = 500  # characters: a compiler's complaint can be megabytes, its start tells


def serve(channel: socket.socket, name: str, device: str) -> None:
    """Serve one environment; returns when the parent hangs up, or after ``unable``."""
    _say(channel, "importing", {})
    start = time.perf_counter()
    try:
        adapter = import_adapter(name)
        if not adapter.installed():
            _say(channel, "unable", {"kind": "absent", "message": _absence(adapter)})
            return
        backend = _load(adapter, device)
        seconds = time.perf_counter() - start
        _say(channel, "ready", {**_describe(backend), "seconds": seconds})
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever it is, it is its verdict
        _say(channel, "unable", _explain(error))
        return
    while True:
        try:
            frame = receive(channel)
        except EOFError:
            return
        _answer(channel, backend, frame, seconds)


def _describe(backend: Backend) -> dict[str, object]:
    return {
        "devices": list(backend.devices()),
        "modes": list(backend.modes),
        "environment": dict(backend.environment()),
    }


def _load(adapter: type[Backend], device: str) -> Backend:
    for variable, value in adapter.environment_variables.items():
        os.environ.setdefault(variable, value)  # what the user has set stands
    gc.disable()  # an import makes a million objects and hardly any garbage
    backend = adapter(device)
    gc.freeze()
    gc.enable()
    return backend


def _answer(channel: socket.socket, backend: Backend, frame: Frame, import_seconds: float) -> None:
    try:
        answer = answer_to(backend, frame.content, import_seconds)
    except Exception as error:  # noqa: BLE001  the worker survives, the request has its verdict
        _say(channel, "failure", _explain(error), frame.number)
    else:
        send(channel, answer, frame.number)


def _say(channel: socket.socket, word: str, facts: Mapping[str, object], number: int = 0) -> None:
    send(channel, json.dumps({"word": word, **facts}).encode(), number)


def _explain(error: BaseException) -> dict[str, str]:
    """Describe what was raised; the traceback goes to stderr, whose tail the parent keeps."""
    if isinstance(error, GradcmpError):
        kind = "absent" if isinstance(error, AbsentError) else "error"
        return {"kind": kind, "message": str(error)}
    traceback.print_exception(error)
    text = str(error).strip()
    message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return {"kind": "error", "message": message[:MESSAGE_LENGTH]}


def _absence(adapter: type[Backend]) -> str:
    from importlib.metadata import PackageNotFoundError, distribution  # slow to load

    try:
        distribution("gradcmp")
        command = f"pip install '{adapter.requirement}'"
    except PackageNotFoundError:  # another interpreter, which has gradcmp on loan
        command = f"{sys.executable} -m pip install {adapter.package}"
    return f"backend '{adapter.name}' is not installed. Try: {command}"
