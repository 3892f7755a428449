"""Every hand-written pullback against the complex step and against differences."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from op_calls import DIFFERENTIABLE, Call, each

from gradcmp.ops import OPS, Array

COMPLEX_STEP = 1e-30  # no difference is taken, so nothing cancels however small it is
STEP = 1e-5  # near the cube root of float64 eps, where rounding and truncation balance
every_call = each(DIFFERENTIABLE)


def elementwise(call: Call, name: str, slope: Callable[[Array], Array]) -> Array:
    """Return the gradient of <cotangent, value> from `slope` along each element of an input."""
    x = call.inputs[name]
    gradient = np.zeros(x.size)
    for i in range(x.size):
        direction = np.zeros(x.size)
        direction[i] = 1
        gradient[i] = np.sum(call.cotangent * slope(direction.reshape(x.shape)))
    return gradient.reshape(x.shape)


def complex_step(call: Call, name: str) -> Array:
    inputs = call.cast(lambda array: array.astype(complex))

    def slope(direction: Array) -> Array:
        moved = {**inputs, name: inputs[name] + 1j * COMPLEX_STEP * direction}
        return np.imag(call.value(moved)) / COMPLEX_STEP

    return elementwise(call, name, slope)


def differences(call: Call, name: str) -> Array:
    def slope(direction: Array) -> Array:
        ahead = call.value({**call.inputs, name: call.inputs[name] + STEP * direction})
        behind = call.value({**call.inputs, name: call.inputs[name] - STEP * direction})
        return (ahead - behind) / (2 * STEP)

    return elementwise(call, name, slope)


RULES = {"complex step": (complex_step, 1e-12), "differences": (differences, 1e-7)}


@cache
def gradients(call: Call, rule: str) -> dict[str, Array]:
    """Return the gradients by a rule that knows nothing of the pullbacks."""
    return {name: RULES[rule][0](call, name) for name in call.real_inputs}


every_rule = pytest.mark.parametrize("rule", RULES, ids=str)


def agrees(actual: Array, expected: Array, tolerance: float) -> bool:
    """Ask for every element whether it is close, on the scale of the whole gradient."""
    scale = np.abs(expected).max(initial=0)
    return bool(np.all(np.abs(actual - expected) <= tolerance * (np.abs(expected) + scale)))


@every_rule
@every_call
def test_pullback(call: Call, rule: str) -> None:
    for name, gradient in call.gradients.items():
        assert gradient.shape == call.inputs[name].shape
        assert agrees(gradient, gradients(call, rule)[name], RULES[rule][1]), name


def _one_off(gradient: Array) -> Array:
    largest = np.abs(gradient).max(initial=0)
    return np.where(np.abs(gradient) == largest, gradient * 1.001, gradient)


SPOILS: dict[str, Callable[[Array], Array]] = {
    "negated": lambda gradient: -gradient,
    "scaled": lambda gradient: gradient * 1.001,
    "reversed": lambda gradient: np.flip(gradient),
    "one off": _one_off,
    "missing": lambda gradient: np.zeros_like(gradient),
}


@every_rule
@every_call
def test_spoiled_pullback_is_caught(call: Call, rule: str) -> None:
    for name, gradient in call.gradients.items():
        expected = gradients(call, rule)[name]
        for spoil, change in SPOILS.items():
            spoiled = change(gradient)
            if not np.array_equal(spoiled, gradient):
                assert not agrees(spoiled, expected, RULES[rule][1]), (name, spoil)


@pytest.mark.parametrize("op", {call.op.name: call.op for call in DIFFERENTIABLE})
def test_every_spoil_changes_some_gradient_of_the_op(op: str) -> None:
    changed = {
        spoil
        for call in DIFFERENTIABLE
        if call.op.name == op
        for gradient in call.gradients.values()
        for spoil, change in SPOILS.items()
        if not np.array_equal(change(gradient), gradient)
    }
    flat = OPS[op].vjp == "dx = 0."  # of signs and whole parts
    assert changed == (set() if flat else set(SPOILS))
