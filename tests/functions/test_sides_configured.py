"""A config hands the parameters of one function to others."""

import pytest

import gradcmp
from gradcmp.config import load_text
from gradcmp.errors import ConfigError

pytestmark = pytest.mark.frameworks

MODULE = """
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.fc = torch.nn.Linear(4, 3)

    def forward(self, x):
        return torch.tanh(self.fc(x))
"""
PORT = """
import jax.numpy as jnp

import gradcmp


def port(x, W, b, scale):
    return jnp.tanh(gradcmp.tap("z", x @ W + b)) * scale["of"][0]


def kernels(given):
    return {"W": given["fc.weight"].T, "b": given["fc.bias"]}


def plain(x, W, b, scale):
    return port(x, W.T, b, scale)
"""
CONFIG = """
inputs: {x: normal:6x4, scale.of.0: ones:3}
code:
  torch: {torch: net.py:scaled}
  handed: {jax: port.py:port, parameters: port.py:kernels, taps: {z: net.fc}}
  named: {jax: port.py:plain, parameters: {net.fc.weight: W, net.fc.bias: b}}
"""


@pytest.mark.thorough
def test_a_config_hands_parameters_over(tmp_path, monkeypatch, with_torch):
    module = MODULE + (
        "\n\nclass Scaled(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.net = Net()\n\n    def forward(self, x, scale):\n"
        "        return self.net(x) * scale['of'][0]\n\n\nscaled = Scaled()\n"
    )
    port = PORT.replace('given["fc', 'given["net.fc')
    (tmp_path / "net.py").write_text(module)
    (tmp_path / "port.py").write_text(port)
    (tmp_path / "case.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    (case,) = gradcmp.load("case.yaml")
    verdict = gradcmp.run(case)
    assert verdict.agrees
    assert not verdict.failures
    assert {*verdict.tensors} >= {"net.fc", "d net.fc", "d net.fc.weight", "d scale.of.0"}
    (tmp_path / "port.py").write_text(port.replace("+ b)", "+ 2 * b)"))
    wrong = gradcmp.run(case)
    assert not wrong.agrees
    assert {d.origin for by in wrong.divergences.values() for d in by.values()} >= {"net.fc"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CONFIG.replace("port.py:kernels", "port.py"), "parameters is 'port.py', which does not"),
        (CONFIG.replace("scale.of.0", "scale..0"), "cannot be the name"),
        (CONFIG.replace("scale.of.0", "scale.if"), "cannot be the name"),
        (CONFIG.replace("taps: {z: net.fc}", "taps: [z]"), "taps"),
    ],
)
def test_bad_configs(text, said):
    with pytest.raises(ConfigError, match=said):
        load_text(text, "case.yaml")
