"""Text that comes from outside steers no terminal and no CI system, and fits every screen."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import hostile
import numpy as np
import pytest

from gradcmp.cli import main
from gradcmp.report import REPORTS

pytestmark = pytest.mark.processes

UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# https://github.com/actions/runner: src/Runner.Common/ActionCommand.cs, its two forms of a command;
# the second is that of Azure Pipelines, too.
OBEYED = re.compile(r"^\s*::|##(\[|vso\[|teamcity\[)", re.MULTILINE)
SAMPLE = """\
name: "Größe ✓ × ∂ 勾配"
inputs: {X: {kind: normal, shape: [3, 2]}}
graph: {node1: "exp(X)", node2: "sum(node1)"}
backends: [numpy, {name: numpy, dtype: float32}]
"""


class Screen:
    """Standard streams in an encoding, as a terminal's or a pipe's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, encoding: str = "utf-8") -> None:
        self._encoding = encoding
        self._streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
        for name, stream in zip(("stdout", "stderr"), self._streams, strict=True):
            monkeypatch.setattr(sys, name, stream)

    def written(self) -> list[bytes]:
        found = []
        for stream in self._streams:
            stream.flush()
            found.append(stream.buffer.getvalue())
            stream.buffer.seek(0)
            stream.buffer.truncate()
        return found

    def said(self) -> str:
        return "".join(part.decode(self._encoding) for part in self.written())


def steering(text: str) -> list[str]:
    """Return what a terminal or a CI system would obey."""
    return [c for c in text if c != "\n" and unicodedata.category(c) in UNSEEN] + [
        found[0] for found in OBEYED.finditer(text)
    ]


@pytest.mark.parametrize(
    ("text", "command"),
    [
        *((text, "validate") for text in hostile.STEERING),
        *((hostile.STEERING[0], command) for command in ("check", "run", "explain")),
    ],
    ids=ascii,
)
def test_no_text_of_a_config_steers(text, command, monkeypatch, tmp_path):
    """In no place of it; what is wrong with it is said on its line."""
    monkeypatch.chdir(tmp_path)
    screen, file = Screen(monkeypatch), Path("case.yaml")
    np.savez("data.npz", X=np.ones(3))
    for place, config in hostile.configs(text):
        file.write_text(config, "utf-8", newline="")
        code, said = main([command, str(file)]), screen.said()
        assert not steering(said), (place, said)
        assert "internal error" not in said, (place, said)
        assert code in (0, 2, 3), (place, said)
        assert code in (0, 3) or said.startswith("case.yaml"), (place, said)


@pytest.mark.parametrize("text", hostile.STEERING[:4], ids=ascii)
def test_what_is_found_would_be_found(text, monkeypatch):
    """Sabotage: a program that prints the text as it is."""
    assert steering(f"case.yaml:1: {text}" if text[0] != ":" else text)


FILES = ["::error file=a::b.yaml", "##[add-mask]a.yaml", "a\x1b]0;b\x07.yaml", "a\n::debug::b.yaml"]


@pytest.mark.parametrize("name", FILES, ids=ascii)
@pytest.mark.parametrize("config", [SAMPLE, "name: 3"], ids=["right", "wrong"])
def test_no_name_of_a_file_steers(name, config, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(config, "utf-8")
    screen = Screen(monkeypatch)
    for arguments in (
        ["validate", name],
        ["validate", "."],
        ["check", "."],
        ["run", f"{name}?"],
        ["diff", name, name],
        ["explain", name, "--notebook", f"{name}.ipynb"],
        ["record", name, "-b", "numpy", "-o", f"{name}.safetensors"],
        ["run", name, "--report", f"junit={name}.xml"],
    ):
        main(arguments)
        said = screen.said()
        assert said
        assert not steering(said), (arguments, said)


@pytest.mark.skipif(sys.platform != "linux", reason="its names are bytes")
def test_a_name_that_is_no_text_has_its_reports(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"a\xff.yaml")
    Path(name).write_text(SAMPLE + "tolerance: {rtol: 0, atol: 0}\n", "utf-8")
    screen = Screen(monkeypatch)
    reports = [f"--report={one}={one}" for one in REPORTS if one != "github"]
    assert main(["run", name, *reports, "--report=github"]) == 1
    said = screen.written()[1].decode().splitlines()
    assert said == [f"wrote {one}" for one in REPORTS if one != "github"]
    assert "a%FF.yaml" in Path("sarif").read_text("utf-8")
    for one in ("junit", "markdown"):
        assert "a\\udcff.yaml" in Path(one).read_text("utf-8"), one


def test_no_argument_steers(monkeypatch, tmp_path):
    screen = Screen(monkeypatch)
    evil = "\x1b[2J\n::error::x"
    for arguments in (
        [f"--{evil}"],
        [evil],
        ["run", "--case", evil],
        ["run", "--backend", evil],
        ["run", "--report", evil],
        ["run", "--report", f"{evil}=a"],
        ["run", "--seed", evil],
        ["check", "--require", evil],
        ["expr", evil],
        ["expr", "tanh(X)", "-i", evil],
        ["diff", evil, evil],
        ["diff", "a", "b", "--map", evil],
        ["explain", "--script", evil],
    ):
        assert main(arguments) == 2
        said = screen.said()
        assert said
        assert not steering(said), (arguments, said)


def test_a_name_that_is_folded_begins_no_command(monkeypatch, tmp_path):
    """A line that is too long goes on in the next one: there a command would begin."""
    screen, file = Screen(monkeypatch), tmp_path / "case.yaml"
    for blanks in range(60, 80, 5):
        name = "a" * blanks + " ::error::b"
        file.write_text(SAMPLE.replace("Größe ✓ × ∂ 勾配", name), "utf-8")
        main(["run", str(file)])
        said = screen.said()
        assert not steering(said), said
        main(["check", str(file), "--expect", str(file)])
        assert not steering(screen.said())


SCREENS = [
    ["run", "case.yaml"],
    ["run", "case.yaml", "--verbose"],
    ["check", "case.yaml"],
    ["explain", "case.yaml"],
    ["validate", "case.yaml"],
    ["ops"],
    ["selftest", "case.yaml"],
    ["record", "case.yaml", "-b", "numpy", "-o", "Größe ✓.safetensors"],
    ["diff", "left.safetensors", "right.safetensors"],
    ["explain", "case.yaml", "--notebook", "✓.ipynb"],
    ["--help"],
    ["run", "--help"],
    ["diff", "--help"],
    ["run", "Größe ✓.yaml"],
    ["run", "case.yaml", "--case", "✓"],
    ["run", "--✓"],
    ["✓"],
]
FILES_ON_STDOUT = [
    *(["run", "case.yaml", "--report", f"{name}=-"] for name in ("junit", "markdown", "html")),
    *(["run", "case.yaml", "--report", f"{name}=-"] for name in ("table", "sarif", "json")),
    ["explain", "case.yaml", "--script", "numpy"],
    ["schema"],
    ["completion", "bash"],
]


@pytest.fixture
def sample(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path("case.yaml").write_text(SAMPLE, "utf-8")
    for side, backend in (("left", "numpy"), ("right", "numpy,dtype=float32")):
        assert main(["record", "case.yaml", "-b", backend, "-o", f"{side}.safetensors"]) == 0


@pytest.mark.first(1)
@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
@pytest.mark.usefixtures("sample")
def test_a_screen_that_knows_few_letters_shows_what_it_can(encoding, monkeypatch):
    screen = Screen(monkeypatch, encoding)
    for arguments in SCREENS:
        code, said = main(arguments), screen.said()
        assert code in (0, 2), said
        assert said
        assert "UnicodeEncodeError" not in said
        assert "\\" not in said, said


@pytest.mark.first(1)
@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
@pytest.mark.usefixtures("sample")
def test_a_file_on_standard_output_is_in_utf_8(encoding, monkeypatch):
    for arguments in FILES_ON_STDOUT:
        screen = Screen(monkeypatch, encoding)
        assert main(arguments) == 0
        out, err = screen.written()
        assert not err
        out.decode("utf-8")
        if "Größe" in str(arguments) or (arguments[:1] == ["run"] and "json" not in arguments[-1]):
            assert "Größe ✓" in out.decode() or b"sarif" in out


@pytest.mark.usefixtures("sample")
def test_commands_of_github_and_files_are_in_utf_8(monkeypatch):
    Path("case.yaml").write_text(SAMPLE + "tolerance: {rtol: 0, atol: 0}\n", "utf-8")
    screen = Screen(monkeypatch, "latin-1")
    reports = [f"--report={name}={name}" for name in ("junit", "markdown", "html", "table")]
    assert main(["run", "case.yaml", "--report", "github", *reports]) == 1
    out, err = screen.written()
    named = ("junit", "markdown", "html", "table")
    assert err.decode().splitlines() == [f"wrote {name}" for name in named]
    (line,) = re.findall(rb"^::error.*", out, re.MULTILINE)
    assert "Größe ✓ × ∂ 勾配" in line.decode("utf-8")
    for name in ("junit", "markdown", "html", "table"):
        assert "Größe ✓ × ∂ 勾配" in Path(name).read_text("utf-8")


@pytest.mark.first(1)
@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["ascii", "C"],
)
@pytest.mark.usefixtures("sample")
def test_a_process_whose_streams_know_few_letters(variables, start):
    for arguments, code in (
        (["run", "case.yaml"], 0),
        (["run", "case.yaml", "--report", "github"], 0),
        (["backends", "--loading", "0.01"], 0),
        (["run", "Größe.yaml"], 2),
    ):
        run = start(*arguments, **variables)
        for stream in (run.process.stdout, run.process.stderr):
            stream.reconfigure(errors="replace")
        out, err = run.process.communicate(timeout=60)
        assert run.process.returncode == code, (out, err)
        assert "Error:" not in out + err


def test_nothing_prints_but_the_terminal():
    """One place, not a hundred calls."""
    room = Path(sys.modules["gradcmp.cli"].__file__).parent
    prints = re.compile(
        r"click\.s?echo|(?<![.\w])print\(|sys\.std(out|err)\.(write|buffer)|\bConsole\("
    )
    found = {file.name for file in room.rglob("*.py") if prints.search(file.read_text("utf-8"))}
    assert found == {"terminal.py"}


def test_the_real_program_neither(tmp_path):
    """As CI runs it: standard output and standard error are pipes."""
    config = tmp_path / "::error::a.yaml"
    config.write_text('inputs: {X: "normal:3"}\n"\\e[2J\\n::error::b": 1\n')
    command = [sys.executable, "-m", "gradcmp", "run", config.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(r"\x3a:error::a.yaml:2: unknown key '\x1b[2J\n::error::b'")
