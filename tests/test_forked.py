"""A worker that is forked is as one that is started."""

import os
import signal
import sys
from pathlib import Path

import pytest

from gradcmp.recording import Failure
from gradcmp.workers import Pool
from gradcmp.workers.records import Environment

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every worker is started"),
]
TORCH = Environment("torch")


@pytest.fixture
def pool(with_torch):
    with Pool() as pool:
        yield pool


def worker(pool):
    """Return the process that has loaded torch, as the system shows it."""
    ((_, said),) = pool.describe([TORCH])
    assert not isinstance(said, Failure), said
    return Path(f"/proc/{pool._lanes[TORCH].worker.pid}")


def is_forked(process):
    return "fork_server" in (process / "cmdline").read_text()


def parent(process):
    return int((process / "stat").read_text().rpartition(")")[2].split()[1])


def test_it_is_a_child_of_ours_in_the_directory_of_the_test(pool, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    process = worker(pool)
    assert is_forked(process)
    assert parent(process) == os.getpid()
    assert os.getpgid(int(process.name)) == int(process.name)
    assert (process / "cwd").readlink() == tmp_path


def test_its_end_is_told_as_that_of_any_other(pool):
    os.kill(int(worker(pool).name), signal.SIGKILL)
    how, _ = pool._lanes[TORCH].end()
    assert how.startswith("was killed by SIGKILL")


@pytest.mark.parametrize("variable", ["PYTHONPATH", "OMP_NUM_THREADS"])
def test_where_an_import_would_read_something_else_it_is_started(pool, monkeypatch, variable):
    monkeypatch.setenv(variable, "1")
    process = worker(pool)
    assert not is_forked(process)
    assert parent(process) == os.getpid()
