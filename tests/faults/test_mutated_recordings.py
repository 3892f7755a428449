"""Spoiled files of recordings and arrays: each gives a verdict or a sentence, soon.

    GRADCMP_RECORDINGS=5000 python -m pytest tests/faults/test_mutated_recordings.py

tries more of them.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest
import spoiled_files

from gradcmp.cli import main

RECORDINGS = int(os.environ.get("GRADCMP_RECORDINGS", "200"))
SHARE = 50  # files of one test
CASE = """\
name: c
inputs: {X: "normal:3", i: "integers:2:high=3"}
graph: {node1: tanh(X) * X, node2: "sum(take(node1, i))"}
backends: [numpy]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("recordings")


@pytest.fixture(scope="module")
def files(folder):
    (folder / "c.yaml").write_text(CASE)
    for name in ("float64", "float32", "bfloat16"):
        record = ["-b", f"numpy,dtype={name}", "-o", str(folder / f"{name}.safetensors")]
        assert main(["record", str(folder / "c.yaml"), *record]) == 0
    return spoiled_files.sources(folder)


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("seed", range(RECORDINGS // SHARE))
def test_a_spoiled_file_gives_a_verdict(seed, folder, files, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    rng, came = random.Random(seed), Counter()
    for _ in range(SHARE):
        source = rng.choice(files)
        file = f"spoiled{source.suffix}"
        Path(file).write_bytes(spoiled_files.spoiled(rng, source))
        key = rng.choice(["", ", key: node1"])
        Path("data.yaml").write_text(
            f"inputs: {{X: {{kind: file, file: {file}{key}}}}}\ngraph: {{a: tanh(X)}}\n"
        )
        other = rng.choice(files).name
        commands = [
            ["diff", file, other],
            ["diff", other, file, "--rtol", "0.9", "--atol", "1"],
            ["diff", file, file],
            ["rejudge", "float32.safetensors", file],
            ["validate", "data.yaml"],
        ]
        for arguments in rng.sample(commands, 2):
            code = main(arguments)
            out, err = capsys.readouterr()
            assert "internal error" not in out + err, arguments
            assert code in (0, 1, 2, 3)
            assert bool(err) == (code == 2), (arguments, err)
            came[int(code)] += 1
    assert came[2] > SHARE, came
    assert came[2] < 2 * SHARE, came
