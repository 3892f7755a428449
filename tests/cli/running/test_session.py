"""A session: workers that go with it, and reports of what was finished when it is interrupted."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gradcmp.case import BackendSpec, Case, Expression, InputSpec
from gradcmp.cli.reports import Target
from gradcmp.cli.running.session import Session
from gradcmp.errors import NothingComparedError

pytestmark = pytest.mark.processes

CASE = Case(
    "first",
    {"X": InputSpec("normal", (4, 3))},
    {"out": Expression("sum(exp(X))")},
    "out",
    ("X",),
    (BackendSpec("numpy"), BackendSpec("numpy", dtype="float32")),
)
CASES = [CASE, replace(CASE, name="second")]


@pytest.fixture
def report(tmp_path):
    return Target("json", str(tmp_path / "o.json"))


def written(report):
    cases = json.loads(Path(report.file).read_text())["cases"]
    return {case["name"]: case["verdict"] for case in cases}


def test_cases_run_in_their_order_and_each_verdict_is_finished_at_once():
    seen = []

    def finish(verdict):
        seen.append(verdict.case.name)
        return replace(verdict, case=replace(verdict.case, description="finished"))

    with Session(["numpy"]) as session:
        verdicts = session.run(session.check(CASES), finish=finish)
        assert next(verdicts).case.description == "finished"
        assert seen == ["first"]
        assert [verdict.case.name for verdict in verdicts] == ["second"]


def test_when_the_user_interrupts_what_is_finished_is_reported(report):
    def interrupted():
        with Session(reports=[report]) as session:
            next(session.run(session.check(CASES)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert written(report) == {"first": "agree", "second": "could not compare"}


@pytest.mark.parametrize("error", [None, ValueError])
def test_a_session_reports_what_is_finished_only_where_it_ends_early(report, tmp_path, error):
    """Whoever is not interrupted hands out the reports himself."""

    def ended():
        with Session(reports=[report]) as session:
            list(session.run(session.check(CASES)))
            if error:
                raise error

    if error:
        with pytest.raises(error):
            ended()
    else:
        ended()
    assert bool(list(tmp_path.iterdir())) is bool(error)


def test_no_case_is_no_success():
    with Session() as session, pytest.raises(NothingComparedError, match="no case to run"):
        session.check([])


def test_jobs_have_workers_of_their_own():
    started = []
    for jobs in (1, 2):
        with Session(jobs=jobs) as session:
            session.pool.start = started.append
            session.check(CASES)
    assert len(started) == len(CASES)  # by the first of them


def test_one_backend_computes_if_that_is_asked_for():
    with Session() as session:
        plans = session.check(CASES, by=BackendSpec("numpy", dtype="float16"))
    assert [[*plan.backends] for plan in plans] == 2 * [["numpy,dtype=float16"]]
