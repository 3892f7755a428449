"""What is wrong with a case is found before anything runs, and said in a sentence."""

from __future__ import annotations

import json
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
    ("run", "\udcff.yaml"): f"'{SOME}.yaml' does not exist",
    ("validate", "odd\udcff.yaml"): f"name is 'odd{SOME}', and must be text in UTF-8",
}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("d.npy", np.ones((1,) * 63 + (3,)))
    return tmp_path


@pytest.mark.parametrize(("text", "words"), CASES.items(), ids=range(len(CASES)))
@pytest.mark.parametrize("command", ["validate", "check"])
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


GOOD = BODY.format("tanh(X) * X")
SUITE = f"""
cases:
- name: right
  inputs: {{X: {{kind: normal, shape: [3]}}}}
  graph: {{node1: "tanh(X) * X"}}
  backends: [numpy, {{name: numpy, dtype: float32}}]
- name: wrong
  inputs: {{X: {{kind: normal, shape: [3]}}, Y: {{kind: normal, shape: [4]}}}}
  graph: {{a: "X @ 3", b: "sum(X, 7) + a", c: X + Y}}
- name: beyond memory
  inputs: {{X: {{kind: normal, shape: [{10**9}, 1000]}}}}
  graph: {{a: X * X}}
- name: key
  inputs: {{X: {{kind: normal, shape: [3], stdd: 2}}}}
  graph: {{a: X * X}}
  wrt: [Z]
  dtype: float31
"""


def cut(file: str, length: int) -> None:
    """Leave so many bytes of a file with an array."""
    (np.savez if file.endswith("z") else np.save)(file, np.ones(1000))
    Path(file).write_bytes(Path(file).read_bytes()[:length])


@pytest.fixture
def suite(folder) -> dict[str, str]:
    """Write configs, right and wrong; return what is said of each case that is wrong."""
    Path("a.yaml").write_text(GOOD)
    Path("suite.yaml").write_text(SUITE)
    Path("torn.yaml").write_text("cases: [")
    Path("unread.yaml").write_bytes(b"\xff")
    for file, length in {"body.npy": 500, "head.npy": 20, "end.npz": 500}.items():
        cut(file, length)
        text = GOOD.replace("kind: normal, shape: [3]", f"file: {file}")
        Path(f"{file[:4]}.yaml").write_text(text)
    Path("z.yaml").write_text(GOOD)
    return {
        "wrong": "node 'a': matmul(X (3,), 3 ()): an operand without axes",
        "beyond memory": "values and gradients need 14.55 TiB of memory, and this machine has",
        "key": "unknown key 'stdd' in inputs.X. Did you mean 'std'?",
        "torn": "torn.yaml:2: this is not valid YAML",
        "unread": "unread.yaml: the file is not in UTF-8",
        "body": "'body.npy' is not a complete .npy or .npz file",
        "head": "'head.npy' is not a complete .npy or .npz file",
        "end.": "'end.npz' is not a complete .npy or .npz file",
    }


def test_validate_says_all_at_once(suite, capfd):
    assert main(["validate", "."]) == 2
    out, err = capfd.readouterr()
    assert out == "a.yaml: 1 case\nz.yaml: 1 case\n"
    for words in (
        *suite.values(),
        "suite.yaml:9: node 'b': sum(X (3,)): axis 7 is out of range",
        "suite.yaml:9: node 'c': add(X (3,), Y (4,)): shapes (3,) and (4,) cannot be broadcast",
        "suite.yaml:17: dtype is 'float31'. Did you mean",
    ):
        assert sum(words in line for line in err.splitlines()) == 1, words
    assert len(err.splitlines()) == len(suite) + 3


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_others_are_judged_and_written(jobs, suite, capfd):
    reports = ["--json", "o.json", "--report", "junit=o.xml", "--report", "html=o.html"]
    assert main(["check", ".", "--jobs", jobs, *reports]) == 2
    out, err = capfd.readouterr()
    assert all(words in err for words in suite.values())
    cases = {case["name"]: case for case in json.loads(Path("o.json").read_text())["cases"]}
    assert {name for name, case in cases.items() if case["verdict"] == "agree"} == {
        "a",
        "right",
        "z",
    }
    for name, words in suite.items():
        assert cases[name]["verdict"] == "could not compare"
        assert words in cases[name]["failures"][0]["message"]
        assert any(f": {name}: could not compare" in line for line in out.splitlines())
    assert {"o.xml", "o.html"} <= {file.name for file in Path().iterdir()}


def test_the_others_are_recorded(suite, capfd):
    assert main(["record", ".", "-b", "numpy", "-o", "kept"]) == 2
    err = capfd.readouterr().err
    assert all(words in err for words in suite.values())
    assert {file.name for file in Path("kept").iterdir()} == {
        f"{name}.safetensors" for name in ("a", "right", "z")
    }


def test_what_cannot_be_kept_is_its_case(folder, capfd):
    """A name that is too long for a file, where others are not."""
    Path("a.yaml").write_text(GOOD)
    Path("long.yaml").write_text(f"name: {'n' * 300}\n{GOOD}")
    Path("z.yaml").write_text(GOOD)
    words = "safetensors' cannot be written: File name too long"
    assert main(["record", ".", "-b", "numpy", "-o", "kept"]) == 2
    assert words in capfd.readouterr().err
    assert {file.name for file in Path("kept").iterdir()} == {"a.safetensors", "z.safetensors"}
    assert main(["run", ".", "--record-golden", "golden", "--json", "o.json"]) == 2
    assert "cannot be written: File name too long" in capfd.readouterr().err
    assert {file.name for file in Path("golden").iterdir()} == {"a", "z"}
    cases = json.loads(Path("o.json").read_text())["cases"]
    assert [case["verdict"] for case in cases] == ["agree", "could not compare", "agree"]


def test_what_is_expected_of_a_config_that_cannot_be_read(suite, capfd):
    """The case is not unknown: nobody can read its name."""
    Path("known.yml").write_text("- {case: mine, reason: known, expires: 2999-12-31}")
    assert main(["check", "torn.yaml", "a.yaml", "--expect", "known.yml"]) == 2
    first, second = capfd.readouterr().err.splitlines()
    assert "there is no case called 'mine'" in first
    assert suite["torn"] in second


def test_a_report_that_finds_no_room_does_not_hide_what_is_wrong_with_cases(suite, capfd):
    if not Path("/dev/full").exists():
        pytest.skip("a device of Linux")
    reports = ["--json", "/dev/full", "--report", "junit=o.xml"]
    assert main(["check", "torn.yaml", "a.yaml", *reports]) == 2
    err = capfd.readouterr().err
    assert "'/dev/full' cannot be written: No space left on device" in err
    assert suite["torn"] in err
    assert Path("o.xml").exists()
