"""The worked examples of CONTRIBUTING.md work: applied to a scratch copy, and run there.

No framework is loaded. A section is an example; a block is a file, an addition to one, or commands
with what they must print.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [pytest.mark.processes, pytest.mark.slow]
ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
COPIED = ("gradcmp", "tests", "docs", "configs", "pyproject.toml", "README.md", "action.yml")
COPIED += (".pre-commit-hooks.yaml", "Makefile", ".ci", "CHANGELOG.md")
BLOCK = re.compile(r"^```(python|diff|console)\n(.*?)^```$", re.S | re.M)
APPENDED = "at the end of "
SLOWEST = 300  # seconds for one command


@dataclass(frozen=True)
class Block:
    """What an example adds to a file of its own, or to one that is there."""

    kind: str
    file: str
    text: str

    @classmethod
    def of(cls, kind: str, text: str) -> Block:
        first, _, rest = text.partition("\n")
        assert first.startswith("# "), f"which file is this for? {first}"
        return cls(kind, first.removeprefix("# "), rest)

    def apply(self, root: Path) -> None:
        """Write it into a copy; a place that is not there, or not the only one, is an error."""
        path = root / self.file.removeprefix(APPENDED)
        if self.kind == "diff":
            path.write_text(self.inserted(path.read_text("utf-8")), "utf-8")
        elif self.file.startswith(APPENDED):
            path.write_text(f"{path.read_text('utf-8')}\n\n{self.text}", "utf-8")
        else:
            assert not path.exists(), f"{self.file} is there already"
            path.write_text(self.text, "utf-8")

    def inserted(self, text: str) -> str:
        lines = self.text.splitlines()
        before = "".join(f"{line[1:]}\n" for line in lines if line.startswith(" "))
        assert text.count(before) == 1, f"{self.file} has no such place:\n{before}"
        return text.replace(before, "".join(f"{line[1:]}\n" for line in lines))


def examples(page: str) -> dict[str, tuple[list[Block], list[tuple[str, str]]]]:
    """Return what each section adds, and its commands with the text that they must print."""
    sections = re.split(r"^### (.*)$", page.split("\n## Adding things\n")[1], flags=re.M)[1:]
    found = {}
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        blocks = BLOCK.findall(body.split("\n## ")[0])
        added = [Block.of(kind, text) for kind, text in blocks if kind != "console"]
        found[title] = (
            added,
            [
                (command, printed)
                for kind, text in blocks
                if kind == "console"
                for command, _, printed in (one.partition("\n") for one in text.split("$ ")[1:])
            ],
        )
    return found


EXAMPLES = examples(PAGE)


@pytest.fixture
def example(title):
    """Return what an example adds, and its commands."""
    return EXAMPLES[title]


def scratch(place: Path) -> Path:
    """Return a copy of the sources and of what Python compiled of them, which takes seconds."""
    leave = shutil.ignore_patterns(".*_cache")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place / name, ignore=leave)
        else:
            shutil.copy(ROOT / name, place / name)
    return place


def run(command: str, root: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with the copy in the place of the package that is installed."""
    scripts = Path(sys.executable).parent
    return subprocess.run(
        shlex.split(command),
        cwd=root,
        env={
            **{name: value for name, value in os.environ.items() if "PYTEST" not in name},
            "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(root),
            "COLUMNS": "100",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=SLOWEST,
    )


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_works(example, tmp_path):
    added, commands = example
    root = scratch(tmp_path)
    for block in added:
        block.apply(root)
    assert commands
    for command, printed in commands:
        done = run(command, root)
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        for line in printed.strip().splitlines():
            assert line in done.stdout, f"$ {command}\n{done.stdout}"


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_reads_as_our_code_does(example, tmp_path):
    added, _ = example
    root = scratch(tmp_path)
    for block in added:
        block.apply(root)
    for arguments in (["check"], ["format", "--check"]):
        files = {block.file.removeprefix(APPENDED) for block in added}
        python = sorted(file for file in files if file.endswith(".py"))
        done = run(f"{sys.executable} -m ruff {shlex.join([*arguments, *python])}", root)
        assert done.returncode == 0, done.stdout + done.stderr


def counted(added: list[Block]) -> dict[str, int]:
    """Count what an example touches."""
    count = {"block": 0, "file": 0, "line": 0, "row": 0, "field": 0}
    for block in added:
        if block.kind == "python":
            count["block" if block.file.startswith(APPENDED) else "file"] += 1
            continue
        new = [line for line in block.text.splitlines() if line.startswith("+")]
        kind = "row" if block.file.endswith(".md") else "line" if len(new) == 1 else "field"
        count[kind] += 1
    return {kind: number for kind, number in count.items() if number}


def promised(page: str) -> dict[str, dict[str, int]]:
    """Return what the table says that each thing takes."""
    rows = re.findall(r"^\| \[[^]]*\]\(#([\w-]+)\) \| (.*) \|$", page, re.M)
    return {
        anchor: {kind: int(number) for number, kind in re.findall(r"(\d+) (\w+)", words)}
        for anchor, words in rows
    }


def test_the_table_says_what_the_examples_take():
    taken = {title.lower().replace(" ", "-"): counted(EXAMPLES[title][0]) for title in EXAMPLES}
    assert promised(PAGE) == taken
    assert promised(PAGE.replace("| 1 file, 1 line |", "| 1 file |")) != taken


def test_an_example_that_does_not_fit_is_noticed(tmp_path):
    block = Block("diff", "a.py", ' "here": 1,\n+"new": 2,\n')
    (tmp_path / "a.py").write_text('"there": 1,\n')
    with pytest.raises(AssertionError, match="no such place"):
        block.apply(tmp_path)
    (tmp_path / "a.py").write_text('"here": 1,\n')
    block.apply(tmp_path)
    assert (tmp_path / "a.py").read_text() == '"here": 1,\n"new": 2,\n'


def test_a_spoiled_example_is_noticed(tmp_path):
    """A wrong pullback is caught by the tests that the registry makes."""
    added, commands = EXAMPLES["An op"]
    root = scratch(tmp_path)
    for block in added:
        wrong = block.text.replace("t * t * dy", "t * t * dy * 1.01")
        assert wrong != block.text
        Block(block.kind, block.file, wrong).apply(root)
    (tests,) = (command for command, _ in commands if "pytest" in command)
    assert run(tests, root).returncode == 1
