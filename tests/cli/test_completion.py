"""What Tab offers, through click's own machinery and through bash itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gradcmp.backends import backend_class, backend_names
from gradcmp.cli import COMPLETING, main
from gradcmp.cli.about.completion import SHELLS
from gradcmp.ops import OPS

COMMAND = str(Path(sys.executable).with_name("gradcmp"))
FRAMEWORKS = ("torch", "tensorflow", "jax")
CASES = """\
cases:
  - {name: first, inputs: {X: normal:2}, graph: {y: exp(X)}}
  - {name: second, inputs: {X: normal:2}, graph: {y: exp(X)}, matrix: {seed: [0, 1]}}
"""

DTYPES = ("float64", "float32", "float16", "bfloat16", "complex128", "complex64")
TORCH = ["torch", *(f"torch:{mode}" for mode in backend_class("torch").modes)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cases.yaml").write_text(CASES)
    (tmp_path / "broken.yaml").write_text("cases: [")
    return tmp_path


def complete(*words, shell="bash"):
    """Return what is offered for the last of the words, which the shell has split already."""
    done = subprocess.run(
        [COMMAND],
        check=True,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            COMPLETING: f"{shell}_complete",
            "COMP_WORDS": "\n".join(["gradcmp", *words]),
            "COMP_CWORD": words[-1] if shell == "fish" else str(len(words)),
        },
    )
    assert not done.stderr
    return [line.partition(",")[2] if shell == "bash" else line for line in done.stdout.split("\n")]


def offered(*words):
    return [line for line in complete(*words) if line]


@pytest.mark.processes
def test_every_backend_and_mode_is_offered():
    modes = [f"{name}:{mode}" for name in backend_names() for mode in backend_class(name).modes]
    assert set(offered("run", "-b", "")) == {*backend_names(), *modes}


@pytest.mark.processes
@pytest.mark.parametrize(
    ("words", "answers"),
    [
        (["run", "-b", "tensorflow:se"], ["tensorflow:session"]),
        (["run", "-b", "tensorflow", ":", "se"], ["session"]),  # as bash splits it
        (["run", "-b", "tensorflow", ":"], ["eager", "graph", "session", "xla"]),
        (["run", "--backend", "=", "torch", ":", "ea"], ["eager"]),
        (["run", "--backend", "=", "torch,dtype", "=", "bf"], ["bfloat16"]),
        (["record", "--backend", "=", "tor"], TORCH),
        (["run", "-b", "numpy", "-b", "torch:eager,dtype=bf"], ["torch:eager,dtype=bfloat16"]),
        (["expr", "-b", "jax:jit,dev"], ["jax:jit,device=cpu", "jax:jit,device=cuda"]),
        (
            ["run", "-b", "jax,device=cpu,d"],
            [f"jax,device=cpu,dtype={d}" for d in DTYPES],
        ),
        (["run", "-b", "nobody:"], []),
        (["run", "--dtype", "bf"], ["bfloat16"]),
        (["expr", "'sum(log1p"], ["sum(log1p("]),
        (["expr", "X*cro"], ["X*cross_entropy("]),
        (["val"], ["validate"]),
        (["run", "--wat"], ["--watch"]),
        (["completion", "f"], ["fish"]),
        (["run", "--case", ""], ["seed"]),
    ],
)
def test_what_is_offered(words, answers):
    assert offered(*words) == answers


@pytest.mark.processes
def test_every_op_is_offered():
    assert offered("expr", "") == [f"{name}(" for name in OPS]


@pytest.mark.processes
def test_cases_of_the_configs_that_are_named(folder):
    all_of_them = ["first", "second[seed=0]", "second[seed=1]"]
    assert offered("run", "cases.yaml", "--case", "") == all_of_them
    assert offered("run", "broken.yaml", "cases.yaml", "--case", "f") == ["first"]
    assert offered("explain", ".", "--case", "first", "--case", "s") == all_of_them[1:]
    for nothing in ("broken.yaml", "nowhere.yaml"):
        assert offered("run", nothing, "--case", "") == []


@pytest.mark.processes
@pytest.mark.parametrize("command", ["run", "check", "explain", "record", "selftest", "validate"])
def test_configs_are_offered_and_no_other_file(folder, command):
    (folder / "notes.txt").touch()
    (folder / "more" / "deep").mkdir(parents=True)
    (folder / "more" / "deep" / "c.yml").touch()
    found = ["broken.yaml", "cases.yaml", "more", "more/deep", "more/deep/c.yml"]
    assert offered(command, "") == found
    assert offered(command, "more/d") == found[-2:]


@pytest.mark.processes
def test_where_there_is_no_config_the_shell_offers_its_files(folder):
    (folder / "notes.txt").touch()
    assert offered("run", "no") == ["no"]


@pytest.mark.processes
def test_fish_keeps_what_follows_a_comma(folder):
    answers = complete("run", "-b", "torch,d", shell="fish")
    assert "plain,torch,dtype=float64" in answers
    if fish := shutil.which("fish"):
        script = subprocess.run(
            [COMMAND, "completion", "fish"], check=True, capture_output=True, text=True
        ).stdout
        ask = f"{script}\ncomplete -C 'gradcmp run -b torch,d'"
        environment = {**os.environ, "PATH": f"{Path(COMMAND).parent}:{os.environ['PATH']}"}
        done = subprocess.run(
            [fish, "-c", ask], check=False, capture_output=True, text=True, env=environment
        )
        assert "torch,dtype=float64" in done.stdout.split()


@pytest.mark.processes
@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_keep_words_whole(shell):
    said = "\n".join(complete("run", "-b", "tensorflow:se", shell=shell))
    assert "tensorflow:session" in said


@pytest.mark.processes
@pytest.mark.parametrize(
    "words", [["run", "-b", "tensorflow:se"], ["expr", "sum("], ["run", "--case", ""]]
)
def test_no_framework_is_loaded(words):
    code = f"""
import sys
from gradcmp.cli import main
try:
    main([])
finally:
    print([name for name in {FRAMEWORKS!r} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            COMPLETING: "bash_complete",
            "COMP_WORDS": " ".join(["gradcmp", *words]),
            "COMP_CWORD": str(len(words)),
        },
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert len(done.stdout.splitlines()) > 1


@pytest.mark.processes
@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_for_this_program(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"{COMPLETING}={shell}_complete" in script
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr


def test_an_unknown_shell_is_2(capsys):
    assert main(["completion", "tcsh"]) == 2
    assert "'tcsh' is not one of" in capsys.readouterr().err


@pytest.mark.processes
@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
@pytest.mark.parametrize(
    ("words", "replies"),
    [
        (("run", "-b", "tensorflow", ":", "se"), ["session"]),
        (("run", "-b", "tor"), TORCH),
        (("run", "--backend", "=", "torch,dtype", "=", "bf"), ["bfloat16"]),
    ],
)
def test_bash_itself(words, replies):
    """The script, sourced; bash calls the function with the words as it has split them."""
    script = f"""
eval "$(gradcmp completion bash)"
COMP_WORDS=(gradcmp {" ".join(words)})
COMP_CWORD={len(words)}
_gradcmp_completion gradcmp
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    path = os.pathsep.join([str(Path(COMMAND).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
    )
    assert done.stdout.split() == replies
