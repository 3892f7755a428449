"""The repository's own workflow and hooks: pinned, complete, and what a developer runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import gradcmp

ROOT = Path(__file__).resolve().parent.parent
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
ACTION = (ROOT / "action.yml").read_text("utf-8")
JOBS = yaml.safe_load(WORKFLOW)["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]


def loose(steps):
    """Return the actions that a tag or a branch could turn into others."""
    used = [step["uses"] for step in steps if "uses" in step and step["uses"] != "./"]
    return [one for one in used if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", one)]


def test_actions_are_pinned():
    assert loose(STEPS) == []
    assert loose(yaml.safe_load(ACTION)["runs"]["steps"]) == []
    assert loose([{"uses": "actions/checkout@v7"}]) == ["actions/checkout@v7"]
    for line in re.findall(r"uses: \S+@.*", WORKFLOW + ACTION):
        assert re.search(r"@[0-9a-f]{40}  # v\d+\.\d+\.\d+$", line), line


def test_the_workflow_may_only_read():
    assert yaml.safe_load(WORKFLOW)["permissions"] == {"contents": "read"}
    assert not [step for step in STEPS if "${{ github.event" in str(step)]  # a title is no command


def test_linux_runs_all_of_it():
    assert {"run": "bash .ci/run"} in JOBS["full"]["steps"]


def test_every_python_that_is_promised_is_tried():
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    promised = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project)
    matrix = JOBS["quick"]["strategy"]["matrix"]
    assert matrix["python"] == promised
    assert f'requires-python = ">={promised[0]}"' in project
    assert {re.split("-", one)[0] for one in matrix["os"]} == {"macos", "windows"}


def test_the_action_is_used_on_the_repository_itself():
    (step,) = (step for step in STEPS if step.get("uses") == "./")
    known = yaml.safe_load(ACTION)["inputs"]
    assert set(step["with"]) <= set(known)
    for path in step["with"]["paths"].split():
        assert (ROOT / path).exists()


def test_the_hook_of_the_manual_is_of_this_version():
    page = (ROOT / "docs" / "ci.md").read_text("utf-8")
    assert f"rev: v{gradcmp.__version__}\n" in page


# ---- the hooks of a developer


def test_the_hooks_run_what_make_lint_runs():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    tools = re.findall(
        r"^\t\$\(BIN\)/([\w-]+)", makefile.split("\nlint:")[1].split("\n\n")[0], re.M
    )
    assert len(set(tools)) >= 3
    entries = " ".join(hook["entry"] for repo in HOOKS for hook in repo["hooks"])
    for tool in tools:
        assert f".ci/tool {tool}" in entries


def test_no_hook_is_fetched():
    assert [repo["repo"] for repo in HOOKS] == ["local"]
    assert all(hook["language"] == "script" for repo in HOOKS for hook in repo["hooks"])


@pytest.mark.processes
@pytest.mark.skipif(os.name == "nt", reason="Git for Windows brings the shell, not this PATH")
@pytest.mark.parametrize(
    ("text", "hook", "code"),
    [
        ("x = 1\n", "trailing-whitespace", 0),
        ("x = 1 \n", "trailing-whitespace", 1),
        ("import os\n", "ruff", 1),
        ("x  = 1\n", "ruff-format", 1),
    ],
)
def test_a_hook_notices(text, hook, code, tmp_path):
    """In a repository of its own, without this environment on the path."""
    pytest.importorskip("pre_commit")
    git = shutil.which("git") or pytest.skip("git is not installed")
    for name in (".ci", ".pre-commit-config.yaml", "pyproject.toml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (tmp_path / "a.py").write_text(text)
    for arguments in (["init", "-q"], ["add", "a.py"]):
        subprocess.run([git, *arguments], cwd=tmp_path, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", hook, "--files", "a.py"],
        cwd=tmp_path,
        env={"PATH": f"{Path(git).parent}:/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr


def test_other_systems_run_what_make_quick_runs():
    (quick,) = (step["run"] for step in JOBS["quick"]["steps"] if "pytest" in step.get("run", ""))
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (here,) = re.findall(r"pytest (.*)", makefile.split("\nquick:")[1].split("\n\n")[0])
    assert quick == f"python -m pytest {here.replace('-q ', '')}"
