"""What is wrong with a case is found before anything runs, and said in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from gradcmp.cli import main

pytestmark = pytest.mark.processes

BODY = """
inputs: {{X: {{kind: normal, shape: [3]}}}}
graph: {{node1: "{}"}}
backends: [numpy, {{name: numpy, dtype: float32}}]
"""


def backend(option: str) -> str:
    return BODY.format("X * X").replace("dtype: float32", option)


SOME = "\\udcff"  # how a byte that is not UTF-8 is written

CASES = {  # by text: what is said
    BODY.format("X > 0"): "f.yaml:3: node 'node1': the output is of kind 'bool', and has no gradi",
    BODY.format("take(I, I - 1) * 2")
    .replace("]}}", "]}, I: {values: [1, 2], integer: true}}")
    .replace(
        "{node1", "{a: X * X, node1"
    ): "the output is of kind 'int', and has no gradient. Name",
    BODY.format("where(None, X, X)"): "where: 'condition' is None, and must be an array or a n",
    BODY.format("concat([X, None])"): "concat: 'arrays' is None, and must be an array or a number",
    BODY.format("None + X"): "None stands where an array or a number is needed",
    BODY.format(f"X[{'None, ' * 70}]"): "getitem(X (3,)): the result has 71 axes, and an array may",
    BODY.format(f"reshape(X, (3,{'1, ' * 70}))"): "the result has 71 axes, and an array may have",
    BODY.format("X + D").replace("}\ng", ", D: {file: d.npy}}\ng"): "f.yaml:2: input 'D': it has 6",
    backend('python: "a\\0b"'): "f.yaml:4: backends[1].python is 'a\\x00b', and must be tex",
    backend('device: "a\\0b"'): "f.yaml:4: backends[1].device is 'a\\x00b', and must be tex",
    backend('mode: "a\\nb"'): "f.yaml:4: backends[1].mode is 'a\\nb', and must be text",
}
ARGUMENTS = {  # by arguments: what is said
    ("run", "-b", "nu\udcffmpy"): f"backend is 'nu{SOME}mpy', and must be text in UTF-8",
    ("run", "-b", "numpy,python=/\udcff"): f"backend is 'numpy,python=/{SOME}', and must be text",
    ("run", "-b", "numpy,device=\udcff"): f"backend is 'numpy,device={SOME}', and must be text in",
    ("run", "-b", "numpy,device=a\0b"): "backend.device is 'a\\x00b', and must be text in UTF-8, i",
    ("run", "-b", "numpy,python=a\0b"): "backend.python is 'a\\x00b', and must be text in UTF-8",
    ("expr", "X*X", "-i", "X=normal:3\udcff"): f"inputs.X is 'normal:3{SOME}', and must be text",
    ("expr", "X*X", "-i", "X=file:\udcff.npy"): f"inputs.X is 'file:{SOME}.npy', and must be text",
    ("expr", "X*X\udcff", "-i", "X=normal:3"): "is not an expression of Python",
    ("run", "\udcff.yaml"): "'?.yaml' does not exist",
    ("validate", "odd\udcff.yaml"): f"name is 'odd{SOME}', and must be text in UTF-8",
}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("d.npy", np.ones((1,) * 63 + (3,)))
    return tmp_path


@pytest.mark.parametrize(("text", "words"), CASES.items(), ids=range(len(CASES)))
@pytest.mark.parametrize("command", ["validate", "run", "check"])
def test_a_case(command, text, words, folder, capfd):
    Path("f.yaml").write_text(text)
    assert main([command, "f.yaml"]) == 2
    assert words in capfd.readouterr().err


@pytest.mark.parametrize(("arguments", "words"), ARGUMENTS.items(), ids=range(len(ARGUMENTS)))
def test_a_command_line(arguments, words, folder, capfd):
    Path(os.fsdecode(b"odd\xff.yaml")).write_text(BODY.format("X * X"))
    assert main(arguments) == 2
    assert words in capfd.readouterr().err


def test_half_a_character_in_yaml_is_refused_by_the_parser_in_python_as_well():
    import yaml

    from gradcmp.config.document import parse
    from gradcmp.errors import ConfigError

    with pytest.raises(ConfigError, match=r"f.yaml:1: .* half a character"):
        parse('a: "\\ud800"', "f.yaml", loader=yaml.SafeLoader)
