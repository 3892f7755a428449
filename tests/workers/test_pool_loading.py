"""How a pool loads frameworks, tells of progress and describes what there is."""

from __future__ import annotations

import time

import numpy as np
import pytest
from outcomes import failure, outcomes, recording, right

from gradcmp.recording import Failure
from gradcmp.workers import Environment, Event, Pool, lane


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        (
            "absentee",
            "absent",
            "backend 'absentee' is not installed. Try: pip install 'absentee[all]'",
        ),
        ("stillborn", "error", "ImportError: libfoo.so is missing"),
        ("dead", "crashed", "backend 'dead' was killed by SIGSEGV: "),
        ("misspelt", "error", "there is no backend 'misspelt'"),
    ],
)
def test_a_framework_that_does_not_come_up_fails_all_its_requests(pool, ask, name, kind, message):
    requests = [ask(name=name), ask(name="numpy"), ask(name=name, required=False)]
    first, other, second = outcomes(pool, *requests)
    assert right(other, requests[1])
    for outcome, required in ((first, True), (second, kind != "absent")):
        assert isinstance(outcome, Failure)
        assert (outcome.kind, outcome.required) == (kind, required)
        assert outcome.message.startswith(message)
    assert failure(pool, ask(name=name)).kind == kind  # asked again, it is tried again


def test_an_import_that_never_ends_is_bounded(pool, ask):
    found = failure(pool, ask(name="eternal", loading=1.5))
    assert (found.kind, found.message) == (
        "timeout",
        "backend 'eternal' did not come up within 1.5 s. Raise its 'loading'",
    )


def test_a_process_may_load_as_long_as_the_most_patient_that_share_it(pool, ask):
    began = time.monotonic()
    hurried, patient = outcomes(
        pool, ask(name="eternal", loading=0.1), ask(name="eternal", loading=1.5)
    )
    assert time.monotonic() - began >= 1.5
    assert [hurried.kind, patient.kind] == ["timeout", "timeout"]


def test_loading_is_not_running(pool, ask):
    """A short limit for the one does not end the other."""
    assert right(recording(pool, ask()), ask())
    assert right(recording(pool, ask(loading=1e-9)), ask())  # the framework has loaded


@pytest.mark.processes
def test_progress_is_told_in_order(ask):
    told: list[Event] = []
    with Pool(told.append) as pool:
        pool.start([Environment("saboteur")])
        assert [event.phase for event in told] == ["starting"]
        outcomes(pool, ask(), ask("raise"))
    phases = ["starting", "importing", "ready", "running", "done", "running", "failed"]
    assert [event.phase for event in told] == phases
    labels = ["saboteur:manual", "saboteur:manual", "saboteur:raise", "saboteur:raise"]
    assert [event.label for event in told[3:]] == labels


def test_describe_gives_what_a_framework_says_of_itself(pool):
    names = ("numpy", "absentee", "stillborn")
    said = dict(pool.describe([Environment(name) for name in names]))
    described = said[Environment("numpy")]
    assert not isinstance(described, Failure)
    assert described.devices == ("cpu",)
    assert described.environment["numpy"] == np.__version__
    kinds = [said[Environment(name)].kind for name in names[1:]]
    assert kinds == ["absent", "error"]


def test_describe_starts_what_has_crashed(pool, ask):
    failure(pool, ask("killed"))
    ((_, said),) = pool.describe([Environment("saboteur")])
    assert not isinstance(said, Failure)


def test_the_slowest_framework_starts_first(monkeypatch):
    started: list[str] = []
    monkeypatch.setattr(lane.Lane, "spawn", lambda lane: started.append(lane.environment.name))
    Pool().start(Environment(name) for name in ("numpy", "jax", "torch", "tensorflow", "jax"))
    assert started == ["tensorflow", "torch", "jax", "numpy"]
