"""What float32 has no number for is told from any other infinity in functions, and fails too."""

import numpy as np
import pytest

import gradcmp

X = np.array([0.5, -1.0, 2.0])


def exponential(factor, spoil=lambda dx: dx):
    """Return exp(factor x) and its gradient, by hand."""

    def function(x):
        y = np.exp(factor * x)
        return y, lambda c: {"x": spoil(factor * c * y)}

    return function


def infinite(dx):
    return np.where(np.arange(3) == 1, np.asarray(np.inf, dx.dtype), dx)


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(
    ("factor", "spoil", "reason"),
    [
        (100.0, lambda dx: dx, "range"),  # exp(200) is 7e86
        (1.0, infinite, "non-finite"),
        (100.0, infinite, "non-finite"),
    ],
)
def test_an_infinity_disagrees_for_its_own_reason(factor, spoil, reason):
    functions = {"tested": exponential(factor, spoil), "right": exponential(factor)}
    verdict = gradcmp.compare_functions(functions, {"x": X}, framework="numpy", against="right")
    (found,) = (
        seen["d x"]
        for pair, seen in verdict.comparisons.items()
        if (pair.actual, pair.expected) == ("tested", "right,dtype=float64")
    )
    assert not found.agrees
    assert found.verdict.reason == reason
