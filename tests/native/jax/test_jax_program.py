"""Functions of JAX that Python decides in: traced they cannot be, and run they can."""

import numpy as np
import pytest
from surroundings import framework

import gradcmp
from gradcmp.errors import ExitCode

jax = framework("jax")
pytestmark = pytest.mark.frameworks

import jax.numpy as jnp  # noqa: E402

X = {"x": np.array([[0.5, -1.0], [2.0, 0.25]])}


def decided(x):
    """Return tanh(x)², the branch being Python's, with a tap on the way."""
    h = gradcmp.tap("h", jnp.tanh(x))
    return h * h if x.sum() > 0 else -h


def selected(x):
    h = gradcmp.tap("h", jnp.tanh(x))
    return jnp.where(x.sum() > 0, h * h, -h)


def spoiled(x):
    """Return the same values, with a slope of which a half is missing."""
    h = gradcmp.tap("h", jnp.tanh(x))
    return h * jax.lax.stop_gradient(h) if x.sum() > 0 else -h


def in_bfloat16(x):
    """Return the same in float64, and less in float32."""
    if x.sum() > 0 and x.dtype == jnp.float32:
        return selected(x.astype(jnp.bfloat16)).astype(jnp.float32)
    return selected(x)


@pytest.mark.parametrize(
    ("actual", "expected", "code"),
    [
        (decided, decided, ExitCode.AGREE),
        (spoiled, selected, ExitCode.DISAGREE),
        (in_bfloat16, selected, ExitCode.DISAGREE),
    ],
)
def test_a_branch_of_python_is_compared(actual, expected, code):
    functions = {"actual": actual, "expected": expected}
    verdict = gradcmp.compare_functions(functions, X)
    assert verdict.exit_code is code
    if actual is spoiled:
        (found,) = {name for _, name, _ in verdict.disagreements} - {"d x"}
        assert found == "d h"


def test_whoever_compiles_is_told_what_jax_says():
    """Python cannot decide in what is compiled, for whoever compiles it."""
    compiled = gradcmp.Function(decided, mode="jit")
    verdict = gradcmp.compare_functions({"actual": compiled, "expected": selected}, X)
    assert verdict.exit_code is ExitCode.COULD_NOT_COMPARE
    assert "TracerBoolConversionError" in verdict.failures[0].message
