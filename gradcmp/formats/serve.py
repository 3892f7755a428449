"""The process side: read files with libraries that the parent must not load.

A request is the name of a file; the answer is a blob of its arrays, or the word ``failure``.
"""

from __future__ import annotations

import json
import os
import socket

from gradcmp.errors import AbsentError, GradcmpError
from gradcmp.formats.hdf5 import read_hdf5, read_keras
from gradcmp.formats.torch import read_torch
from gradcmp.formats.wire import arrays_to_bytes
from gradcmp.workers.frames import receive, send

READERS = {"torch": read_torch, "hdf5": read_hdf5, "keras": read_keras}
SHOWN = 300  # characters of what was raised


def serve(channel: socket.socket, form: str) -> None:
    """Answer for every file of one format, until the parent hangs up."""
    while True:
        try:
            frame = receive(channel)
        except EOFError:
            return
        try:
            answer = arrays_to_bytes(READERS[form](os.fsdecode(bytes(frame.content))))
        except Exception as error:  # noqa: BLE001  whatever it is, it is said of the file
            answer = json.dumps({"word": "failure", **_explain(error)}).encode()
        send(channel, answer, frame.number)


def _explain(error: Exception) -> dict[str, str]:
    if isinstance(error, GradcmpError):
        kind = "absent" if isinstance(error, AbsentError) else "error"
        return {"kind": kind, "message": str(error)}
    return {"kind": "error", "message": f"{type(error).__name__}: {error}"[:SHOWN]}
