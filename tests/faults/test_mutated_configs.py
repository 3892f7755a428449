"""Spoiled configs and expressions: each is right, or a sentence says on which line it is not.

    GRADCMP_CONFIGS=10000 python -m pytest tests/faults/test_mutated_configs.py

tries more of them.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
import spoiled_configs

import gradcmp
from gradcmp.cli import main
from gradcmp.config import find, load
from gradcmp.report.json import report
from gradcmp.workers import Pool

CONFIGS = int(os.environ.get("GRADCMP_CONFIGS", "1000"))
SHARE = 250  # configs of one test
FOLDER = Path(spoiled_configs.__file__).parents[2] / "configs"
KINDS = ("example", "expression", "config")


@pytest.fixture(scope="module")
def pool():
    with Pool() as pool:
        yield pool


@pytest.mark.slow
@pytest.mark.first(2)
@pytest.mark.processes
@pytest.mark.parametrize("seed", range(CONFIGS // SHARE))
def test_a_spoiled_config_is_right_or_an_error(seed, pool, monkeypatch, tmp_path, capsys):
    """One that is right is also derived, and one of an example computed and judged."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(FOLDER / "weights.npz", tmp_path)
    texts = [file.read_text("utf-8") for file in find([FOLDER])]
    rng, came = random.Random(seed), Counter()
    for number in range(SHARE):
        kind = KINDS[number % len(KINDS)]
        text = spoiled_configs.of_kind(rng, kind, texts)
        Path("c.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        code = main(["validate", "c.yaml"])
        if code == 0 and number % 4 == 0:
            assert main(["explain", "c.yaml"]) in (0, 2)  # an index may be too large
        out, err = capsys.readouterr()
        assert "internal error" not in out + err, text
        assert code == 0 or (code == 2 and ("c.yaml" in err or "input '" in err)), (err, text)
        came[kind, int(code)] += 1
        if code == 0 and kind == "example":
            verdicts = [gradcmp.run(case, pool) for case in load("c.yaml")]
            failures = [one for verdict in verdicts for one in verdict.failures]
            assert all(one.message.startswith("IndexError") for one in failures), (failures, text)
            report(verdicts)
    assert came["example", 0] > SHARE / 20, came
    assert came["config", 2] > SHARE / 5, came
    assert came["expression", 2] > SHARE / 5, came
