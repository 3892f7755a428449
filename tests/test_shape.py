"""The shape of the package: no circle of files, no crowded folder, no endless file.

Every import counts, those inside functions and under TYPE_CHECKING too: a circle that is opened by
importing late, or for types alone, is still one to whoever reads. What counts for a folder is its
face, `__init__.py`, as a file of its own; that Python runs it before the files below it does not.
Names in strings are not seen: the commands, the backends, the homes of public names.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

import gradcmp

PACKAGE = Path(gradcmp.__file__).parent
FILES = 12  # in a folder: what one takes in at a glance
LINES = 300  # of a file

# Who may have more, how much more, and why. An entry that is no longer needed fails.
CROWDED: Mapping[str, tuple[int, str]] = {}
LONG: Mapping[str, tuple[int, str]] = {}


def circle(package: str) -> list[str] | None:
    """Return modules of which each is imported by the one before it, the first by the last."""
    graph = grimp.build_graph(package, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return None


def crowded(root: Path) -> dict[str, int]:
    """Return the folders with more files than `FILES`, beside the face of the room."""
    folders = {file.parent for file in root.rglob("*.py")}
    counts = {folder: len({*folder.glob("*.py")} - {folder / "__init__.py"}) for folder in folders}
    return {
        folder.relative_to(root).as_posix(): count
        for folder, count in counts.items()
        if count > FILES
    }


def long(root: Path) -> dict[str, int]:
    """Return the files with more lines than `LINES`."""
    counts = {
        file: len(file.read_text(encoding="utf-8").splitlines()) for file in root.rglob("*.py")
    }
    return {
        file.relative_to(root).as_posix(): count for file, count in counts.items() if count > LINES
    }


def excess(found: Mapping[str, int], allowed: Mapping[str, tuple[int, str]]) -> dict[str, str]:
    """Describe what is over the limit and not allowed, or allowed and not over the limit."""
    over = {
        name: f"{count} are too many"
        for name, count in found.items()
        if count > allowed.get(name, (0, ""))[0]
    }
    stale = {
        name: f"{count} are no longer needed: lower the number, or remove the entry"
        for name, (count, _) in allowed.items()
        if found.get(name, 0) < count
    }
    return over | stale


@pytest.fixture
def scratch(tmp_path, monkeypatch) -> Callable[..., Path]:
    """Return the function that makes a package called scratch of files and their text."""

    def make(**files: str) -> Path:
        root = tmp_path / "scratch"
        for name, text in {"__init__": "", "room/__init__": "", **files}.items():
            file = root / f"{name}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        return root

    return make


def test_no_circle_of_files():
    assert circle("gradcmp") is None


def test_no_crowded_folder():
    assert not excess(crowded(PACKAGE), CROWDED)


def test_no_endless_file():
    assert not excess(long(PACKAGE), LONG)


LATE = "def f():\n    from scratch import a\n    return a\n"
TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from scratch.a import X\n"
CIRCLES = {
    "two files": {"a": "import scratch.b", "b": "from scratch.a import x"},
    "inside a function": {"a": "from scratch import b", "b": LATE},
    "for types alone": {"a": "from scratch.b import y", "b": TYPES},
    "over three rooms": {
        "a": "from scratch.room.c import z",
        "room/c": "from ..other.d import z",
        "other/__init__": "",
        "other/d": "import scratch.a",
    },
    "through a face": {
        "room/__init__": "from scratch.room.e import e",
        "room/e": "import scratch.room",
    },
}


@pytest.mark.parametrize("files", CIRCLES.values(), ids=CIRCLES.keys())
def test_a_circle_is_found(scratch, files):
    scratch(**files)
    found = circle("scratch")
    assert found
    assert len({*found}) == len(files.keys() - {"other/__init__"})


def test_files_in_a_row_are_no_circle(scratch):
    scratch(a="from scratch.b import x", b="from scratch.room import c", **{"room/c": "import os"})
    assert circle("scratch") is None


def test_a_crowded_folder_is_found(scratch):
    root = scratch(**{f"room/f{number}": "" for number in range(FILES + 1)})
    assert crowded(root) == {"room": FILES + 1}
    assert [*excess(crowded(root), {})] == ["room"]
    assert not excess(crowded(root), {"room": (FILES + 1, "")})
    assert [*excess(crowded(root), {"room": (FILES, "")})] == ["room"]


def test_an_endless_file_is_found(scratch):
    root = scratch(a="\n" * (LINES + 1), b="\n" * LINES)
    assert long(root) == {"a.py": LINES + 1}


def test_an_exception_that_is_no_longer_needed_is_found(scratch):
    root = scratch()
    assert [*excess(crowded(root), {"room": (FILES + 1, "")})] == ["room"]


def test_no_two_files_of_tests_have_one_name():
    """Without packages, pytest tells them apart by that alone."""
    names = [path.name for path in (PACKAGE.parent / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted({*names})


CONSTANT = re.compile(r"""setattr\([^()]*?["'.]([A-Z][A-Z_]+)["'],""")


def test_no_test_sets_a_constant_to_choose_a_path():
    """A path that tests want to choose is a parameter, or taken by an input of some size."""
    texts = (path.read_text(encoding="utf-8") for path in (PACKAGE.parent / "tests").rglob("*.py"))
    found = {name for text in texts for name in CONSTANT.findall(text)}
    assert found == {"LOOK", "KAPPA"}  # in the test below


def test_a_constant_that_is_set_is_found():
    assert CONSTANT.findall('monkeypatch.setattr("gradcmp.workers.pool.LOOK", 0.05)') == ["LOOK"]
    assert CONSTANT.findall('monkeypatch.setattr(\n    table, "KAPPA", kept)') == ["KAPPA"]
    assert not CONSTANT.findall('monkeypatch.setattr(memory, "memory", lambda: 1000)')


# Folders of tests whose subject is no one room: they may be called as they like.
TOPICS = frozenset(("faults", "kernels", "ops", "ports", "reports", "verdicts"))


def astray(tests: Path, package: Path) -> list[str]:
    """Return the test files that are called after no file or folder of the room they stand for."""
    found = []
    for path in sorted(tests.rglob("test_*.py")):
        place, subject = path.parent.relative_to(tests), path.stem.removeprefix("test_")
        if not place.parts or place.parts[0] in TOPICS:
            continue
        room = package / place
        known = {room.name, *(file.stem for file in room.glob("*"))}  # with an idea: test_pair_x
        if not room.is_dir() or not any(f"{subject}_".startswith(f"{name}_") for name in known):
            found.append(path.relative_to(tests).as_posix())
    return found


def test_the_tests_mirror_the_package():
    assert not astray(PACKAGE.parent / "tests", PACKAGE)


def test_a_test_that_mirrors_nothing_is_found(tmp_path):
    package = PACKAGE
    for name in ("judge/test_case.py", "judge/test_case_of_two.py", "judge/test_judge_whole.py"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    assert not astray(tmp_path, package)
    (tmp_path / "judge" / "test_cases.py").touch()
    (tmp_path / "jury").mkdir()
    (tmp_path / "jury" / "test_jury.py").touch()
    assert astray(tmp_path, package) == ["judge/test_cases.py", "jury/test_jury.py"]
