"""``gradcmp selftest`` as a person meets it: the kill matrix and the exit code."""

import pytest

from gradcmp.cli import main
from gradcmp.judge.auto.calibrated_noise import CalibratedNoise

CASE = """
inputs: {X: normal:4x3, W: normal:3x3}
graph: {h: tanh(X @ W), g: h * h - h, out: mean(exp(g))}
backends: [torch]
tolerance: {rtol: 1e-5, atol: 1e-6}
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "case.yaml"
    path.write_text(CASE)
    return str(path)


def rows(out):
    """Return the words of each row by its tensor."""
    lines = [line.split() for line in out.splitlines() if line.startswith("d ")]
    return {words[1]: words[2:] for words in lines}


@pytest.mark.usefixtures("with_torch")
def test_every_mutant_is_killed(config, capsys):
    assert main(["selftest", config]) == 0
    matrix = rows(capsys.readouterr().out)
    assert matrix.keys() == {"g", "h", "W", "X"}
    assert matrix["W"] == ["killed", "killed", "killed", "killed", "–"]
    assert matrix["X"] == ["killed", "killed", "killed", "–", "–"]


@pytest.mark.usefixtures("with_torch")
def test_a_tolerance_that_lets_all_pass_fails(config, capsys):
    assert main(["selftest", config, "--rtol", "0", "--atol", "1e9", "--dtype", "float64"]) == 1
    matrix = rows(capsys.readouterr().out)
    assert matrix["W"] == ["survived"] * 5


def automatic(tmp_path):
    path = tmp_path / "auto.yaml"
    path.write_text(CASE.replace("tolerance: {rtol: 1e-5, atol: 1e-6}", ""))
    return str(path)


@pytest.mark.usefixtures("with_torch")
def test_under_auto_each_mutant_is_in_both_dtypes_and_in_the_tested_one_alone(tmp_path, capsys):
    assert main(["selftest", automatic(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "torch (wrong in float32 and float64, then in float32 alone)" in " ".join(out.split())
    assert rows(out)["W"] == ["killed", "killed", "killed", "killed", "–"]


@pytest.mark.usefixtures("with_torch")
def test_what_survives_in_one_dtype_alone_is_shown_and_fails(tmp_path, capsys, monkeypatch):
    """The judge is sabotaged: it takes whatever shrinks in float64 for lost digits."""
    monkeypatch.setattr(CalibratedNoise, "_earned", lambda self, verdict, *_: verdict)
    assert main(["selftest", automatic(tmp_path)]) == 1
    assert "killed, survived in float32 alone" in " ".join(capsys.readouterr().out.split())


@pytest.mark.usefixtures("with_torch")
def test_in_float64_there_is_one_kind_only(tmp_path, capsys):
    assert main(["selftest", automatic(tmp_path), "--dtype", "float64"]) == 0
    assert "alone" not in capsys.readouterr().out


@pytest.mark.processes
def test_without_a_backend_there_is_nothing_to_spoil(config, capsys):
    assert main(["selftest", config, "-b", "numpy"]) == 3
    assert "no backend to inject faults into" in capsys.readouterr().err


def test_it_needs_a_config(capsys):
    assert main(["selftest"]) == 2
    assert "CONFIG" in capsys.readouterr().err
