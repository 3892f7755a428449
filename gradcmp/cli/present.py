"""Run cases and show what came out: the part that `run` and `expr` share."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from gradcmp.case import ONCE, Case, Effort
from gradcmp.cli.options import Output
from gradcmp.errors import ExitCode, NothingComparedError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from gradcmp.judge.records import CaseVerdict
    from gradcmp.report.progress import Progress, State
    from gradcmp.workers import Event
    from gradcmp.workers.records import Phase

STDOUT = "-"


Then: TypeAlias = "Callable[[CaseVerdict], CaseVerdict]"


def present(
    read: Callable[[], Sequence[Case]],
    output: Output,
    *,
    likely: Iterable[str] = (),
    effort: Effort = ONCE,
    then: Callable[[Sequence[Case]], Then] = lambda cases: lambda verdict: verdict,
) -> ExitCode:
    """Run cases on warm workers, show their verdicts and give the exit code.

    Everything that can be found wrong beforehand is found before anything runs, while the
    frameworks load.

    Parameters
    ----------
    read : callable
        Gives the cases.
    likely : iterable of str
        Backends that the cases will probably need: they begin to load before the cases are read.
    then : callable, optional
        Given the cases, gives what turns each verdict, as soon as it is known, into the one
        that counts.
    """
    from gradcmp.workers import Environment, Pool

    if output.json_file:
        require_writable(output.json_file)
    watcher = Watcher()
    with Pool(watcher) as pool:
        pool.start(Environment(name) for name in likely)
        cases = read()
        if not cases:
            raise NothingComparedError("there is no case to run", way_out="Name one with a case")
        finish = then(cases)
        from gradcmp import api, plan
        from gradcmp.report.progress import Progress

        pool.start(plan.environments_of(cases))
        for case in cases:
            plan.check(case)
        with Progress() as progress:
            watcher.show(progress)
            verdicts = [finish(verdict) for verdict in api.run_all(cases, pool, effort)]
    return show(verdicts, output)


def show(verdicts: Sequence[CaseVerdict], output: Output) -> ExitCode:
    """Show verdicts on the screen, write them to files and give the exit code."""
    from gradcmp.report import report_named
    from gradcmp.report.environment import Differences
    from gradcmp.report.sentence import Tally
    from gradcmp.report.table import screen

    text = report_named("json")(verdicts) if output.json_file else ""
    if output.json_file == STDOUT:
        sys.stdout.write(text)
    else:
        console().print(Differences(verdicts), screen(verdicts, verbose=output.verbose))
    if output.json_file not in (None, STDOUT):
        write(output.json_file, text)
    return Tally.of(verdicts).exit_code


def console() -> Console:
    """Give the console on standard output: plain when piped, and as NO_COLOR says."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


class Watcher:
    """Puts the workers' events on the progress display, each with the time it took so far."""

    STATES: ClassVar[Mapping[Phase, State]] = {
        "starting": "starting",
        "importing": "starting",
        "ready": "done",
        "running": "running",
        "done": "done",
        "failed": "failed",
    }

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress
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
        from gradcmp.report.progress import Event as Shown

        self._progress(Shown(subject, self.STATES[event.phase], now - began))

    def show(self, progress: Progress) -> None:
        """Begin to show, with what happened before there was a display."""
        self._progress = progress
        for event in self._early:
            self(event)


def require_writable(file: str) -> None:
    """Refuse a file that cannot be written, before anything runs."""
    if file == STDOUT:
        return
    path = Path(file)
    if path.is_dir():
        raise UsageError(f"'{file}' is a directory", way_out="Name a file")
    if not path.parent.is_dir():
        raise UsageError(f"'{file}' cannot be written: there is no directory '{path.parent}'")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"'{file}' cannot be written: permission denied")


def write(file: str, content: str | bytes) -> None:
    """Write a whole file or nothing: beside it first, then in its place."""
    path = Path(file)
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as beside:
            beside.write(content.encode() if isinstance(content, str) else content)
        Path(beside.name).replace(path)
    except OSError as error:
        raise UsageError(f"'{file}' cannot be written: {error.strerror}") from None
