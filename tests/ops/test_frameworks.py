"""Every op's values and gradients against the frameworks' own, in each mode and dtype.

All examples of an op make one graph, so that a compiler is asked once for an op.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest
from op_calls import CALLS, Call

from gradcmp.backends.base import Backend, Job
from gradcmp.case import DType, Expression
from gradcmp.graph.build import assemble
from gradcmp.ops import OPS, Array, Op
from gradcmp.recording import Recording

# Functions of a framework that compute part of a float64 result in float32.
IN_FLOAT32 = {("tensorflow", "gelu"), ("jax", "scaled_dot_product_attention")}
# JAX's eager mode compiles every primitive by itself: minutes, for what jit traces as well.
MODES = {"jax": ("jit",)}
COARSE: tuple[DType, ...] = ("float32", "float16", "bfloat16")

every_op = pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)


def record(framework: Backend, calls: list[Call], mode: str, dtype: DType) -> Recording:
    """Differentiate the sum over all calls of <cotangent, result>."""
    inputs: dict[str, Array] = {}
    body: list[tuple[str, str]] = []
    for i, call in enumerate(calls):
        inputs |= {f"{name}_{i}": array for name, array in call.inputs.items()}
        inputs[f"cotangent_{i}"] = call.cotangent
        names = re.compile(rf"\b({'|'.join(call.inputs)})\b(?!=)")
        body.append((f"result_{i}", names.sub(rf"\1_{i}", call.example.expression)))
        picked = f"result_{i} * cotangent_{i}"
        if not call.op.differentiable:
            picked = f"where(result_{i}, cotangent_{i}, 0)"
        body.append((f"share_{i}", f"sum({picked})"))
    body.append(("output", " + ".join(f"share_{i}" for i in range(len(calls)))))
    expressions = tuple((name, Expression(text)) for name, text in body)
    graph = assemble(tuple(inputs), expressions, "output")
    return framework.record(Job(framework.name, graph, inputs, np.ones(()), mode, dtype))


def examples(op: Op) -> list[Call]:
    return [call for call in CALLS if call.op is op]


def distances(recording: Recording, calls: list[Call]) -> dict[str, float]:
    """Give by result and gradient how far it is from the reference in float64."""
    found = {}
    for i, call in enumerate(calls):
        text = call.example.expression
        found[text] = distance(recording.values[f"result_{i}"], call.value(call.inputs))
        for name in call.real_inputs if call.op.differentiable else ():
            gradient = recording.gradients[f"{name}_{i}"]
            found[f"d {name} of {text}"] = distance(gradient, call.gradients[name])
    return found


def distance(actual: Array, expected: Array) -> float:
    """Give the largest difference, relative to the largest number that is expected."""
    assert actual.shape == expected.shape
    if expected.size == 0:
        return 0.0
    if expected.dtype == bool:
        return float(np.any(actual != expected))
    error = np.abs(actual.astype(float) - expected).max()
    assert np.isfinite(error)
    return float(error / max(np.abs(expected).max(), 1e-3))


@every_op
def test_float64(framework: Backend, op: Op) -> None:
    calls = examples(op)
    for mode in MODES.get(framework.name, framework.modes):
        for what, apart in distances(record(framework, calls, mode, "float64"), calls).items():
            if (framework.name, op.name) in IN_FLOAT32:
                assert 1e-10 < apart < 1e-6, f"{what} in mode {mode}"
            else:
                assert apart < 1e-12, f"{what} in mode {mode}"


@pytest.mark.parametrize("dtype", COARSE)
@every_op
def test_coarse_dtypes(framework: Backend, op: Op, dtype: DType) -> None:
    call = examples(op)[0]
    recording = record(framework, [call], framework.modes[-1], dtype)
    if op.differentiable:
        for what, apart in distances(recording, [call]).items():
            assert apart < 64 * float(ml_dtypes.finfo(dtype).eps), what
    expected = dtype if call.spec.kind == "float" else call.spec.kind
    assert recording.values["result_0"].dtype.name == expected
    for name in call.real_inputs:
        assert recording.gradients[f"{name}_0"].dtype.name == dtype


@pytest.mark.parametrize("spoil", [np.negative, lambda d: d * 1.001, np.flip, np.zeros_like])
def test_spoiled_gradient_is_caught(framework: Backend, spoil: Callable[[Array], Array]) -> None:
    calls = examples(OPS["softmax"])
    recording = record(framework, calls, framework.modes[-1], "float64")
    for i, call in enumerate(calls):
        spoiled = spoil(recording.gradients[f"x_{i}"])
        assert distance(spoiled, call.gradients["x"]) > 1e-4
