"""The worker's side: import one framework, then answer requests until the parent hangs up.

It says ``importing``, then ``ready`` or ``unable``, then answers each request by a recording or
``failure``. A recording is a frame that begins with safetensors; a word and what belongs to it are
a frame of JSON. They are told apart by the first byte: safetensors begins with the length of its
header, a multiple of eight, which the code of ``{`` is not.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import traceback
from dataclasses import replace
from multiprocessing.connection import Connection

from gradcmp.backends import Backend, backend_class
from gradcmp.errors import GradcmpError
from gradcmp.workers.wire import answer_to_bytes, job_from_bytes

MESSAGE_LENGTH = 500  # characters: a compiler's complaint can be megabytes, its start tells


def serve(connection: Connection, name: str, device: str) -> None:
    """Serve one environment; returns when the parent hangs up, or after ``unable``."""
    _say(connection, "importing")
    start = time.perf_counter()
    try:
        adapter = backend_class(name)
        if not adapter.installed():
            _say(connection, "unable", kind="absent", message=_absence(adapter))
            return
        backend = _load(adapter, device)
        facts = {"devices": backend.devices(), "environment": dict(backend.environment())}
    except Exception as error:  # noqa: BLE001  whatever it is, it is this backend's verdict
        _say(connection, "unable", **_explain(error))
        return
    seconds = time.perf_counter() - start
    _say(connection, "ready", **facts, seconds=seconds)
    while True:
        try:
            blob = connection.recv_bytes()
        except EOFError:
            return
        _answer(connection, backend, blob, seconds)


def _load(adapter: type[Backend], device: str) -> Backend:
    for variable, value in adapter.environment_variables.items():
        os.environ.setdefault(variable, value)  # what the user has set stands
    gc.disable()  # an import makes a million objects and hardly any garbage
    backend = adapter(device)
    gc.freeze()
    gc.enable()
    return backend


def _answer(connection: Connection, backend: Backend, blob: bytes, import_seconds: float) -> None:
    try:
        recording = backend.record(job_from_bytes(blob))
        timings = {"import": import_seconds, **recording.timings}
        answer = answer_to_bytes(replace(recording, timings=timings))
    except Exception as error:  # noqa: BLE001  the worker survives, the request has its verdict
        _say(connection, "failure", **_explain(error))
    else:
        connection.send_bytes(answer)


def _say(connection: Connection, word: str, **facts: object) -> None:
    connection.send_bytes(json.dumps({"word": word, **facts}).encode())


def _explain(error: Exception) -> dict[str, str]:
    """Describe what was raised; the traceback goes to stderr, whose tail the parent keeps."""
    if isinstance(error, GradcmpError):
        return {"kind": "error", "message": str(error)}
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
