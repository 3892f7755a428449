"""One environment: its process if there is one, what waits for it, and what became of it."""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from gradcmp.workers.frames import OversizedError
from gradcmp.workers.process import Process
from gradcmp.workers.records import AnyRequest, Description, Environment, Event, Phase
from gradcmp.workers.waiting import Waiting

if TYPE_CHECKING:
    from gradcmp.native.answers import Answer
    from gradcmp.recording import Failure, FailureKind, Outcome

Answers: TypeAlias = "list[tuple[AnyRequest, Outcome | Answer]]"

SERVE = "gradcmp.workers.serve"
LIVES = 2  # how often it may die while it is free before its next request is told so


class Lane:
    """The queue of one environment and the process that works it off.

    Whatever the process says is read as input that anybody may have written: what cannot be right
    is the verdict of the request that runs, and the end of the process.

    Attributes
    ----------
    worker : Process, optional
        None before the first start and after an end.
    description : Description, optional
        What the framework said when it had loaded; None while there is none to ask.
    failure : Failure, optional
        Why it did not come up, the last time.
    waiting : Waiting
        Requests that have not had their turn. What is only foreseen starts no process.
    """

    def __init__(
        self,
        environment: Environment,
        selector: selectors.BaseSelector,
        tell: Callable[[Event], None],
    ) -> None:
        self.environment = environment
        self.worker: Process | None = None
        self.description: Description | None = None
        self.failure: Failure | None = None
        self.waiting = Waiting()
        self._selector = selector
        self._tell = tell
        self._since = 0.0  # when it began to load, or what runs, on the monotonic clock
        self._running: AnyRequest | None = None
        # Of what runs: an answer names it, and none is right that was given before it was known.
        self._number = int.from_bytes(os.urandom(3), "little")
        self._lives = LIVES

    @property
    def busy(self) -> bool:
        """Whether a request waits for its answer, or a foreseen one can have its turn."""
        return bool(self.waiting.asked or self._running or (self.waiting and self.worker))

    def ask(self, request: AnyRequest) -> None:
        """Take a request that somebody waits for, unless it runs already."""
        if request is not self._running:
            self.waiting.add(request)

    def foresee(self, requests: Iterable[AnyRequest]) -> None:
        """Take requests that somebody will ask for, unless they run already; forget others."""
        self.waiting.foresee(one for one in requests if one is not self._running)

    def resume(self) -> None:
        """Count the time of what runs from now on: nobody has listened until now."""
        if self._running:
            self._since = time.monotonic()

    @property
    def deadline(self) -> float:
        """When it counts as hung, on the monotonic clock."""
        if self.description and not self._running:
            return float("inf")
        return self._since + (self._running.spec.timeout if self._running else self.waiting.loading)

    def spawn(self) -> Answers:
        """Start the process."""
        self._say("starting")
        self.failure = None
        self._since = time.monotonic()
        python = self.environment.python
        try:
            self.worker = Process(
                SERVE, self.environment.name, self.environment.device, python=python
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            kind: FailureKind = "absent" if isinstance(error, FileNotFoundError) else "error"
            what = f"interpreter '{python}'" if python else f"a process for {self._subject}"
            return self._fail(kind, f"{what} cannot be started: {reason}", "")
        hear, listen = (partial(take, self.worker) for take in (self._hear, self._listen))
        self.worker.attend(self._selector, hear, listen)
        return []

    def feed(self) -> Answers:
        """See to it that a worker runs and, if it is free, has something to do."""
        if self._free and (answers := self._look()):
            return answers
        if self.worker is None:
            return self.spawn()
        return self._send(self.waiting.next()) if self._free and self.waiting else []

    def time_out(self) -> Answers:
        """End a worker that has taken too long."""
        how = f"did not come up within {self.waiting.loading:g} s. Raise its 'loading'"
        if self._running:
            limit = self._running.spec.timeout
            how = f"took longer than {limit:g} s. Raise its 'timeout' or make the case smaller"
        return self._stop("timeout", how)

    def end(self, hung_up: bool = False) -> tuple[str, str]:
        """End the process; return how it ended and what it printed, as `Process.reap` does."""
        assert self.worker is not None
        ending = self.worker.reap(hung_up)
        self.worker = self.description = None
        return ending

    def kill(self) -> None:
        """End the process without waiting for it; `end` must follow."""
        assert self.worker is not None
        self.worker.kill()

    def abandon(self) -> None:
        """Forget what waits, and end a worker that is busy."""
        self.waiting.clear()
        if self._running:
            self._running = None
            if self.worker:
                self.end()

    @property
    def _free(self) -> bool:
        """Whether it waits for work."""
        return bool(self.worker and self.description and not self._running)

    def _look(self) -> Answers:
        """Find out whether a worker that waits for work has died, or spoken unasked."""
        assert self.worker is not None
        state = self.worker.line.peek()
        if state == "closed":
            return self._lost()
        if state == "speaks":
            return self._distrust("something that nobody asked for")
        return []

    def _send(self, request: AnyRequest) -> Answers:
        from gradcmp.workers.wire import request_to_bytes

        assert self.worker is not None
        self._running = request
        self._number += 1
        self._say("running", request.label)
        blob = request_to_bytes(request)
        self._since = time.monotonic()
        with suppress(OSError):  # it died under our hands: the next thing heard is its end
            self.worker.send(blob, self._number)
        return []

    def _listen(self, worker: Process, events: int) -> Answers:
        """Take what the worker prints."""
        if worker is not self.worker:
            return []
        if not worker.printed.read():
            worker.ignore(worker.printed.output)
        if worker.printed.too_much:
            return self._stop("error", f"printed more than {worker.printed.limit} bytes")
        return []

    def _hear(self, worker: Process, events: int) -> Answers:
        """Take what the worker says: a word of `gradcmp.workers.words`, or a recording."""
        if worker is not self.worker:
            return []
        if self._free:  # it has hung up, or speaks unasked: that is looked at when it is needed
            worker.ignore(worker.line.channel)
            return []
        try:
            frame = worker.receive(events, self._room)
        except (EOFError, OSError):
            return self._lost()
        except OversizedError as error:
            return self._distrust(str(error))
        if frame is None:
            return []
        from gradcmp.errors import RecordingError

        try:
            return self._take(frame.number, frame.content)
        except RecordingError as error:
            return self._distrust(error.fact)

    def _room(self) -> int:
        from gradcmp.workers.wire import room_for
        from gradcmp.workers.words import LENGTH

        return room_for(self._running) if self._running else LENGTH

    def _take(self, number: int, content: memoryview) -> Answers:
        """Do what a frame says, if it may be said now; raises RecordingError for what may not."""
        from gradcmp.errors import RecordingError
        from gradcmp.workers import words

        assert self.worker is not None
        if number != (self._number if self._running else 0):
            raise RecordingError(f"an answer to request {number}, which was not asked")
        if not words.is_word(content):
            return self._recorded(content)
        match words.read_word(content):
            case words.Importing() if not self.description:
                self._say("importing")
                return []
            case words.Ready(description) if not self.description:
                self.description = description
                self.worker.forget_stderr()
                self._say("ready")
                return []
            case words.Unable(kind, message) if not self.description:
                _, stderr = self.end()
                return self._fail(kind, message, stderr)
            case words.Raised(kind, message) if self._running:
                stderr, self._lives = self.worker.stderr(), LIVES
                self.worker.forget_stderr()
                return self._fail(kind, message, stderr)
        raise RecordingError(f"{words.quote(content)} out of turn")

    def _recorded(self, content: memoryview) -> Answers:
        from gradcmp.errors import RecordingError
        from gradcmp.workers.wire import read_answer
        from gradcmp.workers.words import quote

        assert self.worker is not None
        if not self._running:
            raise RecordingError(f"{quote(content)} before it was asked")
        answer = read_answer(content, self._running)
        self.worker.forget_stderr()
        request, self._running, self._lives = self._running, None, LIVES
        self._say("done", request.label)
        return [(request, answer)]

    def _lost(self) -> Answers:
        """Take note of the end of a worker that has hung up."""
        free = self._free
        how, stderr = self.end(hung_up=True)
        if free:
            self._lives -= 1
            if self._lives:  # the next request is not to blame, and starts it again
                return []
        self._lives = LIVES
        return self._fail("crashed", f"{self._subject} {how}", stderr)

    def _distrust(self, fact: str) -> Answers:
        """End a worker that said what cannot be: it is not trusted with another request."""
        return self._stop("error", f"answered nonsense: {fact}")

    def _stop(self, kind: FailureKind, how: str) -> Answers:
        subject = self._subject
        _, stderr = self.end()
        return self._fail(kind, f"{subject} {how}", stderr)

    def _fail(self, kind: FailureKind, message: str, stderr: str) -> Answers:
        """Fail the running request; if none is, the framework did not come up for any."""
        from gradcmp.recording import Failure

        if self._running:
            failed = [self._running]
            self._running = None
        else:
            failed = self.waiting.take_asked()
            self.failure = Failure(str(self.environment), kind, message, stderr)
        for request in failed:
            self._say("failed", request.label)
        return [
            (request, Failure(request.label, kind, message, stderr, request.spec.required))
            for request in failed
        ]

    @property
    def _subject(self) -> str:
        return f"backend '{self._running.label if self._running else self.environment}'"

    def _say(self, phase: Phase, label: str = "") -> None:
        self._tell(Event(self.environment, phase, label))
