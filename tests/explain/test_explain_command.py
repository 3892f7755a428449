"""``gradcmp explain``: what it prints and writes, and what it refuses beforehand."""

import os
import subprocess
import sys

import numpy as np
import pytest
from explained import HERE

from gradcmp.backends import idioms
from gradcmp.cli import main
from gradcmp.ops import OPS

LARGE = """\
name: large
inputs:
  T: file:t.npy
graph:
  y: T * T
  out: sum(y)
dtype: float64
"""


@pytest.fixture
def large(tmp_path):
    np.save(tmp_path / "t.npy", np.cos(np.arange(900)).reshape(30, 30))
    (tmp_path / "large.yaml").write_text(LARGE)
    return str(tmp_path / "large.yaml")


def alone(file):
    """Run a script with nothing of gradcmp in reach, and prove it."""
    code = (
        f"import runpy, sys; runpy.run_path({str(file)!r}, run_name='__main__'); "
        "assert not any(name.startswith('gradcmp') for name in sys.modules)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=file.parent,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_the_command_knows_every_framework():
    assert {"tensorflow", "torch", "jax"} <= idioms().keys()


def test_a_derivation_is_plain_text_when_piped(capsys):
    assert main(["explain", str(HERE / "suite.yaml")]) == 0
    printed = capsys.readouterr().out
    assert printed.count("case ") >= 5
    assert "\x1b" not in printed
    assert "dr/dX = dr/dloss · dloss/dloss_1 · dloss_1/dy · dy/dX" in printed
    assert f"VJP of relu: {OPS['relu'].vjp} Here x is X." in printed


@pytest.mark.first(2)
@pytest.mark.parametrize("framework", ["numpy", *idioms()])
def test_a_script_stands_alone(framework, tmp_path, every_framework):
    file = tmp_path / "bug.py"
    assert main(["explain", str(HERE / "seed.yaml"), "--script", framework, "-o", str(file)]) == 0
    assert [one.name for one in tmp_path.iterdir()] == ["bug.py"]
    answer = alone(file)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("numpy ")
    if framework != "numpy":
        assert f"\n{framework} " in answer.stdout
        assert answer.stdout.count("differs from NumPy's by at most") == 4


def test_a_spoilt_script_fails(tmp_path, every_framework):
    file = tmp_path / "bug.py"
    main(["explain", str(HERE / "seed.yaml"), "--script", "torch", "-o", str(file)])
    file.write_text(file.read_text().replace("grad_Y = Y.grad", "grad_Y = 1.001 * Y.grad"))
    answer = alone(file)
    assert answer.returncode == 1
    assert "grad_Y" in answer.stderr
    assert answer.stdout.count("differs from NumPy's by at most") == 4  # all of them, then insist


@pytest.mark.processes
def test_large_arrays_lie_beside(large, tmp_path):
    file = tmp_path / "bug.py"
    assert main(["explain", large, "--script", "numpy", "-o", str(file)]) == 0
    assert np.load(tmp_path / "bug.npz")["T"].shape == (30, 30)
    assert alone(file).returncode == 0


def test_a_script_goes_to_standard_output(capsys):
    assert main(["explain", "--script", "jax"]) == 0
    compile(capsys.readouterr().out, "script.py", "exec")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([str(HERE / "suite.yaml"), "--script", "torch"], "there are 5 cases"),
        (["--case", "sed"], "Did you mean 'seed'?"),
        (["--script", "torhc"], "Did you mean 'torch'?"),
        (["--notebook", "nowhere/out.ipynb"], "there is no directory 'nowhere'"),
        (["--script", "torch", "-o", "nowhere/out.py"], "there is no directory 'nowhere'"),
        (["-o", "out.py"], "--output was given without --script"),
        (["--notebook", "a.ipynb", "--script", "torch", "-o", "a.py"], "nothing but their suffix"),
        (["LARGE", "--script", "torch"], "'T' is too large to be written into a script"),
    ],
)
def test_refused_before_anything_is_written(arguments, said, large, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    assert main(["explain", *(large if one == "LARGE" else one for one in arguments)]) == 2
    assert said in capsys.readouterr().err
    assert set(tmp_path.iterdir()) == before
