"""Nothing stays behind, however the end comes, and Ctrl-C is the parent's alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from gradcmp.workers import Pool

HANG = """
import numpy as np
from gradcmp.case import BackendSpec
from gradcmp.workers import Pool, Request
x = np.ones(3)
def ask(mode):
    spec = BackendSpec("saboteur", mode, "float64")
    return Request(mode, spec, (("out", "-x"),), "out", {"x": x}, x)
with Pool() as pool:
    for _, recording in pool.run([ask("breed"), ask("silent")]):
        print(recording.environment["pid"], recording.environment["grandchild"], flush=True)
"""


def processes(pool, ask):
    ((_, recording),) = pool.run([ask("breed")])
    return int(recording.environment["pid"]), int(recording.environment["grandchild"])


@pytest.mark.processes
def test_closing_ends_workers_and_what_they_started(ask, gone):
    with Pool() as pool:
        worker, grandchild = processes(pool, ask)
        for pid in (worker, grandchild):
            os.kill(pid, 0)  # raises if there is none
    assert gone(worker)
    assert gone(grandchild)


@pytest.mark.processes
def test_an_exception_in_the_caller_ends_them_too(ask, gone):
    seen = []

    def interrupted() -> None:
        with Pool() as pool:
            seen.extend(processes(pool, ask))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(seen) == 2
    assert all(map(gone, seen))


def test_a_crashed_worker_takes_its_own_processes_along(pool, ask, gone):
    _, grandchild = processes(pool, ask)
    list(pool.run([ask("abort")]))
    assert gone(grandchild)


@pytest.mark.processes
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_the_parent_ends_the_workers(gone, end):
    with subprocess.Popen(
        [sys.executable, "-c", HANG], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as parent:
        worker, grandchild = map(int, parent.stdout.readline().split())
        parent.send_signal(end)
        _, stderr = parent.communicate(timeout=30)
    assert gone(worker)
    assert gone(grandchild)
    assert stderr.count("Traceback") == (1 if end is signal.SIGINT else 0)  # the parent's own


def test_workers_live_in_a_session_of_their_own(pool, ask):
    worker, _ = processes(pool, ask)
    assert os.getsid(worker) == worker != os.getsid(0)


@pytest.mark.processes
def test_importing_the_room_imports_no_numpy():
    script = "import sys, gradcmp.workers; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
