"""A gradient that changes from run to run is told from a wrong one."""

from dataclasses import replace

import numpy as np
import pytest
from verdicts.trial import Trial

from gradcmp.errors import ExitCode
from gradcmp.judge import Pair, judge, unsteady, with_worse
from gradcmp.recording import Failure, Recording
from gradcmp.report import REPORTS, report_named
from gradcmp.report.page.matrix import columns, row

GRADIENT = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
RUN = Recording("torch", "float32", {"out": np.float32(2) * np.ones(3, "f4")}, {"X": GRADIENT})


def run(gradient):
    return replace(RUN, gradients={"X": gradient})


def test_the_same_bits_are_steady():
    assert unsteady([RUN, run(GRADIENT.copy()), run(GRADIENT.copy())]) == {}


@pytest.mark.parametrize(
    ("change", "ulp"),
    [
        (lambda d: np.nextafter(d, np.float32(9)), 1),
        (lambda d: np.nextafter(np.nextafter(d, np.float32(9)), np.float32(9)), 2),
    ],
)
def test_a_change_is_measured_from_the_first_run(change, ulp):
    found = unsteady([RUN, run(GRADIENT), run(change(GRADIENT))])
    assert set(found) == {"d X"}
    assert found["d X"].statistics.max_ulp == ulp


def test_a_signed_zero_is_a_bit():
    zero = np.zeros(3, "f4")
    assert unsteady([run(zero), run(-zero)])


def test_a_missing_tensor_is_not_steady():
    assert not unsteady([RUN, replace(RUN, gradients={})])["d X"].agrees


def test_the_furthest_run_counts():
    one, five = GRADIENT * np.float32(1 + 1e-6), GRADIENT * np.float32(1 + 1e-5)
    (found,) = unsteady([RUN, run(five), run(one)]).values()
    assert found.statistics.max_ulp == unsteady([RUN, run(five)])["d X"].statistics.max_ulp


X = np.linspace(-1, 1, 12).reshape(4, 3)
CRASH = Failure("torch", "crashed", "backend 'torch' was killed by SIGSEGV", required=False)
PAIR = Pair("torch", "numpy")


def lost(verdict):
    """The same run, had torch crashed in it."""
    return replace(judge(verdict.case, "numpy", {**verdict.outcomes, "torch": CRASH}), runs=2)


@pytest.fixture(params=[False, True], ids=["right", "wrong"])
def whole(request):
    d = 2 * X * (-1 if request.param else 1)
    return Trial({"y": "sum(X * X)"}, {"X": X}, both={"d X": d}).verdict


@pytest.mark.parametrize("last", [True, False])
def test_a_backend_that_fails_in_any_run_has_failed(whole, last):
    """Whichever run it is; and a gradient that is wrong in the other one is wrong all the same."""
    assert with_worse(whole, whole).exit_code == whole.exit_code
    runs = (whole, lost(whole)) if last else (lost(whole), whole)
    verdict = replace(with_worse(*runs), runs=2)
    (failure,) = verdict.failures
    assert failure.required
    assert failure.message == "in one of the runs: backend 'torch' was killed by SIGSEGV"
    wrong = not whole.agrees
    assert verdict.exit_code is (ExitCode.DISAGREE if wrong else ExitCode.COULD_NOT_COMPARE)
    assert verdict.comparisons[PAIR]["d X"].agrees is not wrong
    for name in REPORTS:
        text = report_named(name)([verdict])
        assert "torch" in text
        assert "killed by SIGSEGV" in text or name in ("sarif", "github")
    shown = report_named("table")([verdict])
    assert "bitwise equal in 2 runs: numpy\n" in shown
    cells = row(verdict, columns([verdict])).cells
    assert [cell.letter for cell in cells] == ["o", "d" if wrong else "u"]


def test_a_failure_in_every_run_is_told_once(whole):
    verdict = with_worse(lost(whole), lost(whole))
    assert [one.message for one in verdict.failures] == [CRASH.message]
    twice = with_worse(with_worse(whole, lost(whole)), lost(whole))
    assert len(twice.failures) == 1
