"""What is going on while backends start: a live display that leaves nothing behind."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, TypeAlias

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from gradcmp.report.words.ink import AGREE, DISAGREE, QUIET, Ink

State: TypeAlias = Literal["starting", "running", "done", "failed"]

ENDS = {"done": ("✓", AGREE), "failed": ("✗", DISAGREE)}
PER_SECOND = 10  # redraws: the seconds shown have one digit after the point


@dataclass(frozen=True)
class Event:
    """A backend has come to a state.

    Attributes
    ----------
    seconds : float
        How long the backend had been at work when it got there.
    """

    backend: str
    state: State
    seconds: float = 0.0


class Progress:
    """One line per backend on a terminal; silent anywhere else.

    A context manager. Call it with each `Event`, from any thread; on leaving, whether by an
    error or not, the display disappears and the cursor is back.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._last: dict[str, tuple[Event, float]] = {}
        shown = self._console.is_terminal and not self._console.is_dumb_terminal
        self._spinner = Spinner("line")  # ASCII: every terminal can draw it
        self._live = (
            Live(
                self,
                console=self._console,
                transient=True,
                refresh_per_second=PER_SECOND,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            if shown
            else None
        )

    def __enter__(self) -> Progress:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        self._last[event.backend] = (event, time.monotonic())

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Return one line per backend, in the order in which they first appeared."""
        ink = Ink.on(console, options)
        turning = self._spinner.render(console.get_time())
        rows = []
        for event, at in list(self._last.values()):
            sign, style = ENDS.get(event.state, (str(turning), ""))
            more = 0.0 if event.state in ENDS else time.monotonic() - at
            rows.append(
                [
                    ink(sign, style),
                    ink(event.backend),
                    ink(event.state, style or QUIET),
                    ink(f"{event.seconds + more:.1f} s", QUIET),
                ]
            )
        yield from ink.grid(rows, right=(3,))
        if not rows:
            yield Text("")
