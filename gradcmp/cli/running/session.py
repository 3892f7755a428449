"""Cases on warm workers: started, checked, run and shown in one place for every command."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from gradcmp.case import ONCE, BackendSpec, Case, Effort
from gradcmp.cli.options import debugging
from gradcmp.cli.running.ahead import in_turn
from gradcmp.cli.running.net import INTERRUPTED, unfinished
from gradcmp.cli.running.progress import WorkerProgress
from gradcmp.cli.terminal import say
from gradcmp.errors import ExitCode, GradcmpError, NothingComparedError, together
from gradcmp.workers import Environment, Pool

if TYPE_CHECKING:
    from gradcmp.cli.reports import Target
    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.plan import AnyPlan, Plan
    from gradcmp.report.screen.progress import Progress

P = TypeVar("P", "Plan", "AnyPlan")
Finish: TypeAlias = "Callable[[CaseVerdict], CaseVerdict]"


def unchanged(verdict: CaseVerdict) -> CaseVerdict:
    """Return the verdict that counts where nothing else is known of a case: as it is."""
    return verdict


class Session:
    """Warm workers, the cases that run on them, and the screen that shows what they do.

    ::

        with Session(likely) as session:
            plans = session.check(read())
            verdicts = list(session.run(plans))

    On the way out, however that is, no worker is left. When the user interrupts, or an error ends
    the run, reports are written of what is finished; in them the other cases could not be
    compared: half a run is no success.

    Parameters
    ----------
    likely : iterable of str, optional
        Backends that the cases will probably need: they begin to load on entering, before the
        cases are read.
    reports : sequence of Target, optional
        What to write when the user interrupts.
    jobs : int, optional
        How many cases at once; more than one have processes of their own.

    Attributes
    ----------
    pool : Pool
    progress : WorkerProgress
        Hears of all that the workers do.
    """

    def __init__(
        self, likely: Iterable[str] = (), reports: Sequence[Target] = (), jobs: int = 1
    ) -> None:
        self.progress = WorkerProgress()
        self.pool = Pool(lambda event: self.progress(event))
        self._likely, self._reports, self._jobs = likely, reports, jobs
        self._cases: Sequence[Case] = ()
        self._faults: dict[int, GradcmpError] = {}  # by place: of cases that cannot run
        self._errors: list[GradcmpError] = []  # of finishing
        self._finished: list[CaseVerdict] = []
        self._ahead: dict[int, CaseVerdict] = {}  # of jobs, by place: some are done out of turn
        self._finish: Finish = unchanged
        self._display: Progress | None = None

    def __enter__(self) -> Session:
        self.pool.start(Environment(name) for name in self._likely)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.pool.close()
        interrupted = isinstance(error, KeyboardInterrupt)
        if self._reports and (interrupted or (error and self._finished)):
            from gradcmp.cli.reports import hand_out

            why = INTERRUPTED if interrupted else f"the run ended early: {error}"
            try:
                hand_out([*self._finished, *self._rest(why)], self._reports)
            except GradcmpError as lost:  # what ended the run still decides its exit code
                say(str(lost), error=True)

    def _rest(self, why: str) -> Iterator[CaseVerdict]:
        """Return the verdicts on the cases behind those whose turn has come."""
        for place in range(len(self._finished), len(self._cases)):
            if fault := self._faults.get(place):
                yield unfinished(self._cases[place], str(fault))
            elif ahead := self._ahead.get(place - sum(one < place for one in self._faults)):
                yield self._finished_by(ahead)
            else:
                yield unfinished(self._cases[place], why)

    def check(self, cases: Sequence[Case], by: BackendSpec | None = None) -> list[Plan]:
        """Find what can be found wrong before anything runs, while the frameworks load.

        Parameters
        ----------
        by : BackendSpec, optional
            The only one that computes, instead of those that the cases name.

        Raises
        ------
        NothingComparedError
            When there is no case.
        GradcmpError
            As `gradcmp.plan.check`, for all cases at once.
        """
        plans = self.survey(cases, by)
        self.raise_faults()
        return plans

    def survey(self, cases: Sequence[Case], by: BackendSpec | None = None) -> list[Plan]:
        """Return the plans of the cases that nothing is wrong with; `run` says of the others what.

        Raises
        ------
        NothingComparedError
            When there is no case.
        GradcmpError
            As `gradcmp.plan.check`, when no case can run.
        """
        from gradcmp.plan import check

        return self._planned(cases, lambda c: check(c) if by is None else check(c).computed_by(by))

    def check_any(self, cases: Sequence[Case]) -> list[AnyPlan]:
        """Check cases of graphs and of code, as `check` does."""
        plans = self.survey_any(cases)
        self.raise_faults()
        return plans

    def survey_any(self, cases: Sequence[Case], by: BackendSpec | None = None) -> list[AnyPlan]:
        """Return the plans of cases of graphs and of code, as `survey` does."""
        from gradcmp.plan import check_any

        return self._planned(
            cases, lambda c: check_any(c) if by is None else check_any(c).computed_by(by)
        )

    def _planned(self, cases: Sequence[Case], check: Callable[[Case], P]) -> list[P]:
        if not cases:
            raise NothingComparedError("there is no case to run", way_out="Name one with a case")
        self._cases, self._finished, self._faults, self._errors = cases, [], {}, []
        self._ahead.clear()
        plans = []
        for place, case in enumerate(cases):
            try:
                plan = check(case)
            except GradcmpError as error:
                self._faults[place] = error
                continue
            if self._jobs == 1:
                self.pool.start(plan.environments)
            plans.append(plan)
        if not plans:
            self.raise_faults()
        return plans

    def raise_faults(self, *more: GradcmpError) -> None:
        """Raise what was wrong with cases, and more, when the others are done.

        Raises
        ------
        GradcmpError
        """
        if errors := [*self._faults.values(), *self._errors, *more]:
            raise together(errors)

    def conclude(self, show: Callable[[], ExitCode]) -> ExitCode:
        """Show verdicts and give the exit code.

        Raises
        ------
        GradcmpError
            Once they are shown: what was wrong with cases, and what could not be written.
        """
        try:
            code = show()
        except GradcmpError as error:
            self._errors.append(error)
            code = error.exit_code
        self.raise_faults()
        return code

    def run(
        self, plans: Sequence[AnyPlan], effort: Effort = ONCE, finish: Finish = unchanged
    ) -> Generator[CaseVerdict]:
        """Run cases in their order; what is running when the iteration is left is ended.

        Parameters
        ----------
        finish : callable, optional
            Post-processes each verdict as soon as it is known: for golden recordings, for
            disagreements that are expected. What goes wrong there is that case's verdict.
        """
        self._finish = finish
        with self.shown() as display, closing(self._verdicts(plans, effort)) as verdicts:
            for place, case in enumerate(self._cases):
                display.case(place, len(self._cases), case.name)
                if fault := self._faults.get(place):
                    done = unfinished(case, str(fault))
                else:
                    done = self._finished_by(next(verdicts))
                self._finished.append(done)
                yield done

    def _finished_by(self, verdict: CaseVerdict) -> CaseVerdict:
        try:
            return self._finish(verdict)
        except GradcmpError as error:
            self._errors.append(error)
            return unfinished(verdict.case, str(error))

    def _verdicts(self, plans: Sequence[AnyPlan], effort: Effort) -> Generator[CaseVerdict]:
        debug = debugging()
        if self._jobs > 1:
            from gradcmp.cli.running.jobs import in_parallel

            return in_parallel(plans, self._jobs, effort, self._ahead, debug)
        return in_turn(plans, self.pool, effort, debug)

    @contextmanager
    def shown(self) -> Iterator[Progress]:
        """Show the progress of the workers inside of it."""
        from gradcmp.report.screen.progress import Progress

        with Progress() as progress:
            self.progress.show(progress)
            self._display = progress
            try:
                yield progress
            finally:
                self._display = None

    def paused(self) -> AbstractContextManager[None]:
        """Return what takes the progress off the screen: who prints while cases run is in it."""
        return self._display.paused() if self._display else nullcontext()
