"""The command line as a person meets it: exit codes, overrides, where output goes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradcmp.cli import cli, main

COMMAND = str(Path(sys.executable).with_name("gradcmp"))
CASE = (
    "inputs: {X: normal:4x3}\ngraph: {out: sum(exp(X))}\nbackends: [numpy, 'numpy,dtype=float32']\n"
)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "case.yaml"
    path.write_text(CASE)
    return str(path)


@pytest.mark.quick  # one of each all the same: the whole way, through a worker
@pytest.mark.processes
def test_agreement_is_0(config, capsys):
    assert main(["run", config]) == 0
    assert capsys.readouterr().out.startswith("✓ case: numpy and numpy,dtype=float32 agree in 3")


@pytest.mark.quick
@pytest.mark.processes
def test_disagreement_is_1(config, capsys):
    assert main(["run", config, "--rtol", "0", "--atol", "0"]) == 1
    said = "✗ case: numpy,dtype=float32's value of out is wrong (beyond the tolerance)"
    assert capsys.readouterr().out.startswith(said)


@pytest.mark.processes
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nowhere.yaml"], "'nowhere.yaml' does not exist"),
        (["run", "--case", "sed"], "Did you mean 'seed'?"),
        (["run", "--rtol", "1"], "rtol must be less than 1"),
        (["run", "--rtol", "0.1", "--ulp", "3"], "--ulp was given with --rtol"),
        (["run", "--tolerance", "auto", "--atol", "0.1"], "--tolerance was given with --atol"),
        (["run", "-k", "nothing"], "no case fits '-k nothing'. There is seed"),
        (["run", "-x", "--max-failures", "2"], "-x was given with --max-failures"),
        (["run", "-q", "-v"], "--verbose was given with --quiet"),
        (["run", "--report", "out.pdf"], "there is no report 'out.pdf'"),
        (["run", "--watch", "-x"], "--watch runs all cases"),
        (["ops", "sofmax"], "Did you mean 'softmax'?"),
        (["ops", "silu", "dot"], "there is no op 'dot'. Write x @ y"),
        (["run", "--rtol", "-1", "--atol", "0"], "rtol is -1.0, and must be"),
        (["run", "-b", "torhc"], "Did you mean 'torch'?"),
        (["run", "-b", "torch:eger"], "Did you mean 'eager'?"),
        (["run", "-b", "numpy", "-b", "numpy"], "given twice"),
        (["run", "--json", "/nowhere/at/all.json"], "cannot be written"),
        (["run", "--json", "."], "is a directory"),
        (["expr", "sum(X)", "-i", "X"], "is not NAME=SPEC"),
        (["expr", "sum(X)", "-i", "X=normal:4x3", "-i", "X=ones:2"], "is taken"),
        (["expr", "sum(X", "-i", "X=normal:4x3"], "cannot read 'sum(X'"),
        (["run", "--nonsense"], "No such option"),
    ],
)
def test_a_mistake_is_2_in_a_line_without_traceback(arguments, words, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert "Traceback" not in said.err
    assert not said.out


@pytest.mark.processes
def test_a_backend_that_cannot_be_asked_is_3(config, capsys, monkeypatch):
    assert main(["run", config, "-b", "numpy", "-b", "torch,python=/nowhere/python"]) == 3
    assert "could not compare" in capsys.readouterr().out


def test_debug_shows_the_traceback(capsys):
    with pytest.raises(Exception, match="does not exist"):
        main(["run", "nowhere.yaml", "--debug"])


@pytest.mark.processes
def test_a_fault_of_ours_is_no_traceback_and_no_success(config, capsys, monkeypatch):
    monkeypatch.setattr("gradcmp.api.run_plan", lambda *_: 1 / 0)
    assert main(["run", config]) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert "could not compare: nothing was compared with anything: internal error: Zero" in said
    with pytest.raises(ZeroDivisionError):
        main(["run", config, "--debug"])


@pytest.mark.processes
def test_overrides(config, capsys):
    assert (
        main(
            [
                "run",
                config,
                "--seed",
                "5",
                "--dtype",
                "float64",
                "-b",
                "numpy,dtype=float16",
                "--json",
                "-",
            ]
        )
        == 0
    )
    (case,) = json.loads(capsys.readouterr().out)["cases"]
    assert (case["seed"], case["dtype"]) == (5, "float64")
    assert [backend["label"] for backend in case["backends"]] == ["numpy", "numpy,dtype=float16"]


@pytest.mark.processes
def test_json_is_written_whole_beside_the_screen(config, tmp_path, capsys):
    file = tmp_path / "out.json"
    assert main(["run", config, "--json", str(file)]) == 0
    assert json.loads(file.read_text())["schema"] == "gradcmp/report/1"
    assert capsys.readouterr().out.startswith("✓ case: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["case.yaml", "out.json"]


@pytest.mark.processes
def test_piped_output_is_plain(config):
    done = subprocess.run([COMMAND, "run", config], capture_output=True, text=True, check=True)
    assert "\x1b" not in done.stdout + done.stderr
    assert not done.stderr


@pytest.mark.processes
def test_a_reader_that_leaves_early_is_no_fault():
    done = subprocess.run(
        f"{COMMAND} ops | head -1", shell=True, capture_output=True, text=True, check=True
    )
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


@pytest.mark.processes
def test_ctrl_c_is_130_and_leaves_no_process(tmp_path):
    config = tmp_path / "slow.yaml"
    config.write_text(CASE + "matrix: {seed: [" + ", ".join(map(str, range(2000))) + "]}\n")
    process = subprocess.Popen(
        [COMMAND, "run", str(config)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.strip() == "interrupted"
    listed = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True, check=True)
    assert not [line for line in listed.stdout.splitlines() if line.split()[0] == str(process.pid)]


def test_every_command_says_what_it_does():
    for name, command in cli.commands.items():
        assert command.get_short_help_str(), name


@pytest.mark.parametrize("name", cli.commands)
def test_the_help_lists_a_command_as_the_command_describes_itself(name):
    command, listed = cli.commands[name], cli.commands.listed(name)
    assert command.name == listed.name
    assert listed.get_short_help_str(45) == command.get_short_help_str(1000)


def test_validate_and_schema(config, capsys):
    assert main(["validate", config]) == 0
    assert "1 case" in capsys.readouterr().out
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$schema"]


def test_ops_lists_every_op(capsys, monkeypatch):
    from gradcmp.ops import OPS

    monkeypatch.setenv("COLUMNS", "200")
    assert main(["ops"]) == 0
    listed = {line.split("(")[0] for line in capsys.readouterr().out.splitlines()[1:]}
    assert set(OPS) <= listed


@pytest.mark.processes
def test_no_color(config):
    environment = {**os.environ, "NO_COLOR": "1", "FORCE_COLOR": "1"}
    done = subprocess.run(
        [COMMAND, "run", config], capture_output=True, text=True, check=True, env=environment
    )
    assert "\x1b[32m" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["X*X", "-i", "X=normal:3", "--wrt", "W"],
            "'W' is not a real-valued input. Choose from X.",
        ),
        (
            ["take(X, I)", "-i", "X=normal:3", "-i", "I=integers:2:high=3", "--wrt", "I"],
            "'I' is no",
        ),
        (["X*X", "-i", "X=integers:3:high=5"], "no input is real-valued, so there is no gradient"),
    ],
)
def test_what_cannot_be_differentiated_is_2(arguments, words, capsys):
    assert main(["expr", *arguments, "-b", "numpy"]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.processes
def test_nothing_but_empty_tensors_is_no_success(capsys):
    arguments = ["expr", "X*X", "-i", "X=normal:0", "-b", "numpy", "-b", "numpy,dtype=float32"]
    assert main(arguments) == 3
    said = "? expr: could not compare: every tensor is empty, so nothing was compared"
    assert capsys.readouterr().out.startswith(said)


@pytest.mark.processes
@pytest.mark.parametrize("command", ["run", "check"])
def test_run_and_check_take_the_same_options(command, tmp_path, capsys):
    (tmp_path / "cases.yaml").write_text(THREE)
    given = [command, str(tmp_path), "--color", "never"]
    assert main([*given, "-k", "right", "-q"]) == 0
    assert capsys.readouterr().out == "✓ 2 cases: 2 agree, 0 disagree, 0 could not compare\n"
    assert main([*given, "-q", "-x"]) == 1
    assert "1 disagree, 0 could not compare; 1 further case not run" in capsys.readouterr().out
    assert main([*given, "--jobs", "2", "-q", "--tolerance", "table"]) == 0
    assert main([*given, "--case", "wrong", "-q", "-b", "numpy", "-b", "numpy,dtype=float32"]) == 1
    capsys.readouterr()


THREE = """\
defaults:
  inputs: {X: normal:3}
  graph: {y: sum(exp(X))}
  backends: [numpy, "numpy,dtype=float32"]
cases:
  - {name: right}
  - {name: wrong, tolerance: {rtol: 1e-14, atol: 0}}
  - {name: also right}
"""


@pytest.mark.processes
def test_one_part_of_a_tolerance_alone_says_what_the_other_is(config, capsys):
    assert main(["run", config, "--rtol", "1e-3", "-v"]) == 0
    said = capsys.readouterr()
    assert "--rtol alone: atol is 0" in said.err
    assert "1e-03·|e|" in said.out or "0.001·|e|" in said.out


@pytest.mark.processes
def test_the_suffix_of_a_file_says_the_report(config, tmp_path, capsys):
    file = tmp_path / "out.html"
    assert main(["run", config, "--report", str(file)]) == 0
    assert f"wrote {file}" in capsys.readouterr().err
    assert file.read_text("utf-8").startswith("<!doctype html>")


@pytest.mark.processes
def test_an_expression_of_numbers_that_are_written_out(capsys):
    given = ["-i", "X=[[1, 2], [3, 4]]", "-i", "n=2"]
    both = ["-b", "numpy", "-b", "numpy,dtype=float32"]
    assert main(["expr", "sum(X ** n)", *given, *both]) == 0
    assert "agree in 4 tensors" in capsys.readouterr().out
    assert main(["expr", "sum(X)", "-i", "X=[1, [2]]", *both]) == 2
    assert "lists of different lengths" in capsys.readouterr().err


def test_an_op_by_itself(capsys):
    assert main(["ops", "swish"]) == 0
    assert capsys.readouterr().out.startswith("silu(x)\n")
    assert main(["ops", "softmax"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("softmax(x, axis=-1)\n")
    assert "VJP: dx = y * (dy - <dy, y>)." in said


@pytest.mark.parametrize("name", cli.commands)
def test_the_help_is_whole_and_shows_an_example(name, capsys):
    assert main([name, "--help"]) == 0
    assert f"gradcmp {name}" in capsys.readouterr().out.partition("\n")[2]
    assert main(["--help"]) == 0
    assert "..." not in capsys.readouterr().out.partition("Commands:")[2]
