"""One environment: its process if there is one, what waits for it, and what became of it."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from gradcmp.case import BackendSpec
from gradcmp.workers.process import Worker
from gradcmp.workers.records import Description, Environment, Event, Phase, Request

if TYPE_CHECKING:
    from gradcmp.recording import Failure, FailureKind, Outcome

Answers: TypeAlias = "list[tuple[Request, Outcome]]"


class Lane:
    """The queue of one environment and the process that works it off.

    Attributes
    ----------
    worker : Worker, optional
        None before the first start and after an end.
    description : Description, optional
        What the framework said when it had loaded; None while there is none to ask.
    failure : Failure, optional
        Why it did not come up, the last time.
    """

    def __init__(self, environment: Environment, tell: Callable[[Event], None]) -> None:
        self.environment = environment
        self.worker: Worker | None = None
        self.description: Description | None = None
        self.failure: Failure | None = None
        self._since = 0.0  # when it began to load, or what runs, on the monotonic clock
        self.queue: deque[Request] = deque()
        self._running: Request | None = None
        self._tell = tell

    @property
    def busy(self) -> bool:
        """Whether a request waits for its answer."""
        return bool(self.queue or self._running)

    @property
    def deadline(self) -> float:
        """When it counts as hung, on the monotonic clock."""
        return self._since + (self._running.spec.timeout if self._running else self._loading)

    @property
    def _loading(self) -> float:
        """How long it may load: as long as anything that waits for it allows."""
        return max((request.spec.loading for request in self.queue), default=BackendSpec.loading)

    def spawn(self) -> Answers:
        """Start the process."""
        self._say("starting")
        self.failure = None
        self._since = time.monotonic()
        try:
            self.worker = Worker(self.environment)
        except OSError as error:
            program = self.environment.python
            reason = f"interpreter '{program}' cannot be started: {error.strerror}"
            return self._fail("error", reason, "")
        return []

    def feed(self) -> Answers:
        """See to it that a worker runs and, if it is free, has something to do."""
        if self.description and not self._running and self.worker and self.worker.ended:
            self.end()  # it died while it was free: the next request is not to blame
        if self.worker is None:
            return self.spawn()
        if self.description and self.queue and not self._running:
            return self._send(self.queue.popleft())
        return []

    def hear(self) -> Answers:
        """Take what the worker says: a word of `gradcmp.workers.serve`, or a recording."""
        assert self.worker is not None
        try:
            frame = self.worker.receive()
        except BlockingIOError:
            return self.time_out()
        except (EOFError, OSError):
            how, stderr = self.end()
            return self._fail("crashed", f"{self._subject} {how}", stderr)
        if frame[:1] != b"{":
            return self._recorded(frame)
        facts = json.loads(frame)
        return self._WORDS[facts.pop("word")](self, **facts)

    def time_out(self) -> Answers:
        """End a worker that has taken too long."""
        how = f"did not come up within {self._loading:g} s. Raise its 'loading'"
        if self._running:
            limit = self._running.spec.timeout
            how = f"took longer than {limit:g} s. Raise its 'timeout' or make the case smaller"
        _, stderr = self.end()
        return self._fail("timeout", f"{self._subject} {how}", stderr)

    def end(self) -> tuple[str, str]:
        """End the process; give how it ended and the tail of its stderr."""
        assert self.worker is not None
        ending = self.worker.reap()
        self.worker = self.description = None
        return ending

    def kill(self) -> None:
        """End the process without waiting for it; `end` must follow."""
        assert self.worker is not None
        self.worker.kill()

    def abandon(self) -> None:
        """Forget what waits, and end a worker that is busy."""
        self.queue.clear()
        if self._running:
            self._running = None
            self.end()

    def _send(self, request: Request) -> Answers:
        from gradcmp.workers.wire import request_to_bytes

        assert self.worker is not None
        self._running = request
        self._say("running", request.label)
        blob = request_to_bytes(request)
        self._since = time.monotonic()
        try:
            self.worker.send(blob)
        except BlockingIOError:
            return self.time_out()
        except OSError:
            pass  # it died under our hands: the next thing heard is its end
        return []

    def _importing(self) -> Answers:
        self._say("importing")
        return []

    def _ready(self, devices: list[str], environment: dict[str, str], seconds: float) -> Answers:
        assert self.worker is not None
        self.description = Description(tuple(devices), environment, seconds)
        self.worker.forget_stderr()
        self._say("ready")
        return []

    def _unable(self, kind: FailureKind, message: str) -> Answers:
        _, stderr = self.end()
        return self._fail(kind, message, stderr)

    def _raised(self, kind: FailureKind, message: str) -> Answers:
        assert self.worker is not None
        stderr = self.worker.stderr()
        self.worker.forget_stderr()
        return self._fail(kind, message, stderr)

    def _recorded(self, frame: bytes) -> Answers:
        from gradcmp.errors import RecordingError
        from gradcmp.workers.wire import answer_from_bytes

        assert self.worker is not None
        assert self._running is not None
        try:
            recording = answer_from_bytes(frame)
        except RecordingError as error:
            _, stderr = self.end()  # whoever garbles one answer is not trusted with another
            return self._fail("error", f"{self._subject} answered nonsense: {error}", stderr)
        self.worker.forget_stderr()
        request, self._running = self._running, None
        self._say("done", request.label)
        return [(request, recording)]

    def _fail(self, kind: FailureKind, message: str, stderr: str) -> Answers:
        """Fail the running request; if none is, the framework did not come up for any."""
        from gradcmp.recording import Failure

        if self._running:
            failed = [self._running]
            self._running = None
        else:
            failed = list(self.queue)
            self.queue.clear()
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

    _WORDS: ClassVar[Mapping[str, Callable[..., Answers]]] = {
        "importing": _importing,
        "ready": _ready,
        "unable": _unable,
        "failure": _raised,
    }
