"""The next case is computed while one is judged, and every verdict is still of its own case."""

from dataclasses import replace

import numpy as np
import pytest

from gradcmp.case import BackendSpec, Case, CodeSpec, Effort, Expression, InputSpec
from gradcmp.cli.running.ahead import in_turn
from gradcmp.cli.running.session import Session
from gradcmp.errors import ExitCode
from gradcmp.plan import check, check_any
from gradcmp.workers import Pool

pytestmark = pytest.mark.processes


def case(name, spec):
    sides = (BackendSpec("numpy"), BackendSpec("numpy", dtype="float32"))
    graph = {"out": Expression("sum(X * X)")}
    return Case(name, {"X": spec}, graph, "out", ("X",), sides)


def filled(name, value, shape=(4, 3)):
    return case(name, InputSpec("constant", shape, {"value": float(value)}))


class Spy(Pool):
    """A pool that tells what it was asked to begin with."""

    def __init__(self):
        super().__init__()
        self.foreseen = []

    def foresee(self, requests):
        requests = tuple(requests)
        self.foreseen.append({float(one.inputs["X"].flat[0]) for one in requests})
        super().foresee(requests)


@pytest.mark.parametrize("repeat", [1, 2])
def test_each_verdict_is_of_its_case(repeat):
    plans = [check(filled(f"case{n}", n)) for n in range(1, 5)]
    with Spy() as pool:
        verdicts = list(in_turn(plans, pool, Effort(repeat=repeat), debug=True))
    assert pool.foreseen == [{1.0, 2.0}, {2.0, 3.0}, {3.0, 4.0}, {4.0}]
    for n, verdict in enumerate(verdicts, 1):
        assert verdict.case.name == f"case{n}"
        assert verdict.agrees
        assert verdict.runs == repeat
        for recording in verdict.recordings.values():
            assert recording.values["out"] == 12.0 * n * n
            assert np.array_equal(recording.gradients["X"], np.full((4, 3), 2.0 * n))


def test_a_large_case_waits_for_its_turn():
    plans = [check(filled("small", 1)), check(filled("large", 2, (1 << 20,)))]
    with Spy() as pool:
        verdicts = list(in_turn(plans, pool, Effort(), debug=True))
    assert pool.foreseen == [{1.0}, set()]
    assert [verdict.agrees for verdict in verdicts] == [True, True]


def test_nothing_runs_between_the_steps_of_functions(tmp_path):
    (tmp_path / "f.py").write_text("def f(X):\n    return X * X, lambda dy: {'X': 2 * X * dy}\n")
    by = CodeSpec(f"{tmp_path}/f.py:f", BackendSpec("numpy"))
    of_code = Case(
        "code", {"X": InputSpec("normal", (3,))}, {}, "", (), code={"one": by, "two": by}
    )
    plans = [check(filled("graph", 1)), check_any(of_code), check(filled("last", 2))]
    with Spy() as pool:
        verdicts = list(in_turn(plans, pool, Effort(), debug=True))
    assert pool.foreseen == [{1.0}, set(), {2.0}]
    assert [verdict.agrees for verdict in verdicts] == [True, True, True]


def test_what_cannot_be_drawn_is_said_in_its_turn(tmp_path):
    file = tmp_path / "X.npy"
    np.save(file, np.ones((4, 3)))
    cases = [
        filled("before", 1),
        case("lost", InputSpec("file", parameters={"file": str(file)})),
        filled("after", 2),
    ]
    with Session() as session:
        plans = session.check(cases)
        file.unlink()
        verdicts = list(session.run(plans))
    codes = [verdict.exit_code for verdict in verdicts]
    assert codes == [ExitCode.AGREE, ExitCode.COULD_NOT_COMPARE, ExitCode.AGREE]
    assert "X.npy" in verdicts[1].failures[0].message


def test_a_wrong_case_in_the_middle_is_the_only_one_that_is_wrong():
    plans = [check(filled(f"case{n}", n / 3)) for n in range(1, 4)]
    plans[1] = replace(
        plans[1], backends={**plans[1].backends, "odd": BackendSpec("numpy", "typo", "float32")}
    )
    with Pool() as pool:
        verdicts = list(in_turn(plans, pool, Effort(), debug=True))
    assert [verdict.agrees for verdict in verdicts] == [True, False, True]
