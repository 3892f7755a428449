"""Functions that do not return the same: none of their gradients is called wrong."""

import numpy as np
import pytest

import gradcmp
from gradcmp.errors import ExitCode

X = {"x": np.array([1.5, -2.5, 0.5])}


def by_hand(*outputs, keys=()):
    """Return a function of the outputs x² and x³, as many as asked for, and its gradient."""
    slopes = {"square": lambda x: 2 * x, "cube": lambda x: 3 * x * x}
    values = {"square": lambda x: x * x, "cube": lambda x: x**3}

    def function(x):
        made = [values[name](x) for name in outputs]
        returned = dict(zip(keys, made, strict=True)) if keys else tuple(made)

        def pullback(given):
            cotangents = [given[key] for key in keys] if keys else given
            terms = zip(cotangents, outputs, strict=True)
            return {"x": sum(c * slopes[name](x) for c, name in terms)}

        return returned, pullback

    return function


def compared(actual, expected):
    functions = {"tested": actual, "right": expected}
    return gradcmp.compare_functions(functions, X, framework="numpy", against="right")


@pytest.mark.parametrize(
    ("actual", "expected", "said"),
    [
        (
            by_hand("square", keys=["y"]),
            by_hand("square", keys=["z"]),
            "'tested' returns 'y', and 'right' 'z'",
        ),
        (
            by_hand("square", "cube"),
            by_hand("square", keys=["y"]),
            "returns 'output[0]', 'output[1]', and",
        ),
        (
            by_hand("square", keys=["y"]),
            by_hand("square", "cube", keys=["y", "z"]),
            "returns 'y', and 'right' 'y', 'z'",
        ),
    ],
)
def test_other_outputs_are_what_is_said(actual, expected, said):
    verdict = compared(actual, expected)
    assert verdict.exit_code is ExitCode.COULD_NOT_COMPARE
    assert not verdict.disagreements
    (failure,) = verdict.failures
    assert said in failure.message
    assert "Return the same outputs" in failure.message


def test_the_same_outputs_in_another_order_are_compared():
    right = by_hand("square", "cube", keys=["y", "z"])
    turned = by_hand("cube", "square", keys=["z", "y"])
    assert compared(turned, right).agrees


def test_two_outputs_that_are_swapped_are_wrong():
    verdict = compared(by_hand("cube", "square"), by_hand("square", "cube"))
    assert verdict.exit_code is ExitCode.DISAGREE
