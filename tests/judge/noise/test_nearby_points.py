"""An op without a noise model says so, and is judged by its own noise."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
from autocases import CASES, PAIR, case, draw, reasons, spoiled, verdict

from gradcmp.ops import Array, Pullback
from gradcmp.ops.blocks import unary

BENT = {
    "product": case(a="bend(x) * y", out="sum(a + z)"),
    "deep": case(a="bend(x @ transpose(y))", b="exp(a) / (1 + exp(a))", out="logsumexp(b, axis=0)"),
}


@pytest.fixture
def bend(registered):
    """Register an op of whose ufunc nobody has said how far implementations stray."""

    def bend(x: Array) -> tuple[Array, Pullback]:
        """Return Dawson's integral of x, whose slope is 1 - 2 x y."""
        y = scipy.special.dawsn(x)
        return y, lambda dy: (dy * (1 - 2 * x * y),)

    registered(unary(bend, {}))


@pytest.mark.usefixtures("bend")
@pytest.mark.parametrize("name", BENT)
def test_a_correct_implementation_shows_rounding(name):
    judged = verdict(BENT[name], draw(BENT[name]))
    assert set(reasons(judged).values()) <= {"exact", "rounding"}


@pytest.mark.usefixtures("bend")
@pytest.mark.parametrize("name", BENT)
@pytest.mark.parametrize("change", [lambda d: -d, lambda d: d * 1.001, np.zeros_like])
def test_a_wrong_gradient_is_still_a_bug_and_the_rule_says_how_it_was_judged(change, name):
    judged = verdict(BENT[name], draw(BENT[name]), spoil=spoiled("y", change))
    comparison = judged.comparisons[PAIR]["d y"]
    assert comparison.verdict.reason == "bug"
    assert "its own noise at 8 nearby points" in comparison.rule
    assert "dawsn has no noise model" in comparison.rule


def test_with_the_models_the_noise_is_injected():
    judged = verdict(CASES["deep"], draw(CASES["deep"]), spoil=spoiled("y", lambda d: -d))
    assert "from 16 randomly rounded runs" in judged.comparisons[PAIR]["d y"].rule
