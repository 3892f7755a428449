"""All workers: one request at a time to each, and whoever answers first is heard first."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, overload

from gradcmp.case import BackendSpec
from gradcmp.workers.lane import Answers, Lane
from gradcmp.workers.records import (
    AnyRequest,
    CodeRequest,
    Description,
    Environment,
    Event,
    Request,
)

if TYPE_CHECKING:
    from gradcmp.native.answers import Answer
    from gradcmp.recording import Failure, Outcome

LOOK = 3600.0  # seconds: the kernel counts no more than 24 days


class Pool:
    """Processes that load frameworks and stay warm.

    Use it as a context manager: on the way out, however that is, every process that it started
    and all that those started are gone.

    Parameters
    ----------
    on_event : callable, optional
        Is told of progress, in the caller's own thread.
    look : float
        The most seconds between two looks at the deadlines.
    """

    def __init__(
        self, on_event: Callable[[Event], None] = lambda event: None, look: float = LOOK
    ) -> None:
        self._on_event = on_event
        self._look = look
        self._lanes: dict[Environment, Lane] = {}
        self._early: dict[AnyRequest, Any] = {}  # answers to what nobody has asked for yet
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self, environments: Iterable[Environment]) -> None:
        """Start a process for each environment that has none, and return at once."""
        for environment in sorted(set(environments) - self._lanes.keys(), key=lambda e: e.rank):
            lane = self._lanes[environment] = Lane(environment, self._selector, self._on_event)
            lane.spawn()

    @overload
    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Outcome]]: ...

    @overload
    def run(
        self, requests: Iterable[CodeRequest]
    ) -> Iterator[tuple[CodeRequest, Answer | Failure]]: ...

    def run(self, requests: Iterable[AnyRequest]) -> Iterator[tuple[Any, Any]]:
        """Answer every request exactly once, in the order in which the answers come in.

        A worker that crashes or hangs is started again for what is still queued for it. One
        that does not come up fails all that is queued for it; the next call tries again.
        Leaving the iteration early ends the workers that are busy. One call at a time.
        """
        requests = tuple(requests)
        self.start(request.environment for request in requests)
        wanted = dict.fromkeys(requests)
        for request in wanted:
            if request not in self._early:
                self._lanes[request.environment].ask(request)
        for lane in self._lanes.values():
            lane.resume()
        from gradcmp.workers import wire  # noqa: F401  NumPy loads while the frameworks load

        try:
            while wanted:
                for request in [one for one in self._early if one in wanted]:
                    del wanted[request]
                    yield request, self._early.pop(request)
                busy = [lane for lane in self._lanes.values() if lane.busy]
                for lane in busy:
                    self._early.update(lane.feed())
                if wanted.keys() - self._early:
                    self._early.update(self._listen(busy))
        finally:
            if wanted:
                self._early.clear()
                for lane in self._lanes.values():
                    lane.abandon()

    def foresee(self, requests: Iterable[AnyRequest]) -> None:
        """Have the workers begin what `run` will ask for later, when nothing else waits for them.

        They go on while nobody listens: each has at most one answer ready then. What was foreseen
        before and is not among the requests is forgotten.
        """
        requests = dict.fromkeys(requests)
        self._early = {one: answer for one, answer in self._early.items() if one in requests}
        for environment, lane in self._lanes.items():
            lane.foresee(
                one for one in requests if one.environment == environment and one not in self._early
            )

    def describe(
        self, environments: Iterable[Environment], loading: float = BackendSpec.loading
    ) -> Iterator[tuple[Environment, Description | Failure]]:
        """Return what each framework says of itself, or why it did not come up.

        Parameters
        ----------
        loading : float
            Seconds that it may take to load.
        """
        environments = tuple(environments)
        self.start(environments)
        waiting = [self._lanes[environment] for environment in environments]
        for lane in waiting:
            lane.waiting.default = loading
        while waiting:
            for lane in waiting:
                if said := lane.description or lane.failure:
                    yield lane.environment, said
            waiting = [lane for lane in waiting if not (lane.description or lane.failure)]
            for lane in waiting:
                lane.feed()
            self._listen(waiting)

    def close(self) -> None:
        """End every process; the pool can be started again."""
        lanes = [lane for lane in self._lanes.values() if lane.worker]
        self._lanes.clear()
        self._early.clear()
        for lane in lanes:
            lane.kill()  # all of them first: each takes the kernel some time
        for lane in lanes:
            lane.end()

    def _listen(self, lanes: Iterable[Lane]) -> Answers:
        """Wait for the first word or the first deadline; hear all who speak, end all who are late.

        A deadline is for the whole of an answer: who speaks and has not finished is late as well.
        """
        waiting = [lane for lane in lanes if lane.worker]
        if not waiting:
            return []
        patience = min(lane.deadline for lane in waiting) - time.monotonic()
        answers = self._hear(min(max(0.0, patience), self._look))
        if any(lane.deadline <= time.monotonic() for lane in waiting):
            answers += self._hear(0.0)  # a worker may have said more than one thing in time
        now = time.monotonic()
        for lane in waiting:
            if lane.worker and lane.deadline <= now:
                answers += lane.time_out()
        return answers

    def _hear(self, patience: float) -> Answers:
        """Hear one thing of each who speaks within so many seconds."""
        answers: Answers = []
        for key, events in self._selector.select(patience):
            answers += key.data(events)
        return answers
