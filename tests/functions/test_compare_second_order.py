"""Forward mode and second order of functions of the user, in each framework's own way."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from surroundings import framework

import gradcmp
from gradcmp.derivatives import names

torch = framework("torch")
PAGE = Path(__file__).parents[2] / "docs" / "derivatives.md"
INPUTS = {"x": "normal:3x4", "w": "normal:4x2"}
DERIVATIVES = ("jvp", "hvp", "jacobian", "hessian")


def smooth(x, w):
    return torch.tanh(x @ w).pow(2).sum(0)


def otherwise(x, w):
    y = (2 * (x @ w)).sigmoid() * 2 - 1
    return (y * y).sum(0)


def twice(slope):
    """Return x cubed with a right gradient, and with `slope` for the gradient of that."""

    class Slope(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return 3 * x * x

        @staticmethod
        def backward(ctx, dy):
            return slope(ctx.saved_tensors[0]) * dy

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, dy):
            return Slope.apply(ctx.saved_tensors[0]) * dy

    return lambda x: Cube.apply(x).sum()


def cube(x):
    return (x * x * x).sum()


@pytest.mark.parametrize("derivative", DERIVATIVES)
def test_two_formulas_of_one_function_agree(derivative):
    found = gradcmp.compare_functions(
        {"mine": otherwise, "theirs": smooth}, INPUTS, derivative=derivative, framework="torch"
    )
    assert found.agrees
    (pair, *_) = found.comparisons
    expected = {*names(derivative, ("output",), ("x", "w"))}
    assert {"output", "d x", "d w"} | expected <= found.comparisons[pair].keys()
    assert not any(name.startswith("d J") or name.startswith("d H") for name in found.tensors)


@pytest.mark.parametrize(
    "slope",
    [lambda x: -6 * x, lambda x: 0 * x, lambda x: 6.006 * x, lambda x: 6 * x.flip(0)],
    ids=["sign", "missing", "factor", "order"],
)
def test_a_wrong_second_order_behind_a_right_gradient_is_a_bug(slope):
    functions = {"mine": twice(slope), "theirs": cube}
    options = {"inputs": {"x": "normal:5"}, "framework": "torch"}
    assert gradcmp.compare_functions(functions, **options).agrees
    found = gradcmp.compare_functions(functions, **options, derivative="hvp")
    wrong = {(name, one.verdict.reason) for _, name, one in found.disagreements}
    assert wrong == {("H v[x]", "bug")}


def test_a_right_second_order_by_hand_agrees():
    functions = {"mine": twice(lambda x: 6 * x), "theirs": cube}
    options = {"inputs": {"x": "normal:5"}, "framework": "torch"}
    assert gradcmp.compare_functions(functions, **options, derivative="hvp").agrees


def test_the_example_of_the_page_fails_as_it_says():
    source, said = (
        re.search(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.S | re.M).group(1)
        for language in ("python", "text")
    )
    scope = {}
    exec(compile(source, PAGE.name, "exec"), scope)
    with pytest.raises(AssertionError) as failed:
        scope["test_fused"]()
    assert without_numbers(said) in without_numbers(str(failed.value))
    right = source.replace("x.detach()", "x").replace('"normal:5"', '"normal:6"')
    scope = {}
    exec(compile(right, PAGE.name, "exec"), scope)
    scope["test_fused"]()


def without_numbers(text):
    """Return a text without what differs between machines."""
    return re.sub(r"[\d.e×-]+|\s+", " ", text).strip()


@pytest.mark.parametrize("derivative", ["jacobian", "hessian"])
@pytest.mark.parametrize(
    ("slope", "order"), [(lambda x: 6 * x, 0), (lambda x: 6.06 * x, 2)], ids=["right", "factor"]
)
def test_a_function_whose_forward_is_given_ctx_is_differentiated_row_by_row(
    slope, order, derivative
):
    """`torch.func` refuses it, and most are written so."""
    found = gradcmp.compare_functions(
        {"mine": twice(slope), "theirs": cube},
        {"x": "normal:3"},
        framework="torch",
        derivative=derivative,
    )
    assert found.agrees == (order == 0 or derivative == "jacobian")
    assert names(derivative, ("output",), ("x",))[0] in found.tensors


@pytest.mark.frameworks
@pytest.mark.parametrize("derivative", ["hvp", "hessian"])
def test_a_custom_vjp_is_differentiated_in_reverse_twice(derivative):
    """JAX has no forward mode of it."""
    jax = framework("jax")

    def with_slope(slope):
        cubed = jax.custom_vjp(lambda x: x**3)
        cubed.defvjp(lambda x: (x**3, x), lambda x, dy: (slope(x) * dy,))
        return lambda x: cubed(x)

    for slope, right in [
        (lambda x: 3 * x * x, True),
        (lambda x: 3 * x * jax.lax.stop_gradient(x), False),
    ]:
        found = gradcmp.compare_functions(
            {"mine": with_slope(slope), "theirs": lambda x: x * x * x},
            {"x": 1.5},
            framework="jax",
            derivative=derivative,
        )
        assert found.agrees == right
        assert names(derivative, ("output",), ("x",))[0] in found.tensors


def test_a_wrong_gradient_is_laid_to_whoever_has_it():
    """What is asked for beside the gradient is no output that the gradient would be of."""

    class Off(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, dy):
            return 3.03 * ctx.saved_tensors[0] ** 2 * dy

    found = gradcmp.compare_functions(
        {"mine": lambda x: Off.apply(x), "theirs": lambda x: x * x * x},
        {"x": 1.5},
        framework="torch",
        derivative="hvp",
    )
    assert "mine's gradient of x is wrong" in str(found)


@pytest.mark.frameworks
def test_a_reference_in_tensorflow_has_a_float64_run():
    """Its forward mode runs functions that TensorFlow has traced, and hands over by name."""
    tf = framework("tensorflow")
    found = gradcmp.compare_functions(
        {"mine": lambda x: x**3, "theirs": lambda x: x * tf.square(x)},
        {"x": 1.5},
        framework="tensorflow",
        derivative="jvp",
    )
    assert found.agrees
    assert not found.notes
    assert all("J v[output]" in by for by in found.comparisons.values())


@pytest.mark.frameworks
def test_across_frameworks():
    jnp = framework("jax").numpy
    tf = framework("tensorflow")

    def in_jax(x, w):
        return (jnp.tanh(x @ w) ** 2).sum(0)

    def in_tensorflow(x, w):
        return tf.reduce_sum(tf.tanh(x @ w) ** 2, 0)

    found = gradcmp.compare_functions(
        {"jax:jit": in_jax, "tensorflow": in_tensorflow, "torch": smooth}, INPUTS, derivative="hvp"
    )
    assert found.agrees
    assert all({"H v[x]", "H v[w]"} <= by.keys() for by in found.comparisons.values())


def test_at_a_kink_frameworks_that_agree_are_no_bug():
    def steps(x):
        return (torch.relu(x) ** 2 + torch.abs(x) * x).sum()

    def clamped(x):
        return (x.clamp(min=0) ** 2 + torch.abs(x) * x).sum()

    found = gradcmp.compare_functions(
        {"mine": steps, "theirs": clamped}, {"x": np.array([0.0, 1, -2])}, derivative="hvp"
    )
    assert found.agrees
