"""The pool answers every request exactly once, whatever the workers do."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from outcomes import failure, outcomes, recording, right

from gradcmp.backends import backend_class
from gradcmp.backends.registry import BUILT_IN
from gradcmp.errors import RecordingError
from gradcmp.recording import Failure, Recording
from gradcmp.workers import Pool, Request

SLOW = {"aot_eager_decomp_partition", "compile"}  # torch takes seconds for each graph


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


@pytest.mark.thorough
@pytest.mark.usefixtures("every_framework")
def test_every_framework_in_every_mode(pool, ask):
    modes = [(name, mode) for name in BUILT_IN for mode in backend_class(name).modes]
    requests = [ask(mode, name) for name, mode in modes if mode not in SLOW]
    for _ in range(2):
        for outcome, request in zip(outcomes(pool, *requests), requests, strict=True):
            assert right(outcome, request), outcome


@pytest.mark.first(2)
@pytest.mark.parametrize("name", BUILT_IN)
def test_what_is_changed_in_a_question_is_changed_in_the_answer(pool, ask, need, name):
    """One worker, which has answered nearly the same before: nothing of it may be left over."""
    need(name)
    for mode in [mode for mode in backend_class(name).modes if mode not in SLOW]:
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
