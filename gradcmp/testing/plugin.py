"""The plugin for pytest: configs are collected as tests, and workers stay warm for a session.

``gradcmp.yaml`` and every ``*.gradcmp.yaml`` is a file of tests, one for each case and pair. It
comes with the package; ``-p no:gradcmp`` leaves it out. Importing it loads neither a framework nor
NumPy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gradcmp.case import Case
    from gradcmp.judge import CaseVerdict, Pair
    from gradcmp.plan import AnyPlan
    from gradcmp.workers import Pool

NAME, SUFFIX = "gradcmp.yaml", ".gradcmp.yaml"


class Warm:
    """Workers that a session of tests shares; they start when they are first needed."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._pool: Pool | None = None
        self._verdicts: dict[int, CaseVerdict] = {}

    @property
    def pool(self) -> Pool:
        """The workers."""
        from gradcmp.workers import Pool

        if self._pool is None:
            self._pool = self._stack.enter_context(Pool())
        return self._pool

    def run(self, case: Case | str | Path) -> CaseVerdict:
        """Run a case, or the only one of a config file, and return its verdict.

        Raises
        ------
        GradcmpError
            As `gradcmp.run`, and when the file has several cases.
        """
        from gradcmp.api import run
        from gradcmp.config import load
        from gradcmp.errors import UsageError

        if isinstance(case, str | Path):
            cases = load(Path(case))
            if len(cases) != 1:
                raise UsageError(f"'{case}' has {len(cases)} cases, and must have one")
            (case,) = cases
        return run(case, self.pool)

    def once(self, plan: AnyPlan) -> CaseVerdict:
        """Run a case that several tests look at."""
        from gradcmp.api import run_plan

        if id(plan) not in self._verdicts:
            self._verdicts[id(plan)] = run_plan(plan, self.pool)
        return self._verdicts[id(plan)]

    def close(self) -> None:
        """End the workers."""
        self._stack.close()


WARM = pytest.StashKey[Warm]()


def pytest_configure(config: pytest.Config) -> None:
    """Make room for the workers."""
    config.stash[WARM] = Warm()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the workers, however the session ends."""
    if WARM in config.stash:
        config.stash[WARM].close()


@pytest.fixture(scope="session", name="gradcmp")
def _gradcmp(request: pytest.FixtureRequest) -> Warm:
    """Return warm workers: ``gradcmp.run("case.yaml")`` gives a verdict."""
    return request.config.stash[WARM]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ConfigFile | None:
    """Collect a config as a file of tests."""
    if file_path.name == NAME or file_path.name.endswith(SUFFIX):
        collected: ConfigFile = ConfigFile.from_parent(parent, path=file_path)
        return collected
    return None


class ConfigFile(pytest.File):
    """A config: its cases are its tests."""

    def collect(self) -> Iterator[PairItem]:
        """Yield a test for each case and pair; what is wrong with a config fails its collection."""
        from gradcmp.config import load
        from gradcmp.errors import GradcmpError
        from gradcmp.plan import check_any

        try:
            plans = [check_any(case) for case in load(self.path)]
        except GradcmpError as error:
            raise self.CollectError(str(error)) from None
        for plan in plans:
            for pair in pairs_of(plan):
                name = f"{plan.case.name}[{pair}]"
                yield PairItem.from_parent(self, name=name, plan=plan, pair=pair)


def pairs_of(plan: AnyPlan) -> list[Pair]:
    """Return what a case compares with what, before it has run."""
    from gradcmp.judge import Pair
    from gradcmp.plan import CodePlan

    labels: Iterable[str] = plan.backends
    if isinstance(plan, CodePlan):
        others = [label for label in plan.backends if label != plan.reference]
        labels = (plan.reference, *others)
        if plan.case.dtype != "float64":
            labels = (f"{plan.reference},dtype=float64", *labels)
    return [Pair(actual, expected) for expected, actual in combinations(labels, 2)]


class PairItem(pytest.Item):
    """One pair of one case."""

    def __init__(self, *, plan: AnyPlan, pair: Pair, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.pair = pair

    def runtest(self) -> None:
        """Run the case, once for all its pairs, and look at this one.

        An optional backend that is absent skips it; one that fails in any other way fails it.
        """
        verdict = self.config.stash[WARM].once(self.plan)
        failed = {failure.backend: failure for failure in verdict.failures}
        for label in (self.pair.actual, self.pair.expected):
            failure = failed.get(label)
            if failure and not failure.required:
                pytest.skip(failure.message)
        if self.pair not in verdict.comparisons or _is_wrong(verdict, self.pair):
            raise Disagreement(verdict, self.pair)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Write what the terminal shows of the case; an error of the case by its sentence."""
        from gradcmp.errors import GradcmpError
        from gradcmp.report.screen.plain import Screen

        if isinstance(excinfo.value, Disagreement):
            return Screen().of_case(excinfo.value.verdict)
        if isinstance(excinfo.value, GradcmpError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return the place of the case in its config."""
        where = self.plan.case.where
        line = None if where is None or where.line is None else where.line - 1
        return self.path, line, self.name


class Disagreement(Exception):  # noqa: N818  it is what was found, and no error
    """A pair that disagrees, or could not be compared."""

    def __init__(self, verdict: CaseVerdict, pair: Pair) -> None:
        super().__init__(f"{pair} disagree")
        self.verdict = verdict
        self.pair = pair


def _is_wrong(verdict: CaseVerdict, pair: Pair) -> bool:
    """Whether a pair disagrees, nothing of it was compared, or the case fails for no pair's sake.

    Under `strict` a weak check fails a case, and it lies in no pair.
    """
    from gradcmp.errors import ExitCode

    compared = verdict.comparisons[pair]
    found = any(one == pair for one, _, _ in verdict.unexpected)
    of_no_pair = verdict.exit_code is ExitCode.DISAGREE and not verdict.unexpected
    return found or of_no_pair or not any(one.total for one in compared.values())
