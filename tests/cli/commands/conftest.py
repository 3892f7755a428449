"""Cases, recordings of them, and ways to spoil these."""

from __future__ import annotations

import shutil

import pytest
from saved import CASES

from gradcmp.cli import main


@pytest.fixture(scope="session")
def made(with_torch, tmp_path_factory):
    """The cases, the golden recordings of both backends, and a recording of each case by torch."""
    place = tmp_path_factory.mktemp("made")
    (place / "cases.yaml").write_text(CASES)
    config = str(place / "cases.yaml")
    assert main(["run", config, "--record-golden", str(place / "golden")]) == 0
    assert main(["record", config, "-b", "torch", "-o", str(place / "torch")]) == 0
    return place


@pytest.fixture
def place(made, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(made, tmp_path / "copy")
