"""What the machine has no more of is the end of the case that asks for it, and of no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="the limits of Linux's shells"),
]

QUICK = """
inputs: {X: {kind: normal, shape: [3]}}
graph: {node1: tanh(X) * X}
backends: [numpy, {name: numpy, dtype: float32}]
"""
LARGE = QUICK.replace("[3]", "[2000, 2000]")  # 31 MiB for each array
OTHER = QUICK.replace("float32}", f"float32, python: {sys.executable}}}")

REPORTS = "--json o.json --report junit=o.xml --report html=o.html"
ALL = {"first", "last"}
LIMITS = {  # by what a shell is told: who may agree, and what is said of the others
    # A process of a worker takes two descriptors, and two more while it is started.
    "ulimit -n 6": ([set()], "cannot be started: Too many open files"),
    "ulimit -n 11": ([set(), ALL], "cannot be started: Too many open files"),
    "ulimit -n 14": ([ALL, ALL | {"middle"}], "cannot be started: Too many open files"),
    "ulimit -v 400000": ([ALL], ""),  # wherever the memory ends
}


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit(limit, jobs, tmp_path):
    middle = LARGE if "-v" in limit else OTHER
    for name, text in {"first": QUICK, "middle": middle, "last": QUICK}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    files = "first.yaml middle.yaml last.yaml"
    command = f"{limit}; exec {sys.executable} -m gradcmp check {files} --jobs {jobs} {REPORTS}"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # each of its threads wants memory
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert {*done.stderr.splitlines()} == {f"wrote o.{kind}" for kind in ("json", "xml", "html")}
    assert "internal error" not in done.stdout
    cases = json.loads((tmp_path / "o.json").read_text())["cases"]
    agree = {case["name"] for case in cases if case["verdict"] == "agree"}
    possible, words = LIMITS[limit]
    assert agree in possible
    assert done.returncode == (0 if len(agree) == len(cases) else 3)
    for case in cases:
        if case["name"] not in agree:
            assert case["verdict"] == "could not compare"
            assert all(words in failure["message"] for failure in case["failures"])
    assert {"o.xml", "o.html"} <= {file.name for file in tmp_path.iterdir()}


def test_with_too_few_descriptors_for_all_jobs_there_are_fewer(tmp_path, monkeypatch):
    """As long as one can be started, none of the cases is lost."""
    from gradcmp.case import ONCE
    from gradcmp.cli.cases import load
    from gradcmp.cli.running import jobs
    from gradcmp.plan import check

    started = []

    def limited(*arguments: str) -> jobs.Process:
        if started:
            raise OSError(24, "Too many open files")
        started.append(process(*arguments))
        return started[-1]

    process = jobs.Process
    monkeypatch.setattr(jobs, "Process", limited)
    Path(tmp_path, "a.yaml").write_text(QUICK)
    plans = [check(case) for case in load([str(tmp_path)]) for _ in range(3)]
    verdicts = list(jobs.in_parallel(plans, 3, ONCE, {}))
    assert [verdict.agrees for verdict in verdicts] == [True] * 3
    assert len(started) == 1
