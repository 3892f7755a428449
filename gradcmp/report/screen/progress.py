"""What is going on while backends start: a live display that leaves nothing behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, TypeAlias

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as CaseProgress
from rich.spinner import Spinner
from rich.text import Text

from gradcmp.outside.printable import clean
from gradcmp.report.words.ink import AGREE, DISAGREE, QUIET, Ink

State: TypeAlias = Literal["starting", "running", "done", "failed"]

ENDS = {"done": ("✓", AGREE), "failed": ("✗", DISAGREE)}
PER_SECOND = 4  # redraws: each takes milliseconds, which the judge needs as well


def is_screen(console: Console) -> bool:
    """Return whether somebody sits before it: FORCE_COLOR makes no terminal of a file."""
    return console.is_terminal and not console.is_dumb_terminal and console.file.isatty()


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
        self._cases = CaseProgress(
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=self._console,
            auto_refresh=False,
        )
        shown = is_screen(self._console)
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

    def case(self, finished: int, cases: int, name: str) -> None:
        """Take note of which of several cases is at work: ``37/200 case036``."""
        if cases > 1 and self._live:
            if not self._cases.tasks:
                self._cases.add_task("", total=cases)
            name = clean(name)
            self._cases.update(self._cases.task_ids[0], completed=finished, description=name)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let others print inside of it, where the display would stand."""
        if self._live is None:
            yield
            return
        self._live.stop()
        try:
            yield
        finally:
            self._live.start()

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
        if self._cases.tasks:
            yield self._cases
        yield from ink.grid(rows, right=(3,))
        if not rows:
            yield Text("")
