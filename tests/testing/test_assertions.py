"""Assertions in a plain test."""

import numpy as np
import pytest
from surroundings import framework

import gradcmp

torch = framework("torch")
pytestmark = pytest.mark.frameworks

INPUTS = {"x": "normal:16x24", "w": "normal:24"}


def eager(x, w):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * w


class Fused(torch.autograd.Function):
    spoil = staticmethod(lambda dx: dx)

    @staticmethod
    def forward(ctx, x, w):
        r = torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5)
        ctx.save_for_backward(x, w, r)
        return x * r * w

    @classmethod
    def backward(cls, ctx, g):
        x, w, r = ctx.saved_tensors
        n = x * r
        dx = r * (g * w - n * (g * w * n).mean(-1, keepdim=True))
        return Fused.spoil(dx), (g * n).sum(0)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_right_backward_passes(dtype):
    verdict = gradcmp.assert_gradients_agree(Fused.apply, against=eager, inputs=INPUTS, dtype=dtype)
    assert verdict.agrees


def test_a_wrong_one_fails_with_the_screen(monkeypatch):
    monkeypatch.setattr(Fused, "spoil", lambda dx: -dx)
    with pytest.raises(AssertionError) as failed:
        gradcmp.assert_gradients_agree(Fused.apply, against=eager, inputs=INPUTS)
    text = str(failed.value)
    assert text.startswith("✗ Fused: Fused's gradient of x is wrong (bug, not rounding)\n")
    assert "the sign is flipped" in text
    assert "reproduce" not in text  # arrays of a test are in no file


def test_a_reservation_warns():
    def constant(x, w):
        return eager(x, w) * 0 + x

    with pytest.warns(gradcmp.GradientWarning, match="d w"):
        gradcmp.assert_gradients_agree(constant, against=constant, inputs=INPUTS)


def test_close_arrays_of_two_frameworks():
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    gradcmp.assert_close(torch.tensor(x), x)
    gradcmp.assert_close({"x": torch.tensor(x)}, {"x": x * np.float32(1 + 1e-7)})


@pytest.mark.parametrize(
    ("actual", "expected", "text"),
    [
        (
            np.ones(3),
            np.ones((3, 1)),
            r"^nothing was compared \(shape: \(3,\) against \(3, 1\)\)$",
        ),
        (
            {"a": {"b": np.ones(2), "c": np.ones(2)}},
            {"a": {"b": np.ones(2), "c": np.zeros(2)}},
            "'a.c': 2 of 2",
        ),
        ({"a": {}}, {"a": {}}, "'a': nothing was compared"),
        ([1.0, np.nan], [np.nan, 1.0], "2 of 2"),
        ({"a": np.ones(2), "b": np.ones(2)}, {"a": np.zeros(2), "b": np.zeros(2)}, "'b': 2 of 2"),
        ({"a": np.ones(2)}, {"b": np.ones(2)}, "only actual has it"),
        ({}, {}, "nothing was compared"),
        (np.ones(0), np.ones(0), "empty"),
        (np.ones(2), {"a": np.ones(2)}, "only one"),
    ],
)
def test_what_is_not_close_is_described_in_full(actual, expected, text):
    with pytest.raises(AssertionError, match=text):
        gradcmp.assert_close(actual, expected)


def test_a_tolerance_of_ones_own():
    gradcmp.assert_close([1.0, 2.0], [1.1, 2.1], atol=0.11)
    with pytest.raises(AssertionError, match="1 of 2"):
        gradcmp.assert_close([1.0, 2.0], [1.1, 2.1], rtol=0.06)
