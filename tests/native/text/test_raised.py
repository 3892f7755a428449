"""What code of the user raised: in whichever framework, and where in the user's own file."""

import inspect
import json
import re
from functools import partial

import numpy as np
import pytest
from surroundings import framework

import gradcmp
from gradcmp.functions.sides import attempt
from gradcmp.native.frameworks import engine
from gradcmp.native.text.raised import LENGTH, raised

torch, tf, jax = map(framework, ("torch", "tensorflow", "jax"))
pytestmark = pytest.mark.frameworks
X = np.ones((2, 3))


def line_of(text):
    """Return the number of the line that says so first."""
    lines = inspect.getsource(inspect.getmodule(line_of)).splitlines()
    return 1 + next(number for number, line in enumerate(lines) if f"# {text}" in line)


def multiplied(x):
    return (x @ x).sum()  # forward


class Torn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, dy):
        return dy.reshape(7)  # backward of torch


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(7, 1)

    def forward(self, x):
        return self.inner(x)  # layer


@jax.custom_vjp
def torn(x):
    return 2 * x


def torn_backward(_, dy):
    return (dy.reshape(7),)  # backward of jax


torn.defvjp(lambda x: (torn(x), None), torn_backward)


def branching(x):
    return x if x.sum() > 0 else -x  # branch


def traced(x):
    if tf.reduce_sum(x) > 0:
        x = x @ x  # graph
    return tf.reduce_sum(x)


@tf.custom_gradient
def refused(x):
    def backward(dy):
        return tf.reshape(dy, [7])  # backward of tensorflow

    return 2 * x, backward


def by_hand(x):
    def pullback(dy):
        raise LookupError("two\nlines.")  # by hand

    return x.sum(), pullback


@pytest.mark.parametrize(
    ("home", "mode", "function", "place", "kind", "said"),
    [
        ("torch", "eager", multiplied, "forward", "RuntimeError", "shapes cannot be multiplied"),
        ("torch", "eager", Torn.apply, "backward of torch", "RuntimeError", "shape '[7]'"),
        ("torch", "eager", Layer(), "layer", "RuntimeError", "shapes cannot be multiplied"),
        ("torch", "aot_eager", multiplied, "forward", "TorchRuntimeError", "fake tensor"),
        ("jax", "eager", multiplied, "forward", "TypeError", "dot_general"),
        ("jax", "jit", torn, "backward of jax", "TypeError", "cannot reshape"),
        ("jax", "jit", branching, "branch", "TracerBoolConversionError", "shape bool[]"),
        ("tensorflow", "eager", traced, "graph", "InvalidArgumentError", "size-incompatible"),
        ("tensorflow", "graph", traced, "graph", "ValueError", "Dimensions must be equal"),
        ("tensorflow", "graph", refused, "backward of tensorflow", "ValueError", "reshape"),
        ("numpy", "manual", multiplied, "forward", "ValueError", "matmul"),
        ("numpy", "manual", by_hand, "by hand", "LookupError", "two lines"),
    ],
)
def test_the_kind_the_message_and_the_line_of_the_user(home, mode, function, place, kind, said):
    run = partial(engine(home).prepare, function, {"x": X}, mode=mode)
    found = attempt("mine", lambda: run(cotangents={"output": X}).plain("float32")).message
    name = rf"test_raised\.py:{line_of(place)}, in [A-Za-z_.]+"
    assert re.fullmatch(rf"(?:'\w+' raised )?{kind}: .* \({name}\)", found)
    assert said in found
    for foreign in ("autograph", "program.py", "user code", "See https", "\n"):
        assert foreign not in found


def error_of(call):
    try:
        call()
    except (ValueError, AssertionError, SyntaxError) as error:
        return raised(error)
    raise LookupError("it raised nothing")


def test_the_line_is_the_user_s_even_where_a_library_raises():
    found = error_of(lambda: json.loads("{"))  # library
    assert found.startswith("JSONDecodeError: Expecting property name")
    assert found.endswith(f"(test_raised.py:{line_of('library')}, in <lambda>)")


def test_a_long_message_is_cut_and_no_message_is_none():
    def long():
        raise ValueError("a" * 10_000)

    def silent():
        raise AssertionError

    assert len(error_of(long)) < LENGTH + 60
    assert error_of(silent).startswith("AssertionError (test_raised.py:")


def test_a_file_that_is_no_python_is_named_by_its_line():
    assert error_of(lambda: compile("x = 1\ny = (", "kernels.py", "exec")) == (
        "SyntaxError: '(' was never closed (kernels.py:2)"
    )


def test_parameters_that_cannot_be_made_are_their_function_s_verdict():
    def handed(given):
        return {"weight": given["nope"]}  # handed

    verdict = gradcmp.compare_functions(
        {"port": torch.nn.Linear(3, 2), "module": torch.nn.Linear(3, 2)},
        {"input": X},
        parameters={"port": handed},
    )
    (failure,) = verdict.failures
    assert failure.message == f"KeyError: 'nope' (test_raised.py:{line_of('handed')}, in handed)"
