"""Cases to watch."""

from __future__ import annotations

import pytest
from watching import CASE


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "case.yaml"
    path.write_text(CASE)
    return path
