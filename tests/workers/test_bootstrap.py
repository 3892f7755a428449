"""Workers in other interpreters."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gradcmp import system
from gradcmp.recording import Failure, Recording
from gradcmp.workers import bootstrap


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return an interpreter without any package."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return str(folder / "bin" / "python")


def test_an_interpreter_that_is_able(pool, ask):
    ((_, outcome),) = pool.run([ask(name="numpy", python=sys.executable)])
    assert isinstance(outcome, Recording)


def test_an_interpreter_that_keeps_scripts_off_the_path(pool, ask, monkeypatch):
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    ((_, outcome),) = pool.run([ask()])  # the saboteur is first on PYTHONPATH
    assert isinstance(outcome, Recording)


def test_an_interpreter_without_numpy(pool, ask, bare, monkeypatch):
    """Ours is on PYTHONPATH here, and must not be found."""
    monkeypatch.setenv("PYTHONPATH", str(Path(np.__file__).parent.parent))
    ((_, outcome),) = pool.run([ask(name="numpy", python=bare)])
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.message) == (
        "absent",
        f"interpreter '{bare}' lacks numpy, ml_dtypes, safetensors. "
        f"Try: {bare} -m pip install numpy ml_dtypes safetensors",
    )


def test_an_interpreter_that_does_not_exist(pool, ask):
    requests = [ask(name="numpy", python="/no/such/python"), ask(name="numpy")]
    answers = dict(pool.run(requests))
    assert isinstance(answers[requests[1]], Recording)
    found = answers[requests[0]]
    assert isinstance(found, Failure)
    assert found.message == (
        "interpreter '/no/such/python' cannot be started: No such file or directory"
    )


def test_an_interpreter_that_is_no_python(pool, ask):
    ((_, outcome),) = pool.run([ask(name="numpy", python="/bin/false")])
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.message) == (
        "crashed",
        "backend 'numpy,python=/bin/false' exited with status 1",
    )


def test_an_interpreter_that_is_too_old():
    assert bootstrap.lacking() == ""
    version = ".".join(map(str, sys.version_info[:2]))
    assert (
        bootstrap.lacking(oldest=(99, 1)) == f"is Python {version}, and gradcmp needs 99.1 or newer"
    )


def test_bootstrap_is_readable_by_an_old_python():
    """So is the file that it reads first; Python 3.6 itself was asked."""
    import ast

    for file in (bootstrap.__file__, system.__file__):
        ast.parse(Path(file).read_text(), feature_version=(3, 6))
