"""Processes that watch: a terminal, a pipe, and how they end."""

from __future__ import annotations

import os
import pty
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import numpy as np
import pytest
from watching import CASE

COMMAND = [sys.executable, "-m", "gradcmp", "run", "--watch"]


PATIENCE = 60  # seconds: the machine may be busy


class Watching:
    """A process that watches, and what it said so far; ended with the test."""

    def __init__(self, *arguments, stdout=subprocess.PIPE):
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)], stdout=stdout, stderr=subprocess.PIPE
        )
        self.lines = queue.Queue()

    def listen(self, stream):
        def take():
            with stream, suppress(OSError):  # how a terminal says that the other side has gone
                for line in stream:
                    self.lines.put(line.decode())

        threading.Thread(target=take, daemon=True).start()

    def until(self, pattern):
        """Return everything that is said up to a line with the pattern."""
        said = ""
        while not re.search(pattern, said):
            said += self.lines.get(timeout=PATIENCE)
        return said

    def children(self):
        listed = subprocess.run(
            ["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True
        )
        rows = [line.split() for line in listed.stdout.splitlines()]
        return [int(pid) for pid, parent in rows if parent == str(self.process.pid)]


@pytest.fixture
def start():
    started = []

    def begin(*arguments, **how):
        started.append(Watching(*arguments, **how))
        return started[-1]

    yield begin
    for watching in started:
        watching.process.kill()
        watching.process.communicate()


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.processes
def test_a_process_that_watches(file, start):
    watching = start(file)
    watching.listen(watching.process.stdout)
    assert "seed 0" in watching.until("worst difference")
    file.write_text(CASE + "seed: 5\n")
    assert "seed 5" in watching.until("worst difference")
    file.write_text(CASE + "sede: 6\n")
    said = watching.until("Did you mean")
    assert "case.yaml:4: unknown key 'sede'. Did you mean 'seed'?" in said
    assert "\x1b" not in said
    file.unlink()
    watching.until("does not exist")
    file.write_text(CASE.replace("normal:4x3", "file:x.npy"))
    watching.until("x.npy")
    np.save(file.with_name("x.npy"), np.arange(3.0))  # the config itself does not change
    assert "with X file" in watching.until("worst difference")

    workers = watching.children()
    assert workers
    watching.process.send_signal(signal.SIGINT)
    assert watching.process.wait(PATIENCE) == 130
    assert watching.process.stderr.read().decode().strip() == "interrupted"
    deadline = time.monotonic() + PATIENCE
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, workers))


@pytest.mark.processes
def test_a_terminal_is_cleared_before_each_screen(file, start):
    ours, theirs = pty.openpty()
    watching = start(file, stdout=theirs)
    os.close(theirs)
    watching.listen(os.fdopen(ours, "rb"))
    assert watching.until("agree in").startswith("\x1b[H\x1b[2J")
    watching.process.send_signal(signal.SIGINT)
    assert watching.process.wait(PATIENCE) == 130
