"""The arrows between the rooms, and what a fresh interpreter may load."""

import json
import subprocess
import sys

import pytest

FRAMEWORKS = {"torch", "tensorflow", "jax", "jaxlib", "keras"}
HELP = (
    "from click.testing import CliRunner; from gradcmp.cli import cli; "
    "CliRunner().invoke(cli, ['--help'])"
)
HEAVY = FRAMEWORKS | {"numpy", "ml_dtypes", "safetensors", "pydantic", "yaml", "rich"}


def loaded_after(code):
    say = "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    script = f"import sys, json\n{code}\n{say}"
    answer = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    return set(json.loads(answer.stdout.splitlines()[-1]))


@pytest.mark.processes
@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import gradcmp.cli", HEAVY),
        (HELP, HEAVY),
        ("import gradcmp", HEAVY),
        ("import gradcmp; gradcmp.run; gradcmp.compare; gradcmp.load", FRAMEWORKS),
        (
            "import gradcmp.backends.torch, gradcmp.backends.tensorflow, gradcmp.backends.jax",
            FRAMEWORKS,
        ),
        ("import gradcmp.backends as b; b.idioms()", FRAMEWORKS),
        ("import gradcmp.workers as w; w.Environment('jax').rank", HEAVY | {"click"}),
    ],
)
def test_importing_loads_nothing_heavy(code, forbidden):
    assert not loaded_after(code) & forbidden


@pytest.mark.processes
def test_the_help_imports_no_command():
    loaded = "{name for name in sys.modules if name.startswith('gradcmp.cli.')}"
    rooms = "{name.split('.')[2] for name in " + loaded + "}"
    for code, expected in ((HELP, False), (f"{HELP}; cli.commands['run']", True)):
        script = f"import sys; {code}; print({{'commands', 'options'}} <= {rooms})"
        answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
        assert answer.stdout.split() == [str(expected).encode()]


@pytest.mark.processes
def test_the_check_above_can_fail():
    assert loaded_after("import numpy") & HEAVY == {"numpy"}


@pytest.mark.processes
def test_the_arrows_hold():
    answer = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())",
        ],
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stdout
