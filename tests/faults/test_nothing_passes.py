"""Backends that are wrong now and then, alone, or not at all there: none of them agrees."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes
CASE = """\
inputs: {{X: normal:4x3}}
graph: {{h: exp(X), k: tanh(h), y: sum(k * k)}}
backends: [numpy, "numpy,dtype=float32", {{name: mine, timeout: 3, required: {required}}}]
"""
PLUGIN = """
import os, time
from dataclasses import replace
from gradcmp.backends.numpy import NumpyBackend

class Mine(NumpyBackend):
    name = "mine"
    runs = 0

    def record(self, *arguments, **options):
        {before}
        found = super().record(*arguments, **options)
        Mine.runs += found.dtype == "float32"
        if not ({when}):
            return found
        wrong = {{n: g * {factor} if n in "Xhk" else g for n, g in found.gradients.items()}}
        return replace(found, gradients=wrong)
"""
RIGHT = {"before": "pass", "when": "False", "factor": "1"}

# What is wrong with the backend, the options that show it, and what must be said; without the
# options it agrees.
HIDDEN: Mapping[str, tuple[dict[str, str], tuple[str, ...], str]] = {
    "changes its sign": (
        {"when": "found.dtype == 'float32' and Mine.runs == 3", "factor": "-1"},
        ("--repeat", "3"),
        "mine is not deterministic: over 3 runs",
    ),
    "wrong by itself": (
        {"when": "len(found.gradients) < 3", "factor": "1.1"},
        ("--isolate",),
        "h and k are wrong by themselves",
    ),
}
# What an optional backend does that is there, and what must be said.
FAILING = {
    "crashes": ("os.abort()", "mine crashed"),
    "leaves": ("os._exit(0)", "mine crashed"),
    "raises": ("raise ValueError('torn')", "mine error"),
    "hangs": ("time.sleep(99)", "mine timeout"),
    "gives nothing": ("return None", "mine error"),
}


def gradcmp(
    folder: Path, plugin: Mapping[str, str], *arguments: str, required: str = "true"
) -> subprocess.CompletedProcess[str]:
    info = folder / "mine-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[gradcmp.backends]\nmine = plugin_mine:Mine\n")
    (folder / "plugin_mine.py").write_text(PLUGIN.format(**{**RIGHT, **plugin}))
    (folder / "a.yaml").write_text(CASE.format(required=required))
    return subprocess.run(
        [sys.executable, "-m", "gradcmp", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("looked_for", [True, False])
def test_what_is_wrong_now_and_then_or_alone_is_found(
    tmp_path: Path, name: str, looked_for: bool
) -> None:
    plugin, options, told = HIDDEN[name]
    done = gradcmp(tmp_path, plugin, "run", "a.yaml", *(options if looked_for else ()))
    assert done.returncode == looked_for, done.stdout + done.stderr
    assert (told in done.stdout) == looked_for


@pytest.mark.parametrize("name", HIDDEN)
def test_a_right_backend_passes_the_same(tmp_path: Path, name: str) -> None:
    done = gradcmp(tmp_path, {}, "run", "a.yaml", *HIDDEN[name][1])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.first(3)
@pytest.mark.parametrize("name", FAILING)
def test_an_optional_backend_that_is_there_and_fails_is_no_success(
    tmp_path: Path, name: str
) -> None:
    before, told = FAILING[name]
    done = gradcmp(tmp_path, {"before": before}, "check", "a.yaml", required="false")
    assert done.returncode == 3, done.stdout + done.stderr
    assert f"could not compare: {told}; the rest agrees" in done.stdout


def test_one_that_is_absent_is_excused(tmp_path: Path) -> None:
    """Sabotage of the above: what fails for any reason would look the same."""
    (tmp_path / "b.yaml").write_text(
        CASE.format(required="false").replace("name: mine", "name: numpy, python: /no/such/python")
    )
    done = gradcmp(tmp_path, {}, "check", "b.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
