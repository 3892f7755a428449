"""Watching functions of the user: their files are watched, and what those import beside them."""

from __future__ import annotations

import pytest

from gradcmp.case import ONCE
from gradcmp.cli.cases import load
from gradcmp.cli.output import Output
from gradcmp.cli.running.followed import code_files
from gradcmp.cli.running.session import Session, unchanged
from gradcmp.cli.running.watch import Watch
from gradcmp.errors import ExitCode

CONFIG = """\
inputs: {x: normal:4x3}
code:
  right: {numpy: right.py:square}
  mine: {numpy: mine.py:square}
"""
RIGHT = 'def square(x):\n    return (x * x).sum(), {"x": 2 * x}\n'
MINE = (
    'from factor import FACTOR\n\n\ndef square(x):\n    return (x * x).sum(), {"x": FACTOR * x}\n'
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write(tmp_path / "case.yaml", CONFIG)
    write(tmp_path / "right.py", RIGHT)
    write(tmp_path / "mine.py", MINE)
    write(tmp_path / "factor.py", "FACTOR = 2\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path, text):
    path.write_text(text)


def test_the_files_are_told_from_the_text(folder):
    (case,) = load(["case.yaml"])
    assert code_files(case) == ("right.py", "mine.py", "factor.py")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("import factor", True),
        ("import factor as f", True),
        ("from . import factor", True),
        ("from .factor import FACTOR", True),
        ("def f():\n    import factor", True),
        ("import factory", False),
        ("import (", False),
    ],
)
def test_ways_to_import(line, found, folder):
    write(folder / "mine.py", line)
    (case,) = load(["case.yaml"])
    assert ("factor.py" in code_files(case)) is found


def test_files_that_import_each_other_end(folder):
    write(folder / "factor.py", "import mine\nimport other\n")
    (folder / "other").mkdir()
    write(folder / "other" / "__init__.py", "")
    (case,) = load(["case.yaml"])
    assert code_files(case) == ("right.py", "mine.py", "factor.py", "other/__init__.py")


@pytest.mark.processes
def test_a_change_of_code_or_of_what_it_imports_is_run_anew(folder, capsys):
    with Session() as session:
        watch = Watch(
            ["case.yaml"],
            lambda: load(["case.yaml"]),
            Output(),
            ONCE,
            lambda plans: unchanged,
            session,
        )

        def look():
            watch.look_again()
            return watch.exit_code, capsys.readouterr().out

        assert look()[0] == ExitCode.AGREE
        code, said = look()
        assert (code, "1 unchanged" in said) == (ExitCode.AGREE, True)
        write(folder / "factor.py", "FACTOR = 3\n")  # as long as before
        code, said = look()
        assert (code, "1 run" in said) == (ExitCode.DISAGREE, True)
        write(folder / "mine.py", MINE.replace("FACTOR * x", "2 * x"))
        assert look()[0] == ExitCode.AGREE
        write(folder / "mine.py", "def square(x:\n")
        code, said = look()
        assert code == ExitCode.COULD_NOT_COMPARE
        assert "SyntaxError" in said
        write(folder / "mine.py", MINE)
        write(folder / "factor.py", "FACTOR = 2\n")
        assert look()[0] == ExitCode.AGREE
        write(folder / "case.yaml", CONFIG + "tolerance: {rtol: 1.0e-5, atol: 1.0e-6}\n")
        assert look()[0] == ExitCode.AGREE
