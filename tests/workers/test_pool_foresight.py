"""What the workers compute ahead of time is answered as if it had been asked in its turn."""

from __future__ import annotations

import time

import numpy as np
import pytest
from outcomes import failure, outcomes, recording, right

from gradcmp.case import BackendSpec
from gradcmp.workers import Pool, Request

pytestmark = pytest.mark.processes


@pytest.fixture
def told():
    return []


@pytest.fixture
def watched(told):
    with Pool(lambda event: told.append((event.phase, event.label))) as pool:
        yield pool


def running(told):
    return [label for phase, label in told if phase == "running"]


def test_it_begins_when_nothing_else_waits_and_nobody_asks_twice(watched, told, ask):
    now, then, last = ask(), ask("babble"), ask()
    watched.start([now.environment])
    watched.foresee([now, then])
    assert right(recording(watched, now), now)
    assert running(told) == ["saboteur:manual", "saboteur:babble"]
    watched.foresee([then, last])
    assert right(recording(watched, then), then)
    assert right(recording(watched, last), last)
    assert len(running(told)) == 3


def test_what_somebody_waits_for_comes_first(watched, told, ask):
    first, ahead, urgent = ask(), ask("babble"), ask("spoil")
    watched.start([ahead.environment])
    watched.foresee([ahead])
    assert right(recording(watched, first), first)
    found = dict(watched.run([urgent, ahead]))
    assert right(found[ahead], ahead)
    assert not right(found[urgent], urgent)


@pytest.mark.parametrize(("mode", "kind"), [("abort", "crashed"), ("raise", "error")])
def test_what_fails_ahead_fails_in_its_turn_alone(pool, ask, mode, kind):
    now, bad, after = ask(), ask(mode), ask()
    pool.start([bad.environment])
    pool.foresee([bad, after])
    assert right(recording(pool, now), now)
    between = ask()
    assert right(recording(pool, between), between)
    assert failure(pool, bad).kind == kind
    assert right(recording(pool, after), after)


def test_what_hangs_ahead_is_ended_in_its_turn(pool, ask):
    now, bad, after = ask(), ask("silent", timeout=0.5), ask()
    pool.start([bad.environment])
    pool.foresee([bad])
    assert right(recording(pool, now), now)
    answers = outcomes(pool, after, bad)
    assert right(answers[0], after)
    assert answers[1].kind == "timeout"


def test_the_time_in_which_nobody_listens_does_not_count(pool, ask):
    x = np.random.default_rng(6).standard_normal(1_000_000)  # more than a pipe holds
    spec = BackendSpec("numpy", "manual", "float64", timeout=3.0)
    slow = Request("numpy", spec, (("out", "-x"),), "out", {"x": x}, x)
    now = ask(name="numpy")
    pool.start([now.environment])
    pool.foresee([slow])
    assert right(recording(pool, now), now)
    time.sleep(3.2)
    assert np.array_equal(recording(pool, slow).values["out"], -x)


def test_what_is_no_longer_foreseen_is_forgotten(watched, told, ask):
    now, dropped, then = ask(), ask("babble"), ask("spoil")
    watched.start([now.environment])
    watched.foresee([now, dropped, then])
    recording(watched, now)
    watched.foresee([])
    last = ask()
    assert right(recording(watched, last), last)
    assert running(told) == ["saboteur:manual", "saboteur:babble", "saboteur:manual"]
    assert right(recording(watched, dropped), dropped)  # asked anew


def test_a_run_that_is_left_early_forgets_it(pool, ask, gone):
    pid = int(recording(pool, ask()).environment["pid"])
    ahead = ask()
    pool.foresee([ahead])
    for _ in pool.run([ask(name="numpy"), ask("silent")]):
        break
    assert gone(pid)
    assert right(recording(pool, ahead), ahead)


def test_it_starts_no_process(pool, ask):
    ahead, now = ask(name="numpy"), ask()
    pool.foresee([ahead])
    assert right(recording(pool, now), now)
    assert right(recording(pool, ahead), ahead)


def test_a_worker_that_came_up_in_time_is_heard_to_the_end(pool, ask):
    request = ask(name="numpy", loading=4.0)
    pool.start([request.environment])
    time.sleep(4.2)  # it says that it imports, and that it is ready: two things
    assert right(recording(pool, request), request)
