"""Scripts that show what disagrees, run where gradcmp cannot be imported."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from gradcmp.cli import main

pytestmark = pytest.mark.processes

ALONE = """\
import runpy, sys
sys.modules["gradcmp"] = None  # importing it fails
runpy.run_path(sys.argv[1], run_name="__main__")
"""
SQUARES = """\
import numpy as np
{more}

def right(x, w):
    return (w * x * x).sum(), {{"x": 2 * w * x, "w": (x * x).sum(0)}}


def factor(x):
    return x.dtype.type({factor})


def wrong(x, w):
    y = w * x
    return (y * x).sum(), {{"x": y + y, "w": factor(x) * (x * x).sum(0)}}
"""
PULLBACK = """\
import numpy as np


def right(x):
    return {"y": x * x, "z": 3 * x}, lambda up: {"x": 2 * x * up["y"] + 3 * up["z"]}


def wrong(x):
    return {"y": x * x, "z": 3 * x}, lambda up: {"x": 2 * x * up["y"] - 3 * up["z"]}
"""
SECOND = """\
import torch


def right(x):
    return (x * x * x).sum()


class Cubes(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x * x * x).sum()

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return 3 * dy * x * x.detach()


def wrong(x):
    return Cubes.apply(x)
"""
TORCH = """\
import torch

import gradcmp


class Norm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.linspace(1, 2, 6))

    def forward(self, x):
        return gradcmp.tap("n", x * torch.rsqrt((x * x).mean(-1, keepdim=True))) * self.w


class Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w, x):
        ctx.save_for_backward(x, w)
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True)) * w

    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        r = torch.rsqrt((x * x).mean(-1, keepdim=True))
        dn, n = dy * w, x * r
        return SIGN * (dy * n).sum(0), r * (dn - n * (dn * n).mean(-1, keepdim=True))


class Wrong(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.linspace(1, 2, 6))

    def forward(self, x):
        return Fused.apply(self.w, x)


def eager(x, w):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True)) * w


SIGN = -1.0
"""
OTHERS = {
    "jax": """\
import jax
import jax.numpy as jnp


def right(x):
    return jnp.tanh(x), x.sum()


@jax.custom_vjp
def tanh(x):
    return jnp.tanh(x)


def forward(x):
    return jnp.tanh(x), x


def backward(x, dy):
    return (-dy * (1 - jnp.tanh(x) ** 2),)


def wrong(x):
    tanh.defvjp(forward, backward)
    return tanh(x), x.sum()
""",
    "tensorflow": """\
import tensorflow as tf


def right(x):
    return tf.tanh(x)


@tf.custom_gradient
def wrong(x):
    return tf.tanh(x), lambda dy: -dy * (1 - tf.tanh(x) ** 2)
""",
}


def alone(script):
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(script)], capture_output=True, text=True, timeout=300
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def call(name, *inputs, actual="wrong", expected="right", options=()):
    given = [word for one in inputs for word in ("-i", one)]
    asked = ["call", f"{name}:{actual}", "--against", f"{name}:{expected}", *given]
    return main([*asked, "--script", "bug.py", *options])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_fails_alone_and_passes_once_the_function_is_right(folder, capsys):
    (folder / "f.py").write_text(SQUARES.format(more="", factor=-1))
    assert call("f.py", "x=normal:4x3", "w=ones:3") == 1
    assert "wrote 'bug.py': d w of wrong" in " ".join(capsys.readouterr().err.split())
    text = (folder / "bug.py").read_text()
    assert "def factor(x):" in text  # what it needs is inlined
    (folder / "f.py").unlink()
    code, said = alone(folder / "bug.py")
    assert code == 1
    assert "d w[" in said
    assert "actual      -" in said
    (folder / "bug.py").write_text(text.replace("x.dtype.type(-1)", "x.dtype.type(1)"))
    assert alone(folder / "bug.py")[0] == 0


def test_what_needs_a_file_beside_it_is_imported_from_its_file(folder):
    (folder / "f.py").write_text(SQUARES.format(more="from other import *", factor="ONE"))
    (folder / "other.py").write_text("ONE = 1.01\n")
    (folder / "scripts").mkdir()
    script = folder / "scripts" / "bug.py"
    options = ["--script", "scripts/bug.py"]
    assert call("f.py", "x=normal:4x3", "w=ones:3", options=options) == 1
    assert 'load(Path(__file__).parent / "../f.py", "wrong")' in script.read_text()
    assert alone(script)[0] == 1
    (folder / "other.py").write_text("ONE = 1\n\n")
    assert alone(script)[0] == 0


def test_a_large_seeded_input_is_spelled_out_and_numbers_of_a_file_lie_beside(folder, capsys):
    (folder / "f.py").write_text(SQUARES.format(more="", factor=-1))
    np.save(folder / "w.npy", np.random.default_rng(0).normal(size=300))
    config = (
        "inputs: {x: normal:40x300, w: {kind: file, file: w.npy}}\n"
        "code:\n  right: {numpy: f.py:right}\n  wrong: {numpy: f.py:wrong}\n"
    )
    (folder / "case.yaml").write_text(config)
    assert main(["run", "case.yaml", "--script", "bug.py"]) == 1
    assert "and 'bug.npz' with its arrays" in " ".join(capsys.readouterr().err.split())
    text = (folder / "bug.py").read_text()
    assert "rng('x', 0).standard_normal((40, 300))" in text.replace('"', "'")
    assert {*np.load(folder / "bug.npz")} == {"w"}
    assert len(text) < 6000
    assert alone(folder / "bug.py")[0] == 1


def test_several_outputs_and_their_cotangents(folder):
    (folder / "f.py").write_text(PULLBACK)
    assert call("f.py", "x=normal:40x30") == 1
    assert "rng('/cotangent/z', 0)" in (folder / "bug.py").read_text().replace('"', "'")
    code, said = alone(folder / "bug.py")
    assert (code, "d x[" in said) == (1, True)


@pytest.mark.frameworks
def test_what_is_beyond_the_gradient_is_in_no_script(folder, with_torch, capsys):
    (folder / "f.py").write_text(SECOND)
    assert call("f.py", "x=normal:4", options=["--derivative", "hvp", "--script", "bug.py"]) == 1
    assert "what disagrees is the hvp" in " ".join(capsys.readouterr().err.split())
    assert not (folder / "bug.py").exists()


def test_nothing_is_written_where_nothing_disagrees(folder, capsys):
    (folder / "f.py").write_text(PULLBACK)
    assert call("f.py", "x=normal:4", actual="right") == 0
    assert "was not written: no two functions disagree" in capsys.readouterr().err
    assert not (folder / "bug.py").exists()
    assert main(["run", "-b", "numpy", "-b", "numpy,dtype=float32", "--script", "bug.py"]) == 0
    assert "no case is of functions" in capsys.readouterr().err
    assert call("f.py", "x=normal:4", options=["--script", "bug.txt"]) == 2


@pytest.mark.first(1)
@pytest.mark.usefixtures("with_torch")
@pytest.mark.parametrize(
    ("actual", "expected", "inputs", "dtype"),
    [
        ("Fused.apply", "eager", ["x=normal:8x6", "w=ones:6"], "float32"),
        ("Wrong", "Norm", ["x=normal:8x6"], "bfloat16"),
    ],
)
def test_torch(actual, expected, inputs, dtype, folder):
    (folder / "f.py").write_text(TORCH)
    assert call("f.py", *inputs, actual=actual, expected=expected, options=["--dtype", dtype]) == 1
    code, said = alone(folder / "bug.py")
    assert (code, "d w[" in said) == (1, True)
    text = (folder / "bug.py").read_text()
    (folder / "bug.py").write_text(text.replace("SIGN = -1.0", "SIGN = 1.0"))
    assert alone(folder / "bug.py")[0] == 0


@pytest.mark.first(1)
@pytest.mark.parametrize("name", OTHERS)
def test_other_frameworks(name, need, folder):
    need(name)
    (folder / "f.py").write_text(OTHERS[name])
    assert call("f.py", "x=normal:5x4") == 1
    code, said = alone(folder / "bug.py")
    assert (code, "d x[" in said) == (1, True)
    text = (folder / "bug.py").read_text()
    (folder / "bug.py").write_text(text.replace("-dy", "dy"))
    assert alone(folder / "bug.py")[0] == 0
