"""Code that nobody sees into: its rounding is noise, and a kernel wrong in its dtype is none."""

from __future__ import annotations

import numpy as np
import pytest

import gradcmp

INPUTS = {"x": "normal:4x3", "w": "normal:3x2"}


def layer(factor=1.0, wrong_in=(), refuses=()):
    """Return tanh(x w), its gradient of w off by a factor in some dtypes."""

    def function(x, w):
        if x.dtype in refuses:
            raise TypeError(f"there is no kernel for {x.dtype}")
        y = np.tanh(x @ w)

        def pullback(dy):
            g = dy * (1 - y * y)
            by = x.dtype.type(factor if x.dtype in wrong_in else 1)
            return {"x": g @ w.T, "w": x.T @ g * by}

        return y, pullback

    return function


def compare(mine, plain, inputs=INPUTS, **options):
    return gradcmp.compare_functions(
        {"mine": mine, "plain": plain}, inputs, framework="numpy", **options
    )


@pytest.mark.parametrize("factor", [-1.0, 0.0, 2.0, 1.01, 1.0001])
@pytest.mark.parametrize("against", ["mine", "plain"])
def test_a_kernel_wrong_in_its_dtype_alone_is_no_noise_of_its_own(factor, against):
    wrong = layer(factor, wrong_in=("float32",))
    assert not compare(wrong, layer(), against=against).agrees
    assert not compare(wrong, layer(refuses=("float64",)), against=against).agrees


def cumulative(x):
    return np.cumsum(x, 0), lambda dy: {"x": np.cumsum(dy[::-1], 0)[::-1]}


def one_by_one(x):
    def rows(x):
        sums = [x[0]]
        for row in x[1:]:
            sums.append(sums[-1] + row)
        return np.stack(sums)

    return rows(x), lambda dy: {"x": rows(dy[::-1])[::-1]}


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_a_gradient_that_is_linear_in_the_inputs_has_the_rounding_of_its_cotangent(dtype):
    assert compare(one_by_one, cumulative, {"x": "normal:100x3"}, dtype=dtype).agrees


def rms_norm(x):
    r = 1 / np.sqrt((x * x).mean(-1, keepdims=True))
    y = x * r
    return y, lambda dy: {"x": r * (dy - y * (dy * y).mean(-1, keepdims=True))}


def rms_norm_by_sums(x, factor=1.0):
    n = x.dtype.type(x.shape[-1])
    s = np.sqrt((x**2).sum(-1, keepdims=True) / n)
    by = x.dtype.type(factor)
    return x / s, lambda dy: {"x": by * (dy / s - x * (dy * x).sum(-1, keepdims=True) / (n * s**3))}


def test_in_float64_rounding_is_that_of_float32_in_proportion():
    inputs = {"x": "normal:8x64"}
    assert compare(rms_norm, rms_norm_by_sums, inputs, dtype="float64").agrees
    off = compare(lambda x: rms_norm_by_sums(x, 1 + 1e-12), rms_norm, inputs, dtype="float64")
    assert not off.agrees


def by_sigmoid(x):
    s = 1 / (1 + np.exp(-2 * x))
    return x * s, lambda dy: {"x": dy * (s + 2 * x * s * (1 - s))}


def by_tanh(x):
    t = np.tanh(x)
    half = x.dtype.type(0.5)
    return half * x * (1 + t), lambda dy: {"x": dy * half * (1 + t + x * (1 - t * t))}


def test_both_sides_may_have_to_show_that_they_lost_digits():
    """1 + tanh(x) cancels far below zero, and the slope of both does where it is about zero."""
    found = compare(by_tanh, by_sigmoid, {"x": "normal:200:std=2.5"})
    assert found.agrees
    assert {"precision"} <= {
        one.verdict.reason for by in found.comparisons.values() for one in by.values()
    }
