"""Layouts of functions that run in workers, asked for in configs and on the command line."""

import pytest

from gradcmp.cli import main
from gradcmp.errors import ExitCode

KERNELS = """
import os

import torch


def eager(x, w):
    return torch.tanh(x * w)


class Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        y = torch.tanh(x * w)
        ctx.save_for_backward(x, w, y)
        return y

    @classmethod
    def backward(cls, ctx, dy):
        x, w, y = ctx.saved_tensors
        dz = cls.taken(dy) * (1 - y * y)
        return dz * w, (dz * x).sum(0)

    @staticmethod
    def taken(dy):
        return dy


class Strideless(Fused):
    @staticmethod
    def taken(dy):
        return dy.as_strided(dy.shape, torch.empty(dy.shape).stride())


class Crashes(Fused):
    @staticmethod
    def taken(dy):
        if not dy.is_contiguous():
            os.abort()
        return dy
"""
CONFIG = """
name: tanh
inputs: {x: normal:8x6, w: normal:6}
layouts: all
code:
  eager: {torch: kernels.py:eager}
  fused: {torch: kernels.py:Fused.apply}
  strideless: {torch: kernels.py:Strideless.apply}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "kernels.py").write_text(KERNELS)
    (tmp_path / "case.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder", "with_torch")
def test_a_config_finds_what_a_layout_makes_wrong(capsys):
    assert main(["run", "case.yaml"]) == ExitCode.DISAGREE
    said = " ".join(capsys.readouterr().out.split())
    assert "LAYOUT strideless: wrong with a cotangent expanded along axis 0" in said
    assert "row 1 of 8 is right" in said
    assert "likely cause: the cotangent is read as if it were contiguous" in said
    assert "LAYOUT fused" not in said
    assert "tanh: strideless is wrong with an expanded cotangent" in said


def asked(function, *options):
    given = ["-i", "x=normal:8x6", "-i", "w=normal:6", *options]
    return ["call", f"kernels.py:{function}.apply", "--against", "kernels.py:eager", *given]


@pytest.mark.thorough
@pytest.mark.usefixtures("folder", "with_torch")
def test_the_command_line_chooses(capsys):
    assert main(asked("Fused", "--layouts", "all")) == ExitCode.AGREE
    assert main(asked("Strideless", "--layouts", "off")) == ExitCode.AGREE
    assert main(asked("Strideless")) == ExitCode.DISAGREE


@pytest.mark.usefixtures("folder", "with_torch")
def test_a_crash_is_the_verdict_of_its_layout(capsys):
    assert main(asked("Crashes")) == ExitCode.DISAGREE
    said = " ".join(capsys.readouterr().out.split())
    assert "LAYOUT Crashes: fails with an expanded cotangent" in said
    assert "SIGABRT" in said


@pytest.mark.usefixtures("folder", "with_torch")
def test_a_graph_has_no_layouts(folder, capsys):
    (folder / "graph.yaml").write_text("inputs: {x: normal:3}\ngraph: {y: x*x}\nlayouts: all")
    assert main(["run", "graph.yaml"]) == ExitCode.USAGE
    assert "layouts: all, and a graph" in " ".join(capsys.readouterr().err.split())
