"""The pool answers every request exactly once, whatever the workers do."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from gradcmp.backends import backend_class
from gradcmp.backends.registry import BUILT_IN
from gradcmp.errors import RecordingError
from gradcmp.recording import Failure, Outcome, Recording
from gradcmp.workers import Environment, Event, Pool, Request, lane


def outcomes(pool: Pool, *requests: Request) -> list[Outcome]:
    """Run requests and give their outcomes in the order of the requests, each exactly once."""
    answers = list(pool.run(requests))
    assert Counter(request for request, _ in answers) == Counter(requests)
    by_request = dict(answers)
    return [by_request[request] for request in requests]


def failure(pool: Pool, request: Request) -> Failure:
    (outcome,) = outcomes(pool, request)
    assert isinstance(outcome, Failure)
    assert outcome.backend == request.label
    return outcome


def recording(pool: Pool, request: Request) -> Recording:
    (outcome,) = outcomes(pool, request)
    assert isinstance(outcome, Recording), outcome
    return outcome


def right(outcome: Outcome, request: Request) -> bool:
    """Whether the product rule holds for X * Y."""
    if not isinstance(outcome, Recording):
        return False
    x, y, dz = request.inputs["X"], request.inputs["Y"], request.cotangent
    pairs = zip(
        (outcome.values["out"], outcome.gradients["X"], outcome.gradients["Y"]),
        (x * y, dz * y, dz * x),
        strict=True,
    )
    return all(np.allclose(actual, expected, rtol=1e-12, atol=0) for actual, expected in pairs)


def test_a_worker_computes_and_stays_warm(pool, ask):
    first, second = recording(pool, ask()), recording(pool, ask())
    assert right(first, ask())
    assert right(second, ask())
    assert first.environment["pid"] == second.environment["pid"] != str(os.getpid())
    assert first.timings["import"] > 0


def test_a_spoiled_gradient_arrives_spoiled(pool, ask):
    spoiled = recording(pool, ask("spoil"))
    assert not right(spoiled, ask())
    assert np.array_equal(spoiled.gradients["X"], -recording(pool, ask()).gradients["X"])


@pytest.mark.parametrize(
    ("mode", "kind", "message", "stderr"),
    [
        ("raise", "error", "ValueError: the tape is torn\nin two", "in tear"),
        (
            "abort",
            "crashed",
            "backend 'saboteur:abort' was killed by SIGABRT: a ",
            "about to abort",
        ),
        (
            "killed",
            "crashed",
            "backend 'saboteur:killed' was killed by SIGKILL: usually the system ran out of memory",
            "",
        ),
        ("exit", "crashed", "backend 'saboteur:exit' exited with status 3", ""),
        ("quit", "crashed", "backend 'saboteur:quit' exited with status 1", "I quit"),
        (
            "silent",
            "timeout",
            "backend 'saboteur:silent' took longer than 0.5 s. Raise its 'timeout'",
            "last words",
        ),
        ("typo", "error", "backend 'saboteur' has no mode 'typo' here. Choose from abort,", ""),
    ],
)
def test_a_failing_request_leaves_the_others_alone(pool, ask, mode, kind, message, stderr):
    before, bad, after, elsewhere = (
        ask(),
        ask(mode, timeout=0.5 if mode == "silent" else 60.0, required=False),
        ask(),
        ask(name="numpy"),
    )
    answers = outcomes(pool, before, bad, after, elsewhere)
    for outcome, request in zip(answers, (before, bad, after, elsewhere), strict=True):
        assert right(outcome, request) == (request is not bad)
    found = answers[1]
    assert isinstance(found, Failure)
    assert (found.kind, found.required) == (kind, True)  # what is there and fails counts
    assert found.message.startswith(message)
    assert stderr in found.stderr


def test_an_exception_leaves_the_worker_warm(pool, ask):
    first = recording(pool, ask())
    failure(pool, ask("raise"))
    assert recording(pool, ask()).environment["pid"] == first.environment["pid"]


def test_stderr_is_that_of_the_request_alone(pool, ask):
    assert "torn" in failure(pool, ask("raise")).stderr
    assert failure(pool, ask("killed")).stderr == ""


def test_only_the_tail_of_stderr_is_kept(pool, ask):
    assert len(failure(pool, ask("flood")).stderr) < 10_000


def test_what_a_worker_prints_reaches_neither_protocol_nor_screen(pool, ask, capfd):
    assert right(recording(pool, ask("babble")), ask())
    failure(pool, ask("raise"))
    assert capfd.readouterr() == ("", "")


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


def test_a_worker_that_dies_while_free_is_replaced(pool, ask, gone):
    pid = int(recording(pool, ask()).environment["pid"])
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
    again = recording(pool, ask())
    assert right(again, ask())
    assert again.environment["pid"] != str(pid)


def test_a_run_that_is_left_early_does_not_haunt_the_next(pool, ask, gone):
    pid = int(recording(pool, ask()).environment["pid"])
    for _, outcome in pool.run([ask(name="numpy"), ask("silent"), ask()]):
        assert isinstance(outcome, Recording)
        break
    assert gone(pid)
    assert right(recording(pool, ask()), ask())


def test_frames_of_many_megabytes(pool):
    from gradcmp.case import BackendSpec

    x = np.random.default_rng(5).standard_normal(4_000_000)
    spec = BackendSpec("numpy", "manual", "float64")
    found = recording(pool, Request("numpy", spec, (("out", "-x"),), "out", {"x": x}, x))
    assert np.array_equal(found.values["out"], -x)


def test_no_requests_no_answers(pool):
    assert list(pool.run([])) == []


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


@pytest.mark.usefixtures("every_framework")
def test_every_framework_in_every_mode(pool, ask):
    requests = [ask(mode, name) for name in BUILT_IN for mode in backend_class(name).modes]
    for _ in range(2):
        for outcome, request in zip(outcomes(pool, *requests), requests, strict=True):
            assert right(outcome, request), outcome


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_is_changed_in_a_question_is_changed_in_the_answer(pool, ask, need, name):
    """One worker, which has answered nearly the same before: nothing of it may be left over."""
    need(name)
    for mode in backend_class(name).modes:
        plain = ask(mode, name)
        x, y, dz = plain.inputs["X"], plain.inputs["Y"], plain.cotangent
        single = replace(plain, spec=replace(plain.spec, dtype="float32"))
        wide = {"X": x.reshape(3, 4), "Y": y.reshape(3, 4)}
        changed = [
            (replace(plain, inputs={"X": y, "Y": -x}), -x * y, -dz * x),
            (replace(plain, body=(("out", "X + Y"),)), x + y, dz),
            (replace(plain, body=(("out", "X * Y * 2"),)), 2 * x * y, 2 * dz * y),
            (replace(plain, cotangent=-dz), x * y, -dz * y),
            (replace(plain, inputs={"Y": y, "X": x}), x * y, dz * y),
            (
                replace(plain, inputs=wide, cotangent=dz.reshape(3, 4)),
                (x * y).reshape(3, 4),
                (dz * y).reshape(3, 4),
            ),
            (single, x * y, dz * y),
        ]
        for request, value, gradient in changed:
            assert right(recording(pool, plain), plain)
            found = recording(pool, request)
            for actual, expected in (
                (found.values["out"], value),
                (found.gradients["X"], gradient),
            ):
                assert actual.dtype == found.dtype == request.spec.dtype
                assert actual.shape == expected.shape
                allowed = 1e-6 if request is single else 1e-12
                assert np.allclose(actual, expected, rtol=allowed, atol=0)


def test_a_timeout_longer_than_the_kernel_counts(pool, ask):
    assert right(recording(pool, ask(timeout=1e10)), ask())


@pytest.mark.processes
def test_a_deadline_is_kept_between_two_looks(ask):
    with Pool(look=0.05) as pool:
        assert failure(pool, ask("silent", timeout=0.5)).kind == "timeout"


def test_a_garbled_answer_is_that_backends_failure_and_the_next_one_stands(pool, ask, monkeypatch):
    def garbled(blob, label):
        raise RecordingError("this is no complete recording")

    with monkeypatch.context() as patch:
        patch.setattr("gradcmp.workers.wire.answer_from_bytes", garbled)
        failed = failure(pool, ask())
    assert failed.kind == "error"
    assert "answered nonsense: this is no complete recording" in failed.message
    assert right(recording(pool, ask()), ask())
