"""Modes of functions in a config and on the command line."""

import json

import pytest

from gradcmp.case import BackendSpec, CodeSpec
from gradcmp.cli import main
from gradcmp.config import load_text, parse_code
from gradcmp.errors import ConfigError, ExitCode, GradcmpError

KERNELS = """
import torch


def norm(x, w):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * w


def wrong(x, w):
    return norm(x.detach() if torch.compiler.is_compiling() else x, w)
"""
CONFIG = """
name: norm
inputs: {x: normal:8x6, w: ones:6}
code:
  eager: {torch: kernels.py:norm}
  compiled: {torch: kernels.py:norm, mode: aot_eager}
  lower: {torch: kernels.py:norm, autocast: bfloat16}
reference: eager
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "kernels.py").write_text(KERNELS)
    (tmp_path / "case.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_config_says_the_mode():
    (case,) = load_text(CONFIG, "case.yaml")
    assert case.code["compiled"].backend.mode == "aot_eager"
    assert case.code["lower"].autocast == "bfloat16"
    assert case.code["eager"].backend.mode is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CONFIG.replace("aot_eager", "aot_eagre"), "no mode 'aot_eagre'. Did you mean 'aot_eager'"),
        (CONFIG.replace("autocast: bfloat16", "autocast: float64"), "must be bfloat16 or float16"),
        (CONFIG.replace("bfloat16", "int8"), "autocast"),
        (
            CONFIG.replace("{torch: kernels.py:norm, autocast", "{jax: kernels.py:norm, autocast"),
            "autocast is torch's, and the function is of jax",
        ),
        (CONFIG.replace("{torch: kernels.py:norm, mode", "{numpy: k.py:f, mode"), "numpy have no"),
    ],
)
def test_bad_modes(text, said):
    with pytest.raises(ConfigError, match=said):
        load_text(text, "case.yaml")


@pytest.mark.parametrize(
    ("text", "label", "spec"),
    [
        ("torch=k.py:f", "f", CodeSpec("k.py:f", BackendSpec("torch"))),
        ("torch:compile=k.py:f", "f:compile", CodeSpec("k.py:f", BackendSpec("torch", "compile"))),
        (
            "torch,autocast=bfloat16,device=cuda=k.py:F.apply",
            "F",
            CodeSpec("k.py:F.apply", BackendSpec("torch", device="cuda"), "bfloat16"),
        ),
        ("jax:jit=a.b:f", "f:jit", CodeSpec("a.b:f", BackendSpec("jax", "jit"))),
    ],
)
def test_the_one_line_form(text, label, spec):
    assert parse_code(text) == (label, spec)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("torhc=k.py:f", "torhc"),
        ("torch:jit=k.py:f", "functions of torch have no mode 'jit'"),
        ("torch,autocast=float64=k.py:f", "must be bfloat16 or float16"),
        ("torch,nonsense=1=k.py:f", "unknown key 'nonsense'"),
        ("torch=k.py", "does not name a function"),
    ],
)
def test_bad_one_line_forms(text, said):
    with pytest.raises(GradcmpError, match=said):
        parse_code(text)


@pytest.mark.thorough
def test_run_and_report(folder, with_torch, capsys):
    assert main(["run", "case.yaml", "--report", "json=-"]) == ExitCode.AGREE
    facts = json.loads(capsys.readouterr().out)["cases"][0]
    modes = {one["label"]: one["environment"].get("mode") for one in facts["backends"]}
    assert modes["compiled"] == "aot_eager"
    assert facts["notes"] == {"lower": ["runs under an autocast: it is compared as bfloat16 is"]}
    assert facts["stages"] == {}


def test_call_names_the_stage(folder, with_torch, capsys):
    asked = ["call", "torch:aot_eager=kernels.py:wrong", "--against", "kernels.py:norm"]
    asked += ["-i", "x=normal:8x6", "-i", "w=ones:6"]
    assert main(asked) == ExitCode.DISAGREE
    said = " ".join(capsys.readouterr().out.split())
    assert "wrong:aot_eager is wrong from aot_eager on: graph capture" in said
