"""What the workers do, on the screen."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from gradcmp.report.screen.progress import Progress, State
    from gradcmp.workers import Event
    from gradcmp.workers.records import Phase


class WorkerProgress:
    """Puts the workers' events on the progress display, each with the time it took so far."""

    STATES: ClassVar[Mapping[Phase, State]] = {
        "starting": "starting",
        "importing": "starting",
        "ready": "done",
        "running": "running",
        "done": "done",
        "failed": "failed",
    }

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._since: dict[str, float] = {}
        self._early: list[Event] = []

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        now = time.monotonic()
        subject = event.label or str(event.environment)
        began = self._since.setdefault(subject, now)
        if self._progress is None:
            self._early.append(event)
            return
        from gradcmp.report.screen.progress import Event as Shown

        self._progress(Shown(subject, self.STATES[event.phase], now - began))

    def show(self, progress: Progress) -> None:
        """Begin to show, with what happened before there was a display."""
        self._progress = progress
        for event in self._early:
            self(event)
