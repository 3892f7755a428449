"""No command imports what lies in the current directory, whatever it is called."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from gradcmp.cli import cli

pytestmark = [pytest.mark.processes, pytest.mark.slow]
CASE = """\
inputs: {X: normal:4x3}
graph: {h: X @ transpose(X), y: sum(exp(h))}
backends: [numpy, "numpy,dtype=float32", {name: numpy, dtype: float32, python: PYTHON}]
"""
PLUGIN = "from gradcmp.backends.numpy import NumpyBackend\nclass Mine(NumpyBackend): name = 'mine'"
KNOWN = {*sys.stdlib_module_names, *packages_distributions(), "mine", "sitecustomize"}
NAMES = sorted(name for name in KNOWN if name.isidentifier() and name != "gradcmp")
REPORTS = ("junit=o.xml", "markdown=o.md", "sarif=o.sarif", "html=o.html", "json=o.json", "github")
# Every command; what one leaves those after it read.
FUNCTIONS = """
def one(x):
    return x.sum(), (0 * x + 1,)


two = one
"""
HERE = "numpy=configs/f.py"
LINES: Mapping[str, tuple[str, ...]] = {
    "run": ("run", "configs", "--repeat", "2", "--isolate", "--record-golden", "golden"),
    "check": ("check", "--jobs", "2", *(word for one in REPORTS for word in ("--report", one))),
    "call": (
        "call",
        "numpy=configs/f.py:one",
        "--against",
        "numpy=configs/f.py:two",
        "-i",
        "x=ones:3",
    ),
    "expr": ("expr", "sum(X)", "-i", "X=normal:3", "-b", "numpy", "-b", "mine"),
    "record": ("record", "-b", "numpy,dtype=float32", "-o", "b.safetensors"),
    "diff": ("diff", "golden", "golden"),
    "rejudge": ("rejudge", "golden"),
    "selftest": ("selftest", "configs"),
    "explain": ("explain", "configs", "--script", "numpy", "-o", "o.py", "--notebook", "n.ipynb"),
    "validate": ("validate", "configs"),
    "backends": ("backends",),
    "ops": ("ops",),
    "conventions": ("conventions",),
    "schema": ("schema",),
    "completion": ("completion", "bash"),
}
STARTS: Mapping[str, Callable[[], list[str]]] = {
    "gradcmp": lambda: [str(Path(sys.executable).with_name("gradcmp"))],
    "python -m": lambda: [sys.executable, "-m", "gradcmp"],
}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Return directories with cases and a trap for every name, by how gradcmp is started."""
    site = tmp_path_factory.mktemp("site")
    (site / "mine.py").write_text(PLUGIN)
    info = site / "mine-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[gradcmp.backends]\nmine = mine:Mine\n")
    found = {"site": site}
    for start in STARTS:
        folder = found[start] = tmp_path_factory.mktemp("here")
        (folder / "configs").mkdir()
        (folder / "configs" / "a.yaml").write_text(CASE.replace("PYTHON", sys.executable))
        (folder / "configs" / "f.py").write_text(FUNCTIONS)
        for name in NAMES:
            trap(folder, name)
        if start == "gradcmp":
            trap(folder, "gradcmp")
        else:
            spring(folder)
    return found


def trap(folder: Path, name: str) -> None:
    note = f"open(r'{folder}/ran', 'a').write('{name} ')\n"
    (folder / f"{name}.py").write_text(note)


def spring(folder: Path) -> None:
    """Take away what Python imports for ``-m`` before any program, which none can prevent."""
    (folder / "empty.py").touch()
    ran = folder / "ran"
    while True:
        subprocess.run([sys.executable, "-m", "empty"], cwd=folder, check=False)
        if not ran.exists():
            return
        for name in ran.read_text().split():
            (folder / f"{name}.py").unlink()
        ran.unlink()


def run(start: str, places: Mapping[str, Path], *arguments: str) -> tuple[int, str]:
    """Run a command, make sure that nothing was imported, and return the exit code and stderr."""
    here = places[start]
    done = subprocess.run(
        [*STARTS[start](), *arguments],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(places["site"])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    ran = here / "ran"
    assert not ran.exists(), ran.read_text()
    assert "internal error" not in done.stderr, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


def test_every_command_is_tried() -> None:
    assert {*LINES} == {*cli.commands}


@pytest.mark.first(1)
@pytest.mark.parametrize("start", STARTS)
def test_no_command_imports_the_current_directory(
    start: str, places: Mapping[str, Path], every_framework: None
) -> None:
    np = pytest.importorskip("numpy")
    np.save(places[start] / "configs" / "x.npy", np.ones(3))
    for name, line in LINES.items():
        if name == "backends" and start == "python -m":
            continue  # half a minute, for processes that start as all others do
        code, errors = run(start, places, *line)
        assert code == 0, (line, errors)


def test_a_shell_that_completes_imports_nothing_of_it_either(places: Mapping[str, Path]) -> None:
    here = places["gradcmp"]
    for words in ("gradcmp run configs/a.yaml --case ", "gradcmp run --backend mi"):
        done = subprocess.run(
            STARTS["gradcmp"](),
            cwd=here,
            env={
                **os.environ,
                "PYTHONPATH": str(places["site"]),
                "_GRADCMP_COMPLETE": "bash_complete",
                "COMP_WORDS": words,
                "COMP_CWORD": str(len(words.split(" ")) - 1),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.startswith("plain,"), done.stderr
        assert not (here / "ran").exists()


@pytest.mark.parametrize("name", ["numpy", "gradcmp", "mine"])
def test_the_traps_work(name: str, places: Mapping[str, Path], tmp_path: Path) -> None:
    """Sabotage: started as Python starts ``-c``, each of them is imported."""
    trap(tmp_path, name)
    subprocess.run([sys.executable, "-c", f"import {name}"], cwd=tmp_path, check=True)
    assert (tmp_path / "ran").read_text() == f"{name} "
