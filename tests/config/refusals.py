"""Configs with a mistake."""

from __future__ import annotations

import pytest

from gradcmp.config import load_text
from gradcmp.errors import ExitCode, GradcmpError

BASE = "inputs:\n  X: normal:4x3\ngraph:\n  a: sum(X)\n"  # four lines; what is wrong comes below


def refusal(text):
    with pytest.raises(GradcmpError) as caught:
        load_text(text, "f.yaml")
    assert caught.value.exit_code is ExitCode.USAGE
    return str(caught.value)
