"""Run cases and show what came out: the part that `run` and `expr` share."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from gradcmp.case import ONCE, Case, Effort
from gradcmp.cli.output import Output
from gradcmp.errors import ExitCode, NothingComparedError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from gradcmp.cli.reports import Target
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.report.progress import Progress, State
    from gradcmp.workers import Event
    from gradcmp.workers.records import Phase


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
    cases: list[Case] = []

    def ready() -> Then:
        cases.extend(read())
        return then(cases)

    return show(gather(conduct(cases, ready, likely, effort), cases, output.reports), output)


def conduct(
    cases: Sequence[Case],
    ready: Callable[[], Then],
    likely: Iterable[str] = (),
    effort: Effort = ONCE,
    jobs: int = 1,
) -> Generator[CaseVerdict]:
    """Run cases on warm workers, which end with the iteration, however that ends.

    Parameters
    ----------
    ready : callable
        Is called when the likely backends have begun to load, and only after it the cases are
        looked at. Gives what turns each verdict into the one that counts.
    jobs : int, optional
        How many cases at once; more than one have processes of their own.

    Raises
    ------
    GradcmpError
        Before anything runs, for what can be found wrong beforehand.
    """
    from gradcmp.workers import Environment, Pool

    watcher = Watcher()
    with Pool(watcher) as pool:
        pool.start(Environment(name) for name in likely)
        then = ready()
        if not cases:
            raise NothingComparedError("there is no case to run", way_out="Name one with a case")
        from gradcmp import api, plan
        from gradcmp.cli.session.jobs import in_parallel
        from gradcmp.report.progress import Progress

        plans = []
        for case in cases:
            plans.append(plan.check(case))
            if jobs == 1:
                pool.start(plans[-1].environments)
        with Progress() as progress:
            watcher.show(progress)
            alone = (api.run_plan(one, pool, effort) for one in plans)
            for verdict in alone if jobs == 1 else in_parallel(plans, jobs, effort):
                yield then(verdict)


def gather(
    verdicts: Iterator[CaseVerdict], cases: Sequence[Case], reports: Sequence[Target]
) -> list[CaseVerdict]:
    """Collect verdicts. When the user interrupts that, the reports of what is finished are written.

    In them the cases that were not finished could not be compared: half a run is no success.
    """
    found: list[CaseVerdict] = []
    try:
        for verdict in verdicts:
            found.append(verdict)
    except KeyboardInterrupt:
        from gradcmp.cli.reports import hand_out

        hand_out([*found, *map(unfinished, cases[len(found) :])], reports)
        raise
    return found


def unfinished(case: Case) -> CaseVerdict:
    """Return the verdict on a case that was not waited for."""
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.recording import Failure

    labels = [str(spec) for spec in case.backends]
    lost = {label: Failure(label, "error", "the run was interrupted") for label in labels}
    return CaseVerdict(case, "", lost)


def show(verdicts: Sequence[CaseVerdict], output: Output) -> ExitCode:
    """Show verdicts on the screen, hand out their reports and give the exit code."""
    from gradcmp.report.environment import Differences
    from gradcmp.report.table import screen

    return publish(
        verdicts, output.reports, Differences(verdicts), screen(verdicts, verbose=output.verbose)
    )


def publish(
    verdicts: Sequence[CaseVerdict], reports: Sequence[Target], *shown: RenderableType
) -> ExitCode:
    """Print what a person sees, hand out the reports and give the exit code."""
    from gradcmp.report.sentence import Tally

    if not reports:  # the usual case needs none of their code
        console().print(*shown)
        return Tally.of(verdicts).exit_code
    from gradcmp.cli.reports import hand_out, takes_the_screen, unheard

    if not takes_the_screen(reports):
        with unheard(reports):
            console().print(*shown)
    hand_out(verdicts, reports)
    return Tally.of(verdicts).exit_code


def console() -> Console:
    """Return the console on standard output: plain when piped, and as NO_COLOR says."""
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
