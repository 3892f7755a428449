"""Names that outputs and taps share with inputs: nothing may hide a gradient."""

import pytest
from surroundings import framework

import gradcmp
from gradcmp.errors import ExitCode

torch = framework("torch")
pytestmark = pytest.mark.frameworks

INPUTS = {"x": "normal:8x6", "w": "normal:8x6"}


class Wrong(torch.autograd.Function):
    """A product whose gradient of w has its sign flipped."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        return dy * w, -dy * x


def returning(name, product):
    return lambda x, w: {name: torch.tanh(product(x, w))}


def tapping(name, product):
    return lambda x, w: gradcmp.tap(name, torch.tanh(product(x, w)))


def product(x, w):
    return x * w


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
@pytest.mark.parametrize(
    ("make", "name", "what"),
    [
        (returning, "w", "output 'w'"),
        (returning, "d w", "output 'd w'"),
        (tapping, "w", "tap 'w'"),
    ],
)
def test_what_would_hide_a_wrong_gradient_is_refused(make, name, what, dtype):
    functions = {"wrong": make(name, Wrong.apply), "eager": make(name, product)}
    verdict = gradcmp.compare_functions(functions, INPUTS, dtype=dtype)
    assert verdict.exit_code is ExitCode.COULD_NOT_COMPARE
    assert {one.backend for one in verdict.failures} == {*functions}
    assert all(f"its {what} has the name of an input" in one.message for one in verdict.failures)
    functions = {"wrong": make("other", Wrong.apply), "eager": make("other", product)}
    assert not gradcmp.compare_functions(functions, INPUTS, dtype=dtype).agrees


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_a_tap_with_the_name_of_an_input_is_no_traceback_where_they_differ(dtype):
    functions = {
        "plain": lambda x, w: torch.tanh(x * w),
        "tapped": lambda x, w: torch.tanh(gradcmp.tap("x", x * 1.5) * w),
    }
    verdict = gradcmp.compare_functions(functions, INPUTS, dtype=dtype)
    assert verdict.exit_code is ExitCode.COULD_NOT_COMPARE
    (failure,) = verdict.failures
    assert failure.backend == "tapped"
