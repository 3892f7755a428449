"""A plug-in that is broken is a line of its own: its code is imported in its worker alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gradcmp.backends import backend_names

pytestmark = pytest.mark.processes

GOOD = """
from gradcmp.backends.numpy import NumpyBackend

class Mine(NumpyBackend):
    name = "{name}"
    modes = ("plain", "other")
"""

# By fault: the module of the plug-in, and what must be said of it.
BROKEN: Mapping[str, tuple[str, str]] = {
    "fails": ("import no_such_framework", "ModuleNotFoundError: No module named 'no_such"),
    "syntax": ("def", "SyntaxError: "),
    "raises": ("raise ValueError('torn')", "ValueError: torn"),
    "nameless": ("", "the entry point of backend 'nameless' is 'plugin_nameless:Mine', which is"),
    "function": ("def Mine(device): pass", "which is not a Backend"),
    "leaves": ("import sys; sys.exit()", "SystemExit"),
    "leaves_with_0": ("import sys; sys.exit(0)", "SystemExit: 0"),
    "interrupts": ("raise KeyboardInterrupt", "'interrupts' was killed by SIGINT"),
    "vanishes": ("import os; os._exit(0)", "backend 'vanishes' exited with status 0"),
    "segfaults": (
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "backend 'segfaults' was killed by SIGSEGV",
    ),
    "bare": (
        "from gradcmp.backends.base import Backend\nclass Mine(Backend): pass",
        "AttributeError: ",
    ),
    "odd_devices": (GOOD + "    def devices(self): return [object()]", "TypeError: "),
    "odd_facts": (
        GOOD + "    def environment(self): return {'cores': 2}",
        "an invalid 'environment' for 'cores'",
    ),
    "closes": (GOOD + "import os\nos.closerange(3, 100)", "backend 'closes' "),
    "prints": (
        GOOD + '\nprint(\'{"word": "ready"}\' * 9999, flush=True)\n1/0',
        "ZeroDivisionError",
    ),
}


ENDLESS = {
    "hangs": ("import time; time.sleep(600)", "backend 'hangs' did not come up within 3 s"),
    "loops": ("while True: pass", "backend 'loops' did not come up within 3 s"),
}


def install(folder: Path, modules: Mapping[str, str]) -> dict[str, str]:
    """Install plug-ins that take note when they run; return the environment that has them."""
    for name, source in modules.items():
        text = source.replace("{name}", name)
        note = f"open(r'{folder}/ran', 'a').write('{name} ')"
        (folder / f"plugin_{name}.py").write_text(f"{note}\n{text}\n")
        info = folder / f"plugin_{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: plugin-{name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[gradcmp.backends]\n{name} = plugin_{name}:Mine\n")
    return {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "300"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Return an environment with a good plug-in and the broken ones."""
    broken = {name: source for name, (source, _) in (BROKEN | ENDLESS).items()}
    return install(tmp_path_factory.mktemp("plugins"), {"good": GOOD, **broken})


@pytest.fixture
def command(installed, tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "gradcmp", *arguments],
            env=installed,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def listing(folder: Path, modules: Mapping[str, str], *options: str) -> list[str]:
    """Return what ``gradcmp backends`` says when they are installed."""
    done = subprocess.run(
        [sys.executable, "-m", "gradcmp", "backends", *options],
        env=install(folder, modules),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    broken = {name: source for name, (source, _) in BROKEN.items()}
    return listing(tmp_path_factory.mktemp("listed"), {"good": GOOD, **broken})


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_listed_with_its_fault(name, listed):
    (line,) = [line for line in listed if line.split()[0] == name]
    assert BROKEN[name][1] in line


def test_one_that_never_loads_is_listed_in_its_time(tmp_path):
    sources = {name: source for name, (source, _) in ENDLESS.items()}
    lines = listing(tmp_path, sources, "--loading", "3")
    for name, (_, words) in ENDLESS.items():
        assert any(line.startswith(name) and words in line for line in lines)


def test_the_others_are_listed_as_ever(listed):
    (good,) = [line for line in listed if line.startswith("good ")]
    assert "plain, other" in good
    assert "cpu" in good
    assert any(line.startswith("numpy ") and "manual" in line for line in listed)


CONFIG = """
inputs: {X: {kind: normal, shape: [3]}}
graph: {node1: tanh(X) * X}
backends:
  - numpy
  - good
  - {name: good, mode: other}
"""


@pytest.mark.first(1)
@pytest.mark.parametrize("required", ["true", "false"])
def test_a_run_goes_on_beside_them(required, command, tmp_path):
    """Optional is for absence: what is there and fails is a failure."""
    chosen = ("fails", "leaves", "vanishes", "segfaults", "loops")
    patience = {"loops": ", loading: 3"}  # the others end by themselves, on a busy machine late
    lines = [
        f"  - {{name: {one}, required: {required}{patience.get(one, '')}}}\n" for one in chosen
    ]
    (tmp_path / "case.yaml").write_text(CONFIG + "".join(lines))
    done = command("run", "case.yaml", "--json", "out.json", "--report", "junit=out.xml")
    assert done.returncode == 3, done.stderr
    (case,) = json.loads((tmp_path / "out.json").read_text())["cases"]
    assert [one["label"] for one in case["backends"]] == ["numpy", "good", "good:other"]
    said = {one["backend"]: one["message"] for one in case["failures"]}
    assert tuple(said) == chosen
    for name, message in said.items():
        assert (BROKEN | ENDLESS)[name][1] in message
    junit = (tmp_path / "out.xml").read_text()
    assert junit.count("<error") == len(chosen)
    assert "<skipped" not in junit


@pytest.mark.thorough
def test_the_ops_are_listed_whatever_plugins_do(command):
    """Each is asked in a process of its own; one that crashes, exits or hangs computes none."""
    done = command("ops")
    assert done.returncode == 0, done.stderr
    assert "matmul" in done.stdout
    assert "backend 'hangs' cannot be asked which ops it computes: it did not answer" in done.stderr
    assert all(line.startswith("backend '") for line in done.stderr.splitlines())


def test_of_a_plugin_that_cannot_be_asked_the_ops_say_why(tmp_path):
    modules = {name: BROKEN[name][0] for name in ("fails", "vanishes", "segfaults")}
    done = subprocess.run(
        [sys.executable, "-m", "gradcmp", "ops"],
        env=install(tmp_path, {"good": GOOD, **modules}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = sorted(done.stderr.splitlines())
    begins = [
        f"backend '{name}' cannot be asked which ops it computes: {why}"
        for name, why in (
            ("fails", "its process exited with status 1 (ModuleNotFoundError: No module named"),
            ("segfaults", "its process was killed by SIGSEGV"),
            ("vanishes", "it answered nonsense"),
        )
    ]
    assert done.returncode == 0, done.stderr
    assert all(line.startswith(begin) for line, begin in zip(said, begins, strict=True)), said


@pytest.mark.parametrize(
    "arguments", [("run", "-b", "numpy", "-b", "numpy,dtype=float32"), ("schema",)]
)
def test_whoever_does_not_ask_for_one_runs_none(arguments, command, installed):
    ran = Path(installed["PYTHONPATH"], "ran")
    ran.unlink(missing_ok=True)
    assert command(*arguments).returncode == 0
    assert not ran.exists()


def test_a_mode_that_a_plugin_lacks_is_its_verdict(command, tmp_path):
    """Nobody but its worker knows its modes."""
    (tmp_path / "case.yaml").write_text(CONFIG + "  - {name: good, mode: typo}\n")
    done = command("run", "case.yaml")
    assert done.returncode == 3, done.stderr
    assert "backend 'good' has no mode 'typo' here. Choose from other, plain." in done.stdout


def test_a_package_whose_entry_points_cannot_be_read_brings_nothing(tmp_path, monkeypatch):
    for name, content in {
        "torn": b"\xff\xfe",
        "odd": b"[gradcmp.backends]\nno equals sign",
    }.items():
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_bytes(content)
    install(tmp_path, {"good": GOOD})
    monkeypatch.syspath_prepend(tmp_path)
    assert backend_names()[-1] == "good"
    assert not (tmp_path / "ran").exists()
