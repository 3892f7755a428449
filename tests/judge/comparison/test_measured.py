"""What is measured when somebody reads it."""

import pickle
from dataclasses import replace

import pytest

from gradcmp.judge.comparison import Comparison, Element, Measured, Statistics, Unread, Verdict

WORST = Element((0,), 1.5, 1.0, 0.5, 0.5, 4.0, 0.1)
MEASURED = Measured(Statistics(3, 2, 0, 0.5, 0.5, 4.0), WORST)
RIGHT = Verdict(True, "rounding")


@pytest.fixture
def asked():
    return []


@pytest.fixture
def late(asked):
    def measure():
        asked.append(1)
        return MEASURED

    return Comparison(RIGHT, "a = e", Unread(measure))


def test_it_is_measured_when_it_is_read_and_once(late, asked):
    assert late.agrees
    assert not asked
    assert (late.worst, late.total, late.statistics) == (WORST, 3, MEASURED.statistics)
    assert asked == [1]


def test_a_change_is_made_when_it_is_read(late, asked):
    doubled = replace(WORST, actual=2.0)
    changed = late.later(lambda found: replace(found, worst=doubled))
    assert not asked
    assert (changed.worst, changed.total, late.worst) == (doubled, 3, WORST)
    assert asked == [1]
    assert changed.with_measured(worst=None).worst is None


def test_it_equals_what_was_measured_at_once(late):
    at_once = Comparison(RIGHT, "a = e", MEASURED)
    assert late == at_once
    assert at_once == late
    assert hash(late) == hash(at_once)
    assert late != Comparison(RIGHT, "a = e", replace(MEASURED, worst=None))


def test_another_process_gets_what_was_measured(late):
    assert pickle.loads(pickle.dumps(late)) == Comparison(RIGHT, "a = e", MEASURED)
