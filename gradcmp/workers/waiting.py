"""What waits for one worker, and in which order it has its turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from gradcmp.case import BackendSpec
from gradcmp.workers.records import AnyRequest


class Waiting:
    """Requests that somebody waits for; after them, those that somebody will ask for.

    Attributes
    ----------
    asked, foreseen : deque of Request
    default : float
        Seconds that their worker may load when none of them waits.
    """

    def __init__(self) -> None:
        self.default = BackendSpec.loading
        self.asked: deque[AnyRequest] = deque()
        self.foreseen: deque[AnyRequest] = deque()

    def __bool__(self) -> bool:
        return bool(self.asked or self.foreseen)

    def add(self, request: AnyRequest) -> None:
        """Have a request wait whose answer somebody waits for, foreseen or not."""
        if request in self.foreseen:
            self.foreseen.remove(request)
        self.asked.append(request)

    def foresee(self, requests: Iterable[AnyRequest]) -> None:
        """Have these foreseen, and no others."""
        self.foreseen = deque(requests)

    def next(self) -> AnyRequest:
        """Return the request whose turn it is; it waits no more."""
        return (self.asked or self.foreseen).popleft()

    @property
    def loading(self) -> float:
        """How many seconds their worker may load: as many as any of them allows."""
        waiting = (*self.asked, *self.foreseen)
        return max((request.spec.loading for request in waiting), default=self.default)

    def take_asked(self) -> list[AnyRequest]:
        """Return what somebody waits for; it waits no more."""
        taken = list(self.asked)
        self.asked.clear()
        return taken

    def clear(self) -> None:
        """Forget all of it."""
        self.asked.clear()
        self.foreseen.clear()
