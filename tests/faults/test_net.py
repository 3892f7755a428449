"""The last net: an error in gradcmp itself is one case's verdict, and the others go on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.processes

# Every Python process of the run reads this first: the third case meets a fault of ours.
FAULT = """
import sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != "gradcmp.api":
            return None
        sys.meta_path.remove(self)
        from importlib.util import find_spec
        spec = find_spec(name)
        load = spec.loader.exec_module
        def exec_module(module):
            load(module)
            def spoilt(function):
                def run(plan, *rest):
                    if plan.case.name == "case2":
                        {what}
                    return function(plan, *rest)
                return run
            module.run_plan, module.record = spoilt(module.run_plan), spoilt(module.record)
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Finder())
"""
QUICK = """
inputs: {X: {kind: normal, shape: [3]}}
graph: {node1: tanh(X) * X}
backends: [numpy, {name: numpy, dtype: float32}]
"""
FAULTS = {  # what happens, and what is said of it
    "{}['o']": "internal error: KeyError: 'o'. See it whole with --debug",
    "raise MemoryError": "memory ran out. Make it smaller",
    "open('/dev/full/no')": "the operating system says: Not a directory: '/dev/full/no'",
    "(lambda f: f(f))(lambda f: f(f))": "internal error: RecursionError: maximum recursion depth",
    "raise __import__('gradcmp.errors').errors.InputError('gone')": "gone",
}


@pytest.mark.first(3)
@pytest.mark.parametrize(
    ("what", "jobs"), [*((what, "1") for what in FAULTS), (next(iter(FAULTS)), "2")]
)
def test_the_others_go_on_and_the_reports_are_written(what, jobs, start, tmp_path):
    check(what, FAULTS[what], jobs, start, tmp_path)


@pytest.mark.first(1)
@pytest.mark.parametrize(
    ("what", "words"),
    [
        (
            "import os; [os.write(2, b'water' * 20_000) for _ in range(50)]; 1 / 0",
            "internal error: ZeroDivisionError: division by zero. See it whole with --debug",
        ),
        ("import os; os._exit(0)", "the process that ran it exited with status 0"),
        ("raise SystemExit(4)", "the process that ran it exited with status 4"),
        ("import os; os.abort()", "the process that ran it was killed by SIGABRT"),
        ("import os; os.kill(os.getpid(), 40)", "the process that ran it was killed by signal 40"),
        ("import os; os.closerange(3, 99)", "the process that ran it"),
    ],
)
def test_an_end_of_a_job_is_its_case(what, words, start, tmp_path):
    check(what, words, "2", start, tmp_path)


def test_recording_goes_on_as_well(start, tmp_path):
    run = faulty("{}['o']", start, tmp_path, "record", ".", "-b", "numpy", "-o", "kept")
    out, err = run.process.communicate(timeout=60)
    assert run.process.returncode == 3
    assert "case 'case2': internal error: KeyError: 'o'" in err
    assert out.count("recorded case") == 3
    assert len([*(tmp_path / "kept").iterdir()]) == 3
    assert run.leaves_nothing()


def faulty(what: str, start: Callable, folder: Path, *arguments: str) -> Any:
    """Start a command on four cases, of which the third meets a fault."""
    site = folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(FAULT.replace("{what}", what))
    for place in range(4):
        (folder / f"case{place}.yaml").write_text(QUICK)
    return start(*arguments, PYTHONPATH=str(site))


def check(what: str, words: str, jobs: str, start: Callable, folder: Path) -> None:
    reports = ("--report", "json=out.json", "--report", "junit=out.xml")
    run = faulty(what, start, folder, "check", ".", "--jobs", jobs, *reports)
    out, err = run.process.communicate(timeout=60)
    assert (run.process.returncode, err) == (3, "wrote out.json\nwrote out.xml\n")
    assert words in out
    assert "Traceback" not in out
    cases = json.loads((folder / "out.json").read_text())["cases"]
    assert [case["verdict"] for case in cases] == ["agree"] * 2 + ["could not compare", "agree"]
    assert all(words in one["message"] for one in cases[2]["failures"])
    assert (folder / "out.xml").exists()
    assert run.leaves_nothing()


SHADOWS = (
    "typing",
    "multiprocessing",
    "subprocess",
    "selectors",
    "pickle",
    "socket",
    "json",
    "numpy",
    "click",
    "rich",
    "yaml",
    "sitecustomize",
)


@pytest.mark.first(2)
@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("safe", ["", "1"])
def test_no_process_imports_the_current_directory(safe, jobs, start, tmp_path):
    """Safe or not at the start: Python 3.10 knows no such thing."""
    for name in SHADOWS:
        (tmp_path / f"{name}.py").write_text(f"open('{tmp_path}/ran', 'a').write('{name} ')")
    other = QUICK.replace("float32}]", f"float32, python: {sys.executable}}}]")
    for place, text in enumerate((QUICK, other)):
        (tmp_path / f"case{place}.yaml").write_text(text)
    run = start("check", ".", "--jobs", jobs, PYTHONSAFEPATH=safe)
    out, err = run.process.communicate(timeout=60)
    ran = tmp_path / "ran"
    assert not ran.exists(), ran.read_text()
    assert (run.process.returncode, err) == (0, ""), out


def test_the_check_above_can_fail(tmp_path):
    """What Python itself does with ``-c``, as multiprocessing starts its processes."""
    (tmp_path / "click.py").write_text(f"open('{tmp_path}/ran', 'a')")
    subprocess.run([sys.executable, "-c", "import click"], cwd=tmp_path, check=True)
    assert (tmp_path / "ran").exists()


def test_no_file_beside_the_bootstrap_bears_a_name_of_pythons():
    """Its folder is first on the path of Python 3.10 until it takes it off."""
    from gradcmp.workers import bootstrap

    names = {file.stem for file in Path(bootstrap.__file__).parent.glob("*.py")}
    assert not names & sys.stdlib_module_names
