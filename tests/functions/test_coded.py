"""Code in a config and on the command line: functions run in workers."""

import numpy as np
import pytest

import gradcmp
from gradcmp.cli import main
from gradcmp.config import load_text
from gradcmp.errors import ConfigError, ExitCode
from gradcmp.native.written import framework_in

KERNELS = """
import os

import torch

SIGN = -1.0


def eager(x, w):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * w


class Fused(torch.autograd.Function):
    sign = 1.0

    @staticmethod
    def forward(ctx, x, w):
        r = torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5)
        ctx.save_for_backward(x, w, r)
        return x * r * w

    @classmethod
    def backward(cls, ctx, dy):
        x, w, r = ctx.saved_tensors
        n, dn = x * r, dy * w
        return r * (dn - n * (dn * n).mean(-1, keepdim=True)), WRONG * (dy * n).sum(0)


WRONG = 1.0


class Norm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.ones(6))

    def forward(self, x):
        return eager(x, self.w)


def crashes(x, w):
    os.abort()


def nothing(x, w):
    return None


class Torn(Fused):
    @staticmethod
    def backward(ctx, dy):
        return ctx.saved_tensors[3]
"""
BY_HAND = """
import numpy as np


def by_hand(x, w):
    r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + np.asarray(1e-5, x.dtype))
    n = x * r

    def pullback(dy):
        dn = dy * w
        return {"x": r * (dn - n * (dn * n).mean(-1, keepdims=True)), "w": (dy * n).sum(0)}

    return n * w, pullback
"""
CONFIG = """
name: rmsnorm
inputs: {x: normal:8x6, w: ones:6}
code:
  eager: {torch: kernels.py:eager}
  fused: {torch: kernels.py:Fused.apply}
  by_hand: {numpy: by_hand.py:by_hand}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "kernels.py").write_text(KERNELS)
    (tmp_path / "by_hand.py").write_text(BY_HAND)
    (tmp_path / "case.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def spoil(folder):
    (folder / "kernels.py").write_text(KERNELS.replace("WRONG = 1.0", "WRONG = -1.0"))


def test_a_config_of_code_agrees_and_is_found_wrong(folder, with_torch, capsys):
    assert main(["run", "case.yaml"]) == ExitCode.AGREE
    spoil(folder)
    assert main(["check", "case.yaml"]) == ExitCode.DISAGREE
    assert main(["run", "case.yaml"]) == ExitCode.DISAGREE
    said = capsys.readouterr().out
    assert "fused's gradient of w is wrong (bug, not rounding)" in said
    assert "the sign is flipped" in said


def test_a_module_in_a_worker_brings_its_parameters(folder, with_torch, capsys):
    asked = ["call", "kernels.py:Norm", "--against", "kernels.py:Norm", "-i", "x=normal:8x6"]
    assert main(asked) == ExitCode.AGREE
    assert "d w" in capsys.readouterr().out


def test_call_compares_two_functions(folder, with_torch, capsys):
    asked = ["call", "kernels.py:Fused.apply", "--against", "kernels.py:eager"]
    asked += ["-i", "x=normal:8x6", "-i", "w=ones:6", "--dtype", "bfloat16"]
    assert main(asked) == ExitCode.AGREE
    spoil(folder)
    assert main(asked) == ExitCode.DISAGREE
    assert "Fused's gradient of w is wrong (bug, not rounding)" in capsys.readouterr().out


@pytest.mark.first(5)
@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("Torn.apply", "IndexError: tuple index out of range (kernels.py:52, in Torn.backward)"),
        ("crashes", "crashed"),
        ("nothing", "returned None"),
        ("nope", "has no 'nope'"),
        ("SIGN", "cannot be called"),
    ],
)
def test_a_bad_function_is_its_own_verdict(function, said, folder, with_torch, capsys):
    asked = ["call", f"torch=kernels.py:{function}", "--against", "kernels.py:eager"]
    asked += ["-i", "x=normal:8x6", "-i", "w=ones:6"]
    assert main(asked) == ExitCode.COULD_NOT_COMPARE
    assert said in " ".join(capsys.readouterr().out.split())


def test_a_traceback_is_shown_where_it_is_asked_for_alone(folder, with_torch, capsys):
    asked = ["call", "kernels.py:Torn.apply", "--against", "kernels.py:eager"]
    asked += ["-i", "x=normal:8x6", "-i", "w=ones:6"]
    for debug in ([], ["--debug"]):
        assert main([*asked, *debug]) == ExitCode.COULD_NOT_COMPARE
        assert ("return ctx.saved_tensors[3]" in capsys.readouterr().out) == bool(debug)


def test_a_file_that_cannot_be_imported_says_where(folder, with_torch, capsys):
    (folder / "kernels.py").write_text(KERNELS + "\n1 / 0\n")
    assert main(["run", "case.yaml"]) == ExitCode.COULD_NOT_COMPARE
    said = " ".join(capsys.readouterr().out.split())
    assert "ZeroDivisionError: division by zero (kernels.py:" in said


@pytest.mark.processes
def test_a_stranger_s_code_is_refused(folder, capsys):
    assert main(["run", "--no-user-code", "case.yaml"]) == ExitCode.USAGE
    assert "--no-user-code refuses" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["explain", "case.yaml"], "has code and no graph"),
        (["selftest", "case.yaml"], "has code and no graph"),
    ],
)
def test_what_needs_a_graph_says_so(command, said, folder, with_torch, capsys):
    assert main(command) == ExitCode.USAGE
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("with_torch")
def test_backends_of_the_command_line_are_refused(folder, capsys):
    assert main(["run", "-b", "torch", "case.yaml"]) == ExitCode.USAGE
    assert "say who computes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CONFIG.replace("code:", "graph: {y: x*w}\ncode:"), "both 'graph' and 'code'"),
        ("inputs: {x: normal:3}", "no 'graph', and no 'code'"),
        (CONFIG + "backends: [torch]", "no 'backends'"),
        (CONFIG + "reference: eagre", "Did you mean 'eager'"),
        (CONFIG.replace("kernels.py:eager", "kernels.py"), "does not name a function"),
        (CONFIG.replace("{torch: kernels.py:eager}", "{}"), "no framework"),
        (CONFIG.replace("{torch: k", "{jax: a.py:b, torch: k"), "torch and jax"),
        (CONFIG.replace("torch:", "torhc:"), "unknown key"),
    ],
)
def test_bad_configs(text, said):
    with pytest.raises(ConfigError, match=said):
        load_text(text, "case.yaml")


def test_the_python_api_runs_code(folder, with_torch):
    (case,) = gradcmp.load("case.yaml")
    verdict = gradcmp.run(case)
    assert verdict.agrees
    assert verdict.reference == "eager,dtype=float64"
    assert {*verdict.recordings} == {"eager,dtype=float64", "eager", "fused", "by_hand"}
    drawn = verdict.recordings["by_hand"].values["x"]
    np.testing.assert_array_equal(drawn, verdict.recordings["fused"].values["x"])


@pytest.mark.parametrize(
    ("text", "framework"),
    [
        ("import torch\ndef f(x): return torch.relu(x)", "torch"),
        ("import numpy as np\nimport jax.numpy as jnp\ndef f(x): return jnp.abs(x)", "jax"),
        ("import numpy as np\ndef f(x): return np.sum(x), (x,)", "numpy"),
        ("import torch, jax\nfrom jax import lax\ndef f(x): return lax.abs(x)", "jax"),
        ("import tensorflow as tf\nf = tf.function(lambda x: x)", "tensorflow"),
    ],
)
def test_the_framework_is_told_from_the_file(text, framework, tmp_path):
    (tmp_path / "f.py").write_text(text)
    assert framework_in(f"{tmp_path}/f.py:f") == framework


@pytest.mark.parametrize("text", ["def f(x): return x", "import torch, jax\ndef f(x): return x"])
def test_or_it_has_to_be_said(text, tmp_path):
    (tmp_path / "f.py").write_text(text)
    with pytest.raises(gradcmp.GradcmpError, match="cannot be told"):
        framework_in(f"{tmp_path}/f.py:f")
