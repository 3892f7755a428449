"""Several cases at once: a process for each job, with warm workers of its own."""

from __future__ import annotations

import pickle
import selectors
import sys
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from gradcmp.case import Effort
from gradcmp.cli.running.net import unfinished
from gradcmp.workers.frames import OversizedError
from gradcmp.workers.process import Process

if TYPE_CHECKING:
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.plan import AnyPlan

SERVE = "gradcmp.cli.running.job"


def in_parallel(
    plans: Sequence[AnyPlan],
    jobs: int,
    effort: Effort,
    found: dict[int, CaseVerdict],
    debug: bool = False,
) -> Generator[CaseVerdict]:
    """Run cases in `jobs` processes; yield the verdicts in the order of the cases.

    The processes end with the iteration, however that ends, and their workers with them. They are
    no threads: judging takes about as long as computing, and holds the interpreter's lock. When
    one ends by itself, the case that it ran could not be compared, and another takes its place.

    Parameters
    ----------
    found : dict of int to CaseVerdict
        Is filled with the verdicts in the order in which they come: whoever is interrupted knows
        those that are ahead.
    """
    with selectors.DefaultSelector() as selector:
        waiting = deque(range(len(plans)))
        team = [Job(selector) for _ in range(min(jobs, len(plans)))]
        try:
            for place in range(len(plans)):
                while place not in found:
                    for job in [*team]:
                        if not (job.free and waiting):
                            continue
                        try:
                            job.take(waiting[0], plans, effort, debug)
                        except OSError as error:  # as many processes as there can be
                            if any(not one.free for one in team):
                                team.remove(job)
                                continue
                            why = f"its process cannot be started: {error.strerror}"
                            found[waiting[0]] = unfinished(plans[waiting[0]].case, why)
                        waiting.popleft()
                    if all(job.free for job in team):
                        continue
                    for key, events in selector.select():
                        if (answer := key.data(events)) is not None:
                            found.update([answer])
                yield found[place]
        finally:
            for job in team:
                job.end()


class Job:
    """A process that runs cases, started when it has one."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._process: Process | None = None
        self._running: tuple[int, AnyPlan] | None = None

    @property
    def free(self) -> bool:
        """Whether it can take a case."""
        return self._running is None

    def take(self, place: int, plans: Sequence[AnyPlan], effort: Effort, debug: bool) -> None:
        """Begin to run a case; raises OSError when no process can be started."""
        if self._process is None:
            self._process = Process(SERVE)
            self._process.attend(self._selector, self.hear, self.listen)
        self._running = (place, plans[place])
        with suppress(OSError):  # it died under our hands: the next thing heard is its end
            self._process.send(pickle.dumps((plans[place], effort, debug)), place)

    def hear(self, events: int) -> tuple[int, CaseVerdict] | None:
        """Take what the process says; return the place of a case and its verdict if it is whole."""
        if self._process is None:
            return None  # it was lost in this very round
        try:
            frame = self._process.receive(events, lambda: sys.maxsize)
        except (EOFError, OSError, OversizedError):
            return self._lost()
        self._process.forget_stderr()
        if frame is None:
            return None
        self._running = None
        verdict: CaseVerdict = pickle.loads(frame.content)
        return frame.number, verdict

    def listen(self, events: int) -> None:
        """Take what the process prints: nobody reads it unless it dies, but it must not wait."""
        if self._process and not self._process.printed.read():
            self._process.ignore(self._process.printed.output)

    def end(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            self._process.reap()

    def _lost(self) -> tuple[int, CaseVerdict] | None:
        assert self._process is not None
        how, printed = self._process.reap(hung_up=True)
        self._process = None
        if self._running is None:
            return None  # it died while it was free: no case is to blame
        (place, plan), self._running = self._running, None
        return place, unfinished(plan.case, f"the process that ran it {how}", printed)
