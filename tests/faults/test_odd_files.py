"""Configs and data from odd places: they are read, or a sentence says so and the run fails."""

from __future__ import annotations

import os
import select
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from gradcmp.cli import main
from gradcmp.outside import files

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform == "win32", reason="pipes and links as POSIX has them"),
]
CASE = """\
inputs: {X: {kind: normal, shape: [3]}}
graph: {node1: tanh(X)}
backends: [numpy, {name: numpy, dtype: float32}]
"""
FROM_FILE = 'inputs: {X: "file:data.npy"}\ngraph: {node1: tanh(X)}\nbackends: [numpy]\n'


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    wait = select.select
    monkeypatch.setattr(select, "select", lambda r, w, x, left: wait(r, w, x, min(left, 0.3)))
    np.save("data.npy", np.ones(3))
    Path("configs").mkdir()
    Path("configs/one.yaml").write_text(CASE)
    return tmp_path


@pytest.fixture
def pipe():
    """Return the function that opens a pipe for a text, and the name of its end."""
    ends = []

    def pipe(text: str) -> str:
        read, write = os.pipe()
        ends.append(read)
        with os.fdopen(write, "w") as stream:
            stream.write(text)
        return f"/dev/fd/{read}"

    yield pipe
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("command", ["run", "check", "validate", "explain"])
def test_a_config_comes_through_a_pipe(command, pipe, capsys):
    assert main([command, pipe(CASE)]) == 0
    assert "node1" in capsys.readouterr().out or command in ("check", "validate")
    assert main([command, pipe("inputs: [")]) == 2
    assert "this is not valid YAML" in capsys.readouterr().err


def test_the_data_of_a_config_that_comes_through_a_pipe_is_where_we_are(pipe):
    assert main(["validate", pipe(FROM_FILE)]) == 0


def test_a_config_is_written_late_and_in_parts(capsys):
    os.mkfifo("pipe")

    def write() -> None:
        with Path("pipe").open("w") as stream:
            for line in CASE.splitlines(keepends=True):
                stream.write(line)
                stream.flush()

    writer = threading.Timer(0.1, write)
    writer.start()
    assert main(["run", "pipe"]) == 0
    writer.join()


def linked() -> None:
    Path("elsewhere").mkdir()
    Path("elsewhere/two.yaml").write_text(CASE)
    Path("configs/link").symlink_to("../elsewhere")


def circle() -> None:
    Path("configs/up").symlink_to("..")
    Path("configs/self").symlink_to(".")


# What is done; the arguments; the exit code; what is said.
ODD = {
    "capitals": (
        lambda: Path("configs/one.yaml").rename("configs/ONE.YAML"),
        ["validate", "configs"],
        (0, "configs/ONE.YAML: 1 case"),
    ),
    "a linked folder": (linked, ["validate", "configs"], (0, "configs/link/two.yaml: 1 case")),
    "links in a circle": (circle, ["validate", "configs"], (0, "configs/one.yaml: 1 case\n")),
    "a folder that is called like a file": (
        lambda: Path("configs").rename("configs.yaml"),
        ["validate", "."],
        (0, "configs.yaml/one.yaml: 1 case"),
    ),
    "a link to nothing": (
        lambda: Path("configs/two.yml").symlink_to("nothing"),
        ["check", "configs"],
        (2, "configs/two.yml: cannot be read: No such file"),
    ),
    "a pipe in a folder": (
        lambda: os.mkfifo("configs/two.yaml"),
        ["check", "configs"],
        (2, "'configs/two.yaml' is not a regular file. Name it"),
    ),
    "a pipe that nobody writes into": (
        lambda: os.mkfifo("pipe"),
        ["run", "pipe"],
        (2, "pipe: it is a pipe, and in 30 s nobody wrote into it"),
    ),
    "such a pipe as expectations": (
        lambda: os.mkfifo("pipe"),
        ["check", "configs", "--expect", "pipe"],
        (2, "pipe: it is a pipe"),
    ),
    "such a pipe to watch": (
        lambda: os.mkfifo("pipe"),
        ["run", "--watch", "pipe"],
        (2, "'pipe' does not change"),
    ),
    "such a pipe as a recording": (
        lambda: os.mkfifo("pipe"),
        ["diff", "pipe", "pipe"],
        (2, "'pipe' is not a regular file"),
    ),
    "such a pipe as data": (
        lambda: (Path("data.npy").unlink(), os.mkfifo("data.npy")),
        ["expr", "tanh(X)", "-i", "X=file:data.npy"],
        (2, "'data.npy' is not a regular file"),
    ),
    "a device as data": (
        lambda: None,
        ["expr", "tanh(X)", "-i", "X=file:/dev/zero"],
        (2, "'/dev/zero' is not a regular file"),
    ),
    "a device without an end": (lambda: None, ["run", "/dev/zero"], (2, "larger than 1 MiB")),
    "a device without a beginning": (lambda: None, ["run", "/dev/null"], (2, "is empty")),
    "a name too long for a config": (
        lambda: None,
        ["run", "a" * 300],
        (2, "a' does not exist"),
    ),
    "a name too long for data": (
        lambda: None,
        ["expr", "tanh(X)", "-i", f"X=file:{'a' * 300}"],
        (2, "a' cannot be read: File name too long"),
    ),
    "a name too long for a recording": (
        lambda: None,
        ["diff", "a" * 300, "data.npy"],
        (2, "a' does not exist"),
    ),
    "an index that is too large": (
        lambda: Path("configs/one.yaml").write_text(
            "inputs: {X: 'normal:2x1', i: {values: [0, 5], integer: true}}\n"
            "graph: {node1: 'take(X, i, axis=-1)'}\n"
        ),
        ["explain", "configs"],
        (2, "configs/one.yaml:2: node 'node1': take: 'i' is 5 at [1], and must be from 0 to 0."),
    ),
    "a folder as data": (
        lambda: None,
        ["expr", "tanh(X)", "-i", "X=file:configs"],
        (2, "'configs' cannot be read: Is a directory"),
    ),
}


@pytest.mark.parametrize(("odd", "arguments", "expected"), ODD.values(), ids=list(ODD))
def test_it_is_read_or_refused(odd, arguments, expected, capsys):
    odd()
    code, words = expected
    assert main(arguments) == code
    out, err = capsys.readouterr()
    assert words in (err if code else out), (out, err)
    assert "internal error" not in err


@pytest.mark.parametrize("arguments", [["check", "configs"], ["diff", "recordings", "recordings"]])
def test_a_folder_that_cannot_be_read_fails_the_run(arguments, monkeypatch, capsys):
    """Rather than that what is in it is missed."""
    for top in ("configs", "recordings"):
        Path(top, "closed").mkdir(parents=True)
    Path("recordings/data.npy").write_bytes(Path("data.npy").read_bytes())
    assert main(arguments) == 0
    scandir = os.scandir

    def closed(path):  # as root, who runs CI, may read everything
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert main(arguments) == 2
    assert "closed' cannot be read: Permission denied. Make it" in capsys.readouterr().err


def test_each_folder_is_looked_at_once(folder):
    linked()
    circle()
    found = files.below(Path("configs"), (".yaml",))
    assert len(found) == len({file.resolve() for file in found}) == 2
    again = files.below(folder, (".yaml", ".npy"))
    assert [file.relative_to(folder).as_posix() for file in again] == [
        "configs/one.yaml",
        "data.npy",
        "elsewhere/two.yaml",
    ]
