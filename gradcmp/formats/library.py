"""A library that reads files, in a process of its own: hostile files harm nobody else there."""

from __future__ import annotations

import os
import selectors
import sys
import time
from pathlib import Path

from gradcmp import machine
from gradcmp.errors import AbsentError, RecordingError
from gradcmp.formats.wire import arrays_from_bytes
from gradcmp.recording import Array
from gradcmp.workers.frames import Frame, OversizedError
from gradcmp.workers.process import Process
from gradcmp.workers.words import Raised, Unable, is_word, read_word

SERVE = "gradcmp.formats.serve"
WAY_OUT = "Save the arrays with numpy.savez"


class Library:
    """The process that reads files of one format; it is started when it is needed.

    What it answers is read as input that anybody may have written.

    Parameters
    ----------
    serve : str
        The module that the process runs.
    """

    def __init__(self, form: str, serve: str = SERVE) -> None:
        self._form = form
        self._serve = serve
        self._selector = selectors.DefaultSelector()
        self._process: Process | None = None

    def read(self, file: Path, seconds: float) -> dict[str, Array]:
        """Return the arrays of a file; a process that fails to answer is not asked again.

        Raises
        ------
        RecordingError
            When the file cannot be read, or not in so many seconds.
        AbsentError
            When the library is not installed.
        """
        try:
            frame = self._ask(file, seconds)
        except (EOFError, OSError):
            how = self._reap(hung_up=True)
            raise RecordingError(f"the process that read it {how}", way_out=WAY_OUT) from None
        except OversizedError as error:
            self._reap()
            raise RecordingError(f"the process that read it sent {error}") from None
        except BaseException:
            self._reap()
            raise
        if not is_word(frame.content):
            return arrays_from_bytes(frame.content)
        word = read_word(frame.content)
        if not isinstance(word, Raised | Unable):
            raise RecordingError("the process that read it answered nonsense", way_out=WAY_OUT)
        raise (AbsentError if word.kind == "absent" else RecordingError)(word.message)

    def close(self) -> None:
        """End the process, whatever it does."""
        self._reap()
        self._selector.close()

    def _ask(self, file: Path, seconds: float) -> Frame:
        until = time.monotonic() + seconds
        if self._process is None:
            self._process = Process(self._serve, self._form)
            self._process.attend(self._selector, "line", "printed")
        process = self._process
        process.send(os.fsencode(file), 1)
        while (left := until - time.monotonic()) > 0:
            for key, events in self._selector.select(left):
                if key.data == "printed":
                    self._listen(process)
                elif (frame := process.receive(events, _room)) is not None:
                    return frame
        raise RecordingError(f"reading it took longer than {seconds:g} s", way_out=WAY_OUT)

    def _listen(self, process: Process) -> None:
        """Take what it prints: nobody reads that, but it must not wait."""
        if not process.printed.read():
            process.ignore(process.printed.output)
        process.forget_stderr()

    def _reap(self, hung_up: bool = False) -> str:
        if self._process is None:
            return "ended"
        process, self._process = self._process, None
        return process.reap(hung_up).how


def _room() -> int:
    """Return how many bytes an answer may have."""
    return machine.memory() or sys.maxsize
