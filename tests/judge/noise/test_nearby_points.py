"""An op without a noise model says so, and is judged by its own noise."""

import numpy as np
import pytest
from autocases import CASES, PAIR, draw, reasons, spoiled, verdict

from gradcmp.judge.noise import arithmetic as primitives
from gradcmp.judge.noise import model as noise


@pytest.fixture
def no_model(monkeypatch):
    """Forget the model of tanh, exp and the product."""
    for table in (noise, primitives):
        if hasattr(table, "KAPPA"):
            kept = {u: k for u, k in table.KAPPA.items() if u not in (np.tanh, np.exp, np.multiply)}
            monkeypatch.setattr(table, "KAPPA", kept)


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("name", ["product", "deep"])
def test_a_correct_implementation_shows_rounding(name):
    judged = verdict(CASES[name], draw(CASES[name]))
    assert set(reasons(judged).values()) <= {"exact", "rounding"}


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("change", [lambda d: -d, lambda d: d * 1.001, np.zeros_like])
def test_a_wrong_gradient_is_still_a_bug_and_the_rule_says_how_it_was_judged(change):
    judged = verdict(CASES["deep"], draw(CASES["deep"]), spoil=spoiled("y", change))
    comparison = judged.comparisons[PAIR]["d y"]
    assert comparison.verdict.reason == "bug"
    assert "its own noise at 8 nearby points" in comparison.rule
    assert "has no noise model" in comparison.rule


def test_with_the_models_the_noise_is_injected():
    judged = verdict(CASES["deep"], draw(CASES["deep"]), spoil=spoiled("y", lambda d: -d))
    assert "from 16 randomly rounded runs" in judged.comparisons[PAIR]["d y"].rule
