"""``gradcmp run --watch``: the workers stay warm, and only what a change needs runs again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from gradcmp.case import Auto, Case, Effort, Expression
from gradcmp.cli.options import debugging
from gradcmp.cli.output import Output
from gradcmp.cli.running.changes import Files
from gradcmp.cli.running.followed import code_files, followed
from gradcmp.cli.running.net import settle
from gradcmp.cli.running.progress import WorkerProgress
from gradcmp.cli.running.session import Finish, Session
from gradcmp.cli.screen import publish
from gradcmp.cli.streams import unread
from gradcmp.cli.terminal import console
from gradcmp.errors import ConfigError, ExitCode, GradcmpError, InputError, UsageError
from gradcmp.outside.files import is_special

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gradcmp.judge.verdict import CaseVerdict
    from gradcmp.plan import AnyPlan

Finisher: TypeAlias = "Callable[[Sequence[AnyPlan]], Finish]"
Work: TypeAlias = Literal["run", "judged again", "unchanged"]

RETRY = 1.0  # seconds until a broken config is read again: it may name a file not watched yet


def watch(
    paths: Sequence[str],
    read: Callable[[], Sequence[Case]],
    output: Output,
    likely: Iterable[str],
    effort: Effort,
    finisher: Finisher,
) -> ExitCode:
    """Show verdicts as `gradcmp run` does, again after each change, until interrupted or unread.

    Parameters
    ----------
    paths : sequence of str
        The config files and directories that `read` reads.
    finisher : callable
        Given the plans, returns what post-processes each verdict.

    Raises
    ------
    UsageError
        When there is nothing to watch, or a report wants the screen for itself.
    GradcmpError
        For what is wrong with the command line; a mistake in a file is shown, and waited on.
    """
    if not paths:
        raise UsageError("--watch has no file to watch", way_out="Name a CONFIG")
    for path in paths:
        if is_special(Path(path)):
            raise UsageError(f"'{path}' does not change: it is not a file", way_out="Name a file")
    if output.reports:
        from gradcmp.cli.reports import takes_the_screen

        if takes_the_screen(output.reports):
            raise UsageError(
                "--watch and a report on standard output contradict each other",
                way_out="Write the report to a file",
            )
    with Session(likely) as session:
        watch = Watch(paths, read, output, effort, finisher, session)
        while True:
            watch.look_again()
            if unread():
                return watch.exit_code
            watch.wait()


class Watch:
    """What is known between two looks.

    Attributes
    ----------
    exit_code : ExitCode
        Of what was last shown.
    """

    def __init__(
        self,
        paths: Sequence[str],
        read: Callable[[], Sequence[Case]],
        output: Output,
        effort: Effort,
        finisher: Finisher,
        session: Session,
    ) -> None:
        self._paths, self._read, self._output = paths, read, output
        self._files = Files(paths)
        self._effort, self._finisher, self._session = effort, finisher, session
        self._kept: dict[str, CaseVerdict] = {}  # by question
        self._error: GradcmpError | None = None
        self._begun = False
        self.exit_code = ExitCode.AGREE

    def look_again(self) -> None:
        """Read the configs, answer what is not known yet, and draw."""
        began = time.perf_counter()
        changed = self._files.settle()
        try:
            answer = self._answer()
            if answer is None:
                return  # what was read is out of date: the next look comes at once
            self._error = None
            self._draw(began, *answer)
        except GradcmpError as error:
            if error.where is None and not self._begun:
                raise  # no file is to blame, and no change of one will help
            if changed or str(error) != str(self._error):
                self._show_error(error)
            self._begun, self._error = True, error
        finally:
            self._session.progress = WorkerProgress()  # of the next round

    def wait(self) -> None:
        """Return when a file has changed, or when a broken config should be read again."""
        hopeful = isinstance(self._error, ConfigError | InputError)
        self._files.wait(RETRY if hopeful else float("inf"))

    def _answer(self) -> tuple[list[CaseVerdict], Counter[Work]] | None:
        """Return the verdicts and how they came about; None when a file changed meanwhile."""
        cases = self._read()
        self._begun = True
        self._files.follow({file for case in cases for file in followed(case)})
        plans = [self._stamped(plan) for plan in self._session.check_any(cases)]
        finish = self._finisher(plans)
        done: Counter[Work] = Counter()
        answered: dict[str, CaseVerdict] = {}
        verdicts = []
        with self._session.shown():
            for plan in plans:
                key = self._question(plan.case)
                work, verdict = self._answer_one(plan, self._kept.get(key))
                self._kept[key] = answered[key] = verdict
                done[work] += 1
                if work == "run" and self._files.changed:
                    return None
                verdicts.append(finish(verdict))
        self._kept = answered  # what is asked no more is forgotten
        return verdicts, done

    def _stamped(self, plan: AnyPlan) -> AnyPlan:
        """Return a plan that says how the files of its functions were seen, if it has any."""
        from gradcmp.plan import CodePlan

        stamps = {file: str(self._files.seen[file]) for file in code_files(plan.case)}
        return replace(plan, stamps=stamps) if isinstance(plan, CodePlan) else plan

    def _answer_one(self, plan: AnyPlan, kept: CaseVerdict | None) -> tuple[Work, CaseVerdict]:
        """Do the least that gives the verdict of a case."""
        from gradcmp.api import with_itself
        from gradcmp.judge import judge
        from gradcmp.plan import Plan

        case = plan.case
        if kept and kept.case.tolerance == case.tolerance:
            return "unchanged", replace(kept, case=case)
        twinned = kept and isinstance(kept.case.tolerance, Auto)
        if isinstance(plan, Plan) and kept and (twinned or not isinstance(case.tolerance, Auto)):
            twins = kept.twins if isinstance(case.tolerance, Auto) else None
            verdict = judge(case, kept.reference, kept.outcomes, twins, graph=plan.graph)
            verdict = replace(verdict, runs=kept.runs, unsteady=kept.unsteady)
            return "judged again", with_itself(plan, verdict)
        return "run", settle(plan, self._session.pool, self._effort, debugging())

    def _question(self, case: Case) -> str:
        """Return all that a case asks the backends, with the state of its files."""
        stamps = [self._files.seen[file] for file in followed(case)]
        judged = (case.tolerance, case.strict) if self._effort.isolate else ()
        return f"{question(case)} {stamps} {judged}"

    def _draw(self, began: float, verdicts: Sequence[CaseVerdict], done: Counter[Work]) -> None:
        from gradcmp.report.screen.several import screen

        work = ", ".join(f"{count} {word}" for word, count in done.items())
        shown = screen(verdicts, verbose=self._output.verbose)
        page = self._page(f"{work}, in {time.perf_counter() - began:.2f} s", shown)
        self.exit_code = publish(verdicts, self._output.reports, page)

    def _show_error(self, error: GradcmpError) -> None:
        from rich.text import Text

        from gradcmp.report.words.ink import DISAGREE

        self.exit_code = error.exit_code
        console().print(self._page("nothing run", Text(str(error), DISAGREE)))

    def _page(self, what: str, *parts: RenderableType) -> RenderableType:
        """Put a line with the time above, and clear a terminal: all goes out in one piece."""
        from rich.console import Group
        from rich.control import Control
        from rich.segment import ControlType
        from rich.text import Text

        from gradcmp.outside.printable import clean
        from gradcmp.report.words.ink import QUIET

        now = datetime.now().astimezone()
        line = Text(clean(f"{now:%H:%M:%S}  {' '.join(self._paths)}: {what}"), QUIET)
        return Group(Control(ControlType.HOME, ControlType.CLEAR), line, Text(), *parts)


def question(case: Case) -> str:
    """Return all of a case that its recordings depend on.

    As text: 0.0 and -0.0 are equal numbers and different questions.
    """
    asked = replace(
        case,
        inputs={name: replace(spec, where=None) for name, spec in case.inputs.items()},
        graph={name: Expression(node.text) for name, node in case.graph.items()},
        code={
            label: replace(spec, backend=replace(spec.backend, where=None), where=None)
            for label, spec in case.code.items()
        },
        backends=tuple(replace(spec, where=None) for spec in case.backends),
        tolerance=Auto(),
        strict=False,
        description="",
        where=None,
    )
    return repr(asked)
