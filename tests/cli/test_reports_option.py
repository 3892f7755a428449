"""--report: any number at once, refused before anything runs, whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from gradcmp.cli import main
from gradcmp.cli.files import write
from gradcmp.errors import UsageError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    np.savez("a.npz", x=np.ones(4))
    np.savez("b.npz", x=np.array([1.0, 1.0, 2.0, 1.0]))
    np.savez("evil.npz", **{"::error::pwned": np.ones(4)})
    np.savez("live.npz", **{"::error::pwned": np.zeros(4)})
    return tmp_path


def diff(*arguments, files=("a.npz", "b.npz")):
    return main(["diff", *files, *arguments])


def test_all_of_them_at_once(here, capsys):
    named = ("junit", "json", "markdown", "sarif", "table")
    code = diff(*(part for n in named for part in ("--report", f"{n}=out.{n}")), "--json", "o.json")
    assert code == 1
    assert "disagree" in capsys.readouterr().out  # the screen is there as ever
    assert ElementTree.parse("out.junit").find(".//failure") is not None
    log = json.loads((here / "out.sarif").read_text())
    assert log["runs"][0]["results"][0]["level"] == "error"
    assert json.loads((here / "out.json").read_text())["exit_code"] == 1
    assert (here / "out.json").read_bytes() == (here / "o.json").read_bytes()
    assert "✗ disagree" in (here / "out.markdown").read_text()
    assert "✗ a – b: a and b disagree" in (here / "out.table").read_text()


def test_what_agrees_is_green_in_each(here):
    named = ("junit", "json", "markdown", "sarif")
    arguments = [part for n in named for part in ("--report", f"{n}=out.{n}")]
    assert diff(*arguments, files=("a.npz", "a.npz")) == 0
    assert ElementTree.parse("out.junit").find(".//failure") is None
    assert json.loads((here / "out.sarif").read_text())["runs"][0]["results"] == []
    assert (here / "out.markdown").read_text().startswith("### ✓")


def test_standard_output_belongs_to_one_report(here, capsys):
    diff("--report", "json=-")
    assert json.loads(capsys.readouterr().out)["exit_code"] == 1


def test_github_is_printed_and_summed_up(here, capsys, monkeypatch):
    summary = here / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert diff("--report", "github") == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("::error ")] == lines[-1:]
    assert summary.read_text().startswith("before\n### ✗ gradcmp")


def test_github_takes_nothing_on_the_screen_for_a_command(here, capsys):
    diff("--report", "github", files=("evil.npz", "live.npz"))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    token = lines[0].removeprefix("::stop-commands::")
    assert len(token) >= 16
    shown = lines[1 : lines.index(f"::{token}::")]
    assert any("::error::pwned" in line for line in shown)
    heard = lines[lines.index(f"::{token}::") + 1 :]
    assert len(heard) == 1
    assert heard[0].startswith("::error title=gradcmp")


BAD = [
    (["--report", "junti=o.xml"], "there is no report 'junti'. Did you mean 'junit'?"),
    (["--report", "junit"], "the report 'junit' needs a file. Write junit=FILE."),
    (["--report", "junit="], "the report 'junit' needs a file"),
    (["--report", "github=o.txt"], "the report 'github' is printed, and takes no file"),
    (["--report", "junit=no/o.xml"], "'no/o.xml' cannot be written: there is no directory 'no'"),
    (["--report", "junit=."], "'.' is a directory"),
    (["--report", f"junit={'n' * 300}"], "cannot be written: File name too long"),
    (["--report", "junit=o", "--report", "json=./o"], "two reports go to './o'"),
    (["--report", "junit=o", "--json", "o"], "two reports go to 'o'"),
    (["--report", "junit=link", "--json", "a.npz"], "two reports go to 'a.npz'"),
    (["--report", "github", "--json", "-"], "two reports go to standard output"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
@pytest.mark.parametrize("name", ["run", "check", "diff"])
def test_what_cannot_be_is_refused_before_anything_runs(
    here, capsys, monkeypatch, name, arguments, message
):
    monkeypatch.setattr("gradcmp.workers.Pool.start", None)  # would raise TypeError
    (here / "link").symlink_to("a.npz")
    before = sorted(here.iterdir())
    files = ["a.npz", "b.npz"] if name == "diff" else []
    assert main([name, *files, *arguments]) == 2
    assert message in capsys.readouterr().err
    assert sorted(here.iterdir()) == before


def test_a_summary_that_cannot_be_written(here, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(here / "no" / "summary.md"))
    assert diff("--report", "github") == 2
    assert "summary.md' cannot be written" in capsys.readouterr().err


def test_a_file_is_replaced_whole_or_not_at_all(here, monkeypatch):
    (here / "o").write_text("old")
    write("o", "new")
    assert (here / "o").read_text() == "new"
    assert stat.S_IMODE((here / "o").stat().st_mode) & 0o444 == 0o444  # others may read it

    def fails(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", fails)
    with pytest.raises(UsageError, match="No space left"):
        write("o", "newer")
    assert (here / "o").read_text() == "new"
    assert list(here.glob(".*")) == []


def test_a_link_stays_a_link_and_a_device_a_device(here):
    (here / "link").symlink_to("o")
    write("link", "text")
    assert (here / "link").is_symlink()
    assert (here / "o").read_text() == "text"
    write("/dev/null", "text")
    assert not Path("/dev/null").is_file()


def processes_in(directory):
    """Return the processes that were started there."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            found += [place.parent.name] * (place.readlink() == directory)
    return [process for process in found if process != str(os.getpid())]


SLOW = """
cases:
  - name: quick
    inputs: {X: normal:2x2}
    graph: {y: sum(X * X)}
    backends: [numpy]
  - name: slow
    inputs: {X: normal:3000x3000}
    graph: {y: sum(X @ X @ X @ X @ X @ X @ X @ X @ X)}
    backends: [numpy]
"""


@pytest.mark.first(2)
@pytest.mark.processes
@pytest.mark.parametrize("command", [["run"], ["check"], ["check", "--jobs", "2"]])
def test_an_interrupted_run_leaves_what_is_finished(here, command):
    (here / "slow.yaml").write_text(SLOW)
    code = (
        "import sys, gradcmp.api as api\n"
        "from gradcmp.cli import main\n"
        "run = api.run_plan\n"
        "def told(plan, *rest):\n"
        "    if plan.case.name == 'slow': open('reached', 'w').close()\n"
        "    verdict = run(plan, *rest)\n"
        "    open(plan.case.name, 'w').close()\n"
        "    return verdict\n"
        "api.run_plan = told\n"
        "if __name__ == '__main__': sys.exit(main())\n"
    )
    (here / "told.py").write_text(code)
    arguments = ["slow.yaml", "--report", "junit=o.xml", "--json", "o.json"]
    process = subprocess.Popen(
        [sys.executable, "told.py", *command, *arguments], stderr=subprocess.PIPE, text=True
    )
    for _ in range(600):
        if {"reached", "quick"} <= {
            path.name for path in here.iterdir()
        } or process.poll() is not None:
            break
        time.sleep(0.05)
    time.sleep(1)  # who waits has heard of the first verdict
    assert len(processes_in(here)) > 1
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.split() == ["wrote", "o.xml", "wrote", "o.json", "interrupted"]
    quick, slow = json.loads((here / "o.json").read_text())["cases"]
    assert (quick["name"], quick["verdict"]) == ("quick", "could not compare")  # numpy alone
    assert [one["label"] for one in quick["backends"]] == ["numpy"]
    assert (slow["name"], slow["verdict"]) == ("slow", "could not compare")
    assert slow["failures"][0]["message"] == "the run was interrupted"
    assert ElementTree.parse("o.xml").find(".//error") is not None
    for _ in range(100):
        if not processes_in(here):
            return
        time.sleep(0.05)
    pytest.fail("a process is left behind")
