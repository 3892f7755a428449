"""What tests of saved arrays need."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gradcmp.cli import main
from gradcmp.recording.files import write


@pytest.fixture
def diff(tmp_path, capsys):
    def compare(actual, expected, *words):
        """Compare, and return the exit code, the tensors of the JSON report and the screen."""
        files = []
        for place, held in (("mine", actual), ("theirs", expected)):
            file = tmp_path / f"{place}{'.npz' if isinstance(held, dict) else '.safetensors'}"
            np.savez(file, **held) if isinstance(held, dict) else write(file, held)
            files.append(str(file))
        report = tmp_path / "report.json"
        code = main(["diff", *files, *words, "--json", str(report)])
        captured = capsys.readouterr()
        told = []  # where nothing could be read
        if report.exists():
            told = json.loads(report.read_text())["cases"][0]["pairs"][0]["tensors"]
        screen = " ".join((captured.out + captured.err).split())
        return code, {tensor["name"]: tensor for tensor in told}, screen

    return compare
