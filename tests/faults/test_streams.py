"""Files are written before the screen, and what is printed decides nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from gradcmp.cli.files import require_writable, write
from gradcmp.errors import GradcmpError, UsageError

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux"),
]

RIGHT = """
inputs: {X: {kind: normal, shape: [3]}}
graph: {node1: tanh(X) * X}
backends: [numpy, {name: numpy, dtype: float32}]
"""
WRONG = f"{RIGHT}tolerance: {{rtol: 1.0e-12, atol: 0}}"

FULL = "standard output cannot be written: No space left on device\n"
LOST = "the report on standard output cannot be written: No space left on device\n"
FILES = "--json o.json --report junit=o.xml"
BOTH = {"o.json", "o.xml"}


class End(NamedTuple):
    """What is left of a run, beside its exit code."""

    code: int
    stderr: str = ""
    files: frozenset[str] | set[str] = frozenset()


WROTE = re.compile(r"wrote o\.\w+\n")  # what is beside it
ENDS = {  # by what a shell is told; {} is gradcmp, and PIPESTATUS its exit code
    f"{{}} run right.yaml {FILES} | head -c 3": End(0, "", BOTH),
    f"{{}} check right.yaml wrong.yaml {FILES} | true": End(1, "", BOTH),
    f"{{}} run wrong.yaml -v {FILES} >/dev/full": End(1, FULL, BOTH),
    f"{{}} check right.yaml {FILES} >/dev/full 2>&1": End(0, "", BOTH),
    f"{{}} check right.yaml wrong.yaml {FILES} >&-": End(1, "", BOTH),
    f"{{}} run wrong.yaml {FILES} <&- >&- 2>&-": End(1, "", BOTH),
    "{} check right.yaml --json - --report junit=o.xml >/dev/full": End(2, LOST, {"o.xml"}),
    "{} check wrong.yaml --report github --json o.json | true": End(1, "", {"o.json"}),
    "{} ops >/dev/full": End(2, FULL),
    "{} run --no-such-option 2>/dev/full": End(2),
    "{} record right.yaml wrong.yaml -b numpy -o . >/dev/full": End(
        0, FULL, {"right.safetensors", "wrong.safetensors"}
    ),
    "{} record right.yaml wrong.yaml -b numpy -o . | true": End(
        0, "", {"right.safetensors", "wrong.safetensors"}
    ),
    f"{{}} run wrong.yaml --watch {FILES} | true": End(1, "", BOTH),
    # A limit of 8 or 16 KiB, as the shell counts: one report of three finds no room.
    f"ulimit -f 16; {{}} check right.yaml wrong.yaml --report html=o.html {FILES}": End(
        2, "'o.html' cannot be written: File too large\n", BOTH
    ),
}


def told(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    whole = command.replace("{}", f"{sys.executable} -m gradcmp") + "; exit ${PIPESTATUS[0]}"
    return subprocess.run(
        ["bash", "-c", whole],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},  # of which a limit leaves a part
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=60,
    )


@pytest.mark.parametrize("command", ENDS)
def test_a_stream_that_takes_nothing(command, tmp_path):
    (tmp_path / "right.yaml").write_text(RIGHT)
    (tmp_path / "wrong.yaml").write_text(WRONG)
    done = told(command, tmp_path)
    files = {file.name for file in tmp_path.iterdir() if file.suffix != ".yaml"}
    assert End(done.returncode, WROTE.sub("", done.stderr), files) == ENDS[command]
    for file in files & {"o.json"}:
        json.loads((tmp_path / file).read_text())


def test_what_cannot_be_drawn_does_not_keep_the_reports_from_being_written(tmp_path, monkeypatch):
    import gradcmp
    from gradcmp.case import BackendSpec, Case, Expression, InputSpec
    from gradcmp.cli.reports import Target, hand_out

    backends = (BackendSpec("numpy"), BackendSpec("numpy", dtype="float32"))
    graph = {"y": Expression("X * X")}
    case = Case("c", {"X": InputSpec("normal", (3,))}, graph, "y", ("X",), backends)
    verdict = gradcmp.run(case)
    targets = [Target(name, str(tmp_path / name)) for name in ("json", "junit", "html")]
    monkeypatch.setattr("gradcmp.report.junit.report", lambda verdicts: {}["o"])
    with pytest.raises(GradcmpError) as caught:
        hand_out([verdict], targets, lambda: [][1])
    report, screen = str(caught.value).splitlines()
    assert report.startswith("the report 'junit' could not be made: internal error: KeyError: 'o'")
    assert screen.startswith("the screen could not be made: internal error: IndexError: list index")
    assert caught.value.exit_code == 3
    assert {file.name for file in tmp_path.iterdir()} == {"json", "html"}


@pytest.mark.parametrize("name", ["o.json", "n" * 255, "é" * 127])
def test_what_a_killed_run_has_left_blocks_none(name, tmp_path, monkeypatch):
    """Whatever number the process bears, and however long the name is."""
    monkeypatch.chdir(tmp_path)
    require_writable(name)
    monkeypatch.setattr("pathlib.Path.unlink", lambda *_, **__: None)  # as SIGKILL would
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: None)
    write(name, "killed")
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    require_writable(name)
    write(name, "whole")
    assert Path(name).read_text() == "whole"


def test_a_name_that_is_too_long_for_a_file_is_refused_at_once(tmp_path):
    with pytest.raises(UsageError, match="File name too long"):
        require_writable(str(tmp_path / ("n" * 256)))
