"""Every case in configs/ through the installed command."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
COMMAND = Path(sys.executable).with_name("gradcmp")


def run(*arguments):
    return subprocess.run(
        [COMMAND, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.usefixtures("every_framework")
def test_every_config_agrees():
    done = run("run", "configs", "--json", "-")
    report = json.loads(done.stdout)
    wrong = {case["name"]: case["verdict"] for case in report["cases"] if case["exit_code"]}
    assert not wrong
    assert done.returncode == 0
    assert report["summary"]["weak_checks"] == 0
    assert report["summary"]["agree"] == report["summary"]["cases"] > 0
    assert all(pair["tensors"] for case in report["cases"] for pair in case["pairs"])
    assert not any(case["failures"] for case in report["cases"]), "a framework is missing"


@pytest.mark.processes
def test_a_spoiled_config_fails(tmp_path):
    config = tmp_path / "spoiled.yaml"
    config.write_text(
        "inputs: {X: normal:4x3}\ngraph: {out: sum(exp(X))}\n"
        "backends: [numpy, 'numpy,dtype=float16']\ntolerance: {ulp: 0}\n"
    )
    done = run("run", config)
    assert done.returncode == 1
    assert "numpy,dtype=float16's value of out is wrong" in done.stdout
