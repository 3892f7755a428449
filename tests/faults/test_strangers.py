"""Configs, links and modules of a stranger: what each command runs, reads and writes of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from gradcmp.cli import cli, options
from gradcmp.config.foreign import VARIABLE

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(os.name == "nt", reason="the program is a script of a shell"),
]
CASE = """
inputs: {X: normal:4x3}
graph: {y: sum(exp(X))}
backends: [numpy, {name: numpy, dtype: float32, python: ./program}]
"""
SWITCH = "--no-user-code"
# Every command that reads configs, with what else it needs.
READING: Mapping[str, tuple[str, ...]] = {
    "run": (),
    "check": (),
    "record": ("-b", "numpy", "-o", "out.safetensors"),
    "selftest": (),
    "explain": (),
    "validate": (),
}
STARTING = ("run", "check", "selftest")  # those of them that run the backends of a case


def gradcmp(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("gradcmp"), *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with a stranger's config, and a program that takes note when it runs."""
    repository = tmp_path / "repository"
    (repository / "configs").mkdir(parents=True)
    monkeypatch.chdir(repository)
    (repository / "configs" / "a.yaml").write_text(CASE)
    (repository / "program").write_text("#!/bin/sh\ntouch ran\n")
    (repository / "program").chmod(0o755)
    return repository


def test_the_table_has_every_command_that_reads_configs() -> None:
    reading = {
        name
        for name, command in cli.commands.items()
        if any(
            isinstance(one, click.Argument) and one.type is options.CONFIGS
            for one in command.params
        )
    }
    assert reading == {*READING}
    for name in reading:
        assert any(SWITCH in one.opts for one in cli.commands[name].params)


@pytest.mark.first(6)
@pytest.mark.parametrize("command", READING)
@pytest.mark.parametrize("how", ["option", "environment"])
def test_no_command_runs_a_program_of_a_config(here: Path, command: str, how: str) -> None:
    given = ("configs/a.yaml", *READING[command])
    done = (
        gradcmp(command, SWITCH, *given)
        if how == "option"
        else gradcmp(command, *given, **{VARIABLE: "1"})
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(
        "configs/a.yaml:4: backends[1].python is './program': a program, which --no-user-code "
    )
    assert sorted(one.name for one in here.iterdir()) == ["configs", "program"]


@pytest.mark.parametrize("command", STARTING)
def test_without_the_switch_it_runs(here: Path, command: str) -> None:
    """Sabotage: what would never have run proves nothing."""
    gradcmp(command, "configs/a.yaml")
    assert (here / "ran").exists()


def test_jobs_and_watching_refuse_it_too(here: Path) -> None:
    for arguments in (("check", "--jobs", "2", "configs"), ("run", "--watch", "configs")):
        run = subprocess.Popen(
            [Path(sys.executable).with_name("gradcmp"), *arguments, SWITCH],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert run.stdout is not None
        told = ""
        while SWITCH not in told:
            line = run.stdout.readline()
            assert line, told
            told += line
        run.terminate()
        run.communicate(timeout=20)
    assert not (here / "ran").exists()


# ---- links where a report is written


# The command, and the link that a stranger put where it writes.
WRITING: Mapping[str, tuple[tuple[str, ...], str]] = {
    "a report": (("check", "own.yaml", "--report", "junit=gradcmp.xml"), "gradcmp.xml"),
    "JSON": (("run", "own.yaml", "--json", "out.json"), "out.json"),
    "a folder": (("check", "own.yaml", "--report", "junit=reports/out"), "reports"),
    "a recording": (("record", "own.yaml", "-b", "numpy", "-o", "reports/out.npz"), "reports"),
    "golden ones": (("run", "own.yaml", "--record-golden", "golden"), "golden"),
    "a script": (("explain", "own.yaml", "--script", "numpy", "-o", "s.py"), "s.py"),
    "a notebook": (("explain", "own.yaml", "--notebook", "n.ipynb"), "n.ipynb"),
}


FOLDERS = ("reports", "golden")


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder, and of that beside the repository."""
    found = [*folder.glob("*"), *folder.glob("elsewhere/**/*")]
    return {str(one): one.read_bytes() for one in found if one.is_file()}


@pytest.mark.first(7)
@pytest.mark.parametrize("name", WRITING)
@pytest.mark.parametrize("switch", [True, False])
def test_a_link_leads_no_report_out_of_the_repository(here: Path, name: str, switch: bool) -> None:
    (here / "own.yaml").write_text(CASE.replace(", python: ./program", ""))
    arguments, link = WRITING[name]
    folder = link in FOLDERS
    (here / link).symlink_to(here.parent / ("elsewhere" if folder else "profile"))
    (here.parent / "elsewhere").mkdir()
    (here.parent / "profile").write_text("mine")
    before = contents(here.parent)
    done = gradcmp(*arguments, *([SWITCH] if switch else []))
    if switch:
        assert done.returncode == 2
        assert "is a link out of" in done.stderr
    assert (contents(here.parent) == before) == switch  # sabotage: without it something is written


def test_a_link_in_place_of_the_known_disagreements_is_not_quoted(here: Path) -> None:
    (here.parent / "secret").write_text("- hush\n")
    (here / "known.yaml").symlink_to("../secret")
    (here / "own.yaml").write_text(CASE.replace(", python: ./program", ""))
    for switch, word in (([SWITCH], "this is a link out of"), ([], "hush")):
        done = gradcmp("check", "own.yaml", "--expect", "known.yaml", *switch)
        assert done.returncode == 2
        assert word in done.stderr
