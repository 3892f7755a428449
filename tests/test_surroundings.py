"""No test depends on how the suite was started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HOSTILE = {
    "CI": "true",
    "COLUMNS": "20",
    "FORCE_COLOR": "1",
    "GITHUB_ACTIONS": "true",
    "GITHUB_STEP_SUMMARY": "/nowhere/at/all",
    "LC_ALL": "C",
    "NO_COLOR": "1",
    "PYTHONPATH": "/nowhere",
    "PYTHONUTF8": "0",
    "TERM": "dumb",
    "TZ": "Asia/Kathmandu",
    "_GRADCMP_COMPLETE": "bash_source",
}
IGNORED = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)
]


def test_variables_are_those_of_every_run():
    assert not HOSTILE.keys() - {"LC_ALL", "TERM", "TZ"} & os.environ.keys()
    assert (os.environ["LC_ALL"], os.environ["TERM"], os.environ["TZ"]) == (
        "C.UTF-8",
        "xterm",
        "UTC",
    )
    assert time.timezone == 0
    assert Path("~").expanduser().is_dir()


@pytest.mark.processes
def test_a_child_has_the_signals_that_it_would_have_in_a_terminal():
    code = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).stdout[:4] == b"True"
    for number in IGNORED:
        assert signal.getsignal(number) != signal.SIG_IGN


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows has no such mask")
def test_no_signal_is_blocked():
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_the_directory_is_the_repository():
    assert Path.cwd() == ROOT


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has a umask")
def test_others_may_read_what_is_written(tmp_path):
    (tmp_path / "file").touch()
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def start(folder, *options):
    """Run the tests above in surroundings as odd as they come."""

    spoil = (
        "import os, signal, sys\n"
        f"for number in {[int(number) for number in IGNORED]}:\n"
        "    signal.signal(number, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n"
        "os.umask(0o077)\n"
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])\n"
    )
    here = [sys.executable, "-c", spoil, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    variables = {name: text for name, text in os.environ.items() if name != "HOME"} | HOSTILE
    return subprocess.run(
        [*here, f"--rootdir={ROOT}", f"-c{ROOT / 'pyproject.toml'}", "-k", "not odd",
         str(Path(__file__))],
        cwd=folder, env=variables, capture_output=True, text=True,
        encoding="utf-8",
    )  # fmt: skip


@pytest.mark.processes
@pytest.mark.skipif(os.name != "posix", reason="what spoils them is of POSIX")
def test_odd_surroundings_do_not_reach_a_test(tmp_path):
    done = start(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


@pytest.mark.processes
@pytest.mark.skipif(os.name != "posix", reason="what spoils them is of POSIX")
def test_odd_surroundings_would_be_noticed(tmp_path):
    assert "5 failed" in start(tmp_path, "--noconftest").stdout
