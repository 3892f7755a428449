"""Ties of a maximum: who takes one, or shares, is right, and who counts both is not."""

import numpy as np
import pytest
from surroundings import framework

import gradcmp

torch = framework("torch")
jax = framework("jax")
pytestmark = pytest.mark.frameworks

PAIRED = {"x": np.array([1.0, 2, 3, -1]), "y": np.array([1.0, 0, 3, 2]), "v": "normal:4"}
TIED = {"z": np.array([0.0, 1, 0, -1, 2, 3, 3, -2]), "v": "normal:4"}


class Twice(torch.autograd.Function):
    """The larger of two, whose cotangent goes to both where they are equal."""

    @staticmethod
    def forward(ctx, x, y, alone):
        ctx.save_for_backward(x, y)
        ctx.right = alone and x.dtype == torch.float64
        return torch.where(x >= y, x, y)

    @staticmethod
    def backward(ctx, dz):
        x, y = ctx.saved_tensors
        return dz * (x >= y), dz * ((y > x) if ctx.right else (y >= x)), None


def disagreeing(framework, functions, inputs):
    verdict = gradcmp.compare_functions(functions, inputs, framework=framework, layouts="off")
    return {name for _, name, _ in verdict.disagreements}


@pytest.mark.parametrize("alone", [False, True])
def test_a_cotangent_that_goes_to_both_of_two_equal_numbers_is_wrong(alone):
    """With its own branches taken otherwise it would be right: that excuses nobody."""
    functions = {
        "tested": lambda x, y, v: (Twice.apply(x, y, alone) * v).sum(),
        "right": lambda x, y, v: (torch.where(x > y, x, y) * v).sum(),
    }
    assert "d x" in disagreeing("torch", functions, PAIRED)
    functions["tested"] = lambda x, y, v: (torch.maximum(x, y) * v).sum()
    assert not disagreeing("torch", functions, PAIRED)


def test_one_of_several_maxima_may_have_all_in_torch():
    functions = {
        "tested": lambda z, v: torch.sort(z)[0][-1] * v.sum(),
        "right": lambda z, v: z.amax() * v.sum(),
    }
    assert not disagreeing("torch", functions, TIED)


def largest_with(gradient):
    """Return a maximum with a gradient of its own."""

    @jax.custom_vjp
    def largest(z):
        return z.max()

    largest.defvjp(lambda z: (z.max(), z), lambda z, dy: (dy * gradient(z),))
    return largest


@pytest.mark.parametrize(
    ("gradient", "wrong"),
    [
        (lambda z: (jax.numpy.arange(8) == 5) * 1.0, set()),
        (lambda z: (z == z.max()) * 1.0, {"d z"}),
    ],
)
def test_one_of_several_maxima_may_have_all_in_jax_and_each_of_them_may_not(gradient, wrong):
    functions = {
        "tested": lambda z, v: largest_with(gradient)(z) * v.sum(),
        "right": lambda z, v: z.max() * v.sum(),
    }
    assert disagreeing("jax", functions, TIED) == wrong
