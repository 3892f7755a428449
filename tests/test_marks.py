"""What ``make quick`` selects, and that nothing slow gets in unseen."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TESTS = """
import subprocess, sys, types
import pytest

def test_plain(): pass
def test_adapter(adapter): pass
@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_named(need, name): pass
@pytest.mark.slow
def test_long(): pass
@pytest.mark.quick
@pytest.mark.processes
def test_all_the_same(): subprocess.run([sys.executable, "-c", ""])
"""
LOADS = (
    "def test_it():\n    import sys, types\n    sys.modules['torch'] = types.ModuleType('torch')\n"
)
STARTS = (
    "def test_it():\n    import subprocess, sys\n    subprocess.run([sys.executable, '-c', ''])\n"
)


@pytest.fixture
def suite(tmp_path):
    """Run a suite of one file under the rules of this one."""
    for name in ("conftest.py", "surroundings.py", "forked.py", "fork_server.py"):
        shutil.copy(HERE / name, tmp_path / name)

    def run(text, *options):
        (tmp_path / "test_it.py").write_text(text)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            f"--rootdir={tmp_path}",
        ]
        return subprocess.run(
            [*command, "-c", HERE.parent / "pyproject.toml", *options, tmp_path],
            capture_output=True,
            text=True,
        )

    return run


@pytest.mark.processes
def test_what_is_quick(suite):
    done = suite(TESTS, "-m", "quick", "-v")
    passed = re.findall(r"::test_(\S+) PASSED", done.stdout)
    assert passed == ["plain", "named[numpy]", "all_the_same"], done.stdout
    assert done.returncode == 0


@pytest.mark.processes
def test_files_that_take_long_come_first(suite, tmp_path):
    (tmp_path / "test_a.py").write_text("def test_short(): pass\ndef test_shorter(): pass\n")
    done = suite("import pytest\n@pytest.mark.slow\ndef test_long(): pass\n", "-v")
    assert re.findall(r"::test_(\w+) PASSED", done.stdout) == ["long", "short", "shorter"]


@pytest.mark.processes
@pytest.mark.parametrize("text", ["", "def test_it(framework): pass", "def test_it(browser): pass"])
def test_nothing_quick_is_no_success(suite, text):
    assert suite(text, "-m", "quick").returncode == 5


@pytest.mark.processes
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LOADS, "it has torch: mark it with pytest.mark.frameworks"),
        (STARTS, "it has subprocess.Popen: mark it with pytest.mark.processes"),
    ],
)
def test_what_takes_time_unseen_fails(suite, text, words):
    done = suite(text)
    assert done.returncode == 1
    assert words in done.stdout


@pytest.mark.processes
@pytest.mark.parametrize(
    ("chosen", "expected"), [("not thorough", ["0", "1"]), ("thorough", ["2"])]
)
def test_of_many_parameters_the_first_ones_are_for_every_run(suite, chosen, expected):
    many = "import pytest\n@pytest.mark.first(2)\n@pytest.mark.parametrize('n', range(3))\n"
    done = suite(f"{many}def test_it(n): pass\n", "-m", chosen, "-v")
    assert re.findall(r"::test_it\[(\d)\] PASSED", done.stdout) == expected, done.stdout


@pytest.mark.processes
@pytest.mark.parametrize(("folder", "expected"), [(".", ["0"]), ("ops", ["0", "1", "2"])])
def test_of_many_parameters_the_first_is_quick_and_every_op(suite, tmp_path, folder, expected):
    (tmp_path / "ops").mkdir()
    many = "import pytest\n@pytest.mark.parametrize('n', range(3))\ndef test_many(n): pass\n"
    (tmp_path / folder / "test_more.py").write_text(many)
    done = suite("", "-m", "quick", "-v")
    assert re.findall(r"::test_many\[(\d)\] PASSED", done.stdout) == expected, done.stdout


@pytest.mark.processes
def test_a_file_of_which_nothing_is_quick_is_not_even_read(suite, tmp_path):
    text = "import pytest\npytestmark = [pytest.mark.slow, pytest.mark.processes]\n"
    (tmp_path / "test_more.py").write_text(f"{text}raise ValueError\n")
    assert suite("def test_it(): pass\n", "-m", "quick").returncode == 0
    assert suite("def test_it(): pass\n", "-m", "quick or slow").returncode == 2


@pytest.mark.processes
def test_a_misspelt_mark_fails(suite):
    done = suite(TESTS.replace("mark.slow", "mark.slwo"))
    assert done.returncode != 0
    assert "'slwo' not found in `markers`" in done.stdout + done.stderr
