"""Fake interpreters, cases for them, and a look at what is left running."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import liar
import pytest

from gradcmp.workers import Pool

WROTE = re.compile("^wrote .*\n", re.MULTILINE)


@pytest.fixture(scope="session")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Return the function that makes an interpreter with a fault."""
    folder = tmp_path_factory.mktemp("interpreters")

    def make(fault: str) -> str:
        script = folder / fault
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {liar.__file__} {fault} "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IEXEC)
        return str(script)

    return make


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool() as pool:
        yield pool


MARK = "GRADCMP_FAULT"  # in the environment of a run, and so of all that it starts


class Run:
    """A run of the command line in a process, and all that it has started."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        self.folder = folder
        self._mark = f"{MARK}={folder}\0".encode()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gradcmp", *arguments],
            cwd=folder,
            env={**os.environ, MARK: str(folder), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for(self, condition: Callable[[], object], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                pytest.fail(f"{self.process.communicate()}")
            time.sleep(0.02)

    def end(self, number: int) -> tuple[int, str, str]:
        """Send a signal; return the exit code and what was printed, but for files written."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, WROTE.sub("", err)

    def others(self) -> dict[int, str]:
        """Return the state of each process that it has started, zombies aside."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark not in (folder / "environ").read_bytes():
                    continue
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            except (OSError, ValueError):
                continue  # it went this instant, or is another user's
            if int(folder.name) != self.process.pid and state not in "ZX":
                found[int(folder.name)] = state
        return found

    def rests(self) -> bool:
        """Whether it does nothing itself for half a second: it waits for others."""
        before = self._spent()
        time.sleep(0.5)
        return self._spent() == before

    def _spent(self) -> list[str]:
        """Return its ticks of processor time: its own, and the system's for it."""
        text = Path(f"/proc/{self.process.pid}/stat").read_text()
        return text.rpartition(")")[2].split()[11:13]

    def leaves_nothing(self) -> bool:
        """Whether all others are gone, or go within a moment."""
        deadline = time.monotonic() + 5
        while self.others() and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self.others()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Return the function that starts a run in the folder of the test."""
    runs = []

    def start(*arguments: str, **variables: str) -> Run:
        runs.append(Run(tmp_path, *arguments, **variables))
        return runs[-1]

    yield start
    for run in runs:
        run.process.kill()
        run.process.communicate()


@pytest.fixture(scope="session")
def running() -> Callable[[str], list[str]]:
    """Return the function that lists the command lines of processes that name a word."""
    return lines_with


def lines_with(word: str) -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it went this instant; a zombie has no line
        if word in line:
            found.append(line)
    return found
