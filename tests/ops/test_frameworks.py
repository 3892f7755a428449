"""Every op's values and gradients against the frameworks' own, in each mode and dtype.

Several examples make one graph, because asking a compiler takes longer than what it computes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import ml_dtypes
import numpy as np
import pytest
from op_calls import CALLS, Call

from gradcmp.backends import Backend, Job
from gradcmp.case import DType, Expression
from gradcmp.graph.build import assemble
from gradcmp.ops import OPS, Array, Op
from gradcmp.recording import Recording

# Functions of a framework that compute part of a float64 result in float32.
IN_FLOAT32 = {("tensorflow", "ctc_loss"), ("tensorflow", "gelu")}
# JAX's eager mode compiles every primitive by itself: minutes, for what jit traces as well.
# What torch compiles takes seconds for each graph; the first stage lies below all others.
MODES = {
    "jax": ("jit",),
    "torch": ("eager", "aot_eager"),
    "tensorflow": ("eager", "graph", "session"),
}
# Compiled, all ops in one graph take twenty seconds for each dtype: stages are for float64, above.
COARSE_MODE = {"jax": "jit", "torch": "eager", "tensorflow": "session"}
COARSE: tuple[DType, ...] = ("float32", "float16", "bfloat16")

# What the cotangent of each kind of result is handed on to.
PICKED = {"float": "{} * {}", "bool": "where({}, {}, 0)", "int": "where({} == 0, {}, 0)"}
STORED = {"bool": "bool", "int": "int64"}

FIRST = [next(call for call in CALLS if call.op is op) for op in OPS.values()]

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
        picked = PICKED[call.spec.kind].format(f"result_{i}", f"cotangent_{i}")
        body.append((f"share_{i}", f"sum({picked})"))
    body.append(("output", " + ".join(["0", *(f"share_{i}" for i in range(len(calls)))])))
    expressions = tuple((name, Expression(text)) for name, text in body)
    graph = assemble(tuple(inputs), expressions, "output")
    return framework.record(Job(framework.name, graph, inputs, np.ones(()), mode, dtype))


def modes_of(framework: Backend) -> tuple[str, ...]:
    return MODES.get(framework.name, framework.modes)


def examples(op: Op) -> list[Call]:
    return [call for call in CALLS if call.op is op]


def distances(recording: Recording, i: int, call: Call) -> dict[str, float]:
    """Return how far the i-th result and its gradients are from the reference in float64."""
    found = {"value": distance(recording.values[f"result_{i}"], call.value(call.inputs))}
    for name in call.real_inputs if call.op.differentiable else ():
        gradient = recording.gradients[f"{name}_{i}"]
        found[f"d {name}"] = distance(gradient, call.gradients[name])
    return found


def distance(actual: Array, expected: Array) -> float:
    """Return the largest difference, relative to the largest number that is expected."""
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
    for mode in modes_of(framework):
        recording = record(framework, calls, mode, "float64")
        for i, call in enumerate(calls):
            for what, apart in distances(recording, i, call).items():
                if (framework.name, op.name) in IN_FLOAT32:
                    assert 1e-10 < apart < 1e-6, (mode, str(call), what)
                else:
                    assert apart < 1e-12, (mode, str(call), what)


@cache
def first_examples(framework: Backend, dtype: DType) -> Recording:
    return record(framework, FIRST, COARSE_MODE[framework.name], dtype)


@pytest.mark.parametrize("dtype", COARSE)
@pytest.mark.parametrize("i", range(len(FIRST)), ids=[call.op.name for call in FIRST])
def test_coarse_dtypes(framework: Backend, i: int, dtype: DType) -> None:
    if dtype not in framework.dtypes:
        pytest.skip(f"{framework.name} does not compute in {dtype}")
    call, recording = FIRST[i], first_examples(framework, dtype)
    if call.op.differentiable:
        for what, apart in distances(recording, i, call).items():
            assert apart < 64 * float(ml_dtypes.finfo(dtype).eps), what
    expected = STORED.get(call.spec.kind, dtype)
    assert recording.values[f"result_{i}"].dtype.name == expected
    for name in call.real_inputs:
        assert recording.gradients[f"{name}_{i}"].dtype.name == dtype


@pytest.mark.parametrize("spoil", [np.negative, lambda d: d * 1.001, np.flip, np.zeros_like])
def test_spoiled_gradient_is_caught(framework: Backend, spoil: Callable[[Array], Array]) -> None:
    calls = examples(OPS["softmax"])
    recording = record(framework, calls, modes_of(framework)[-1], "float64")
    for i, call in enumerate(calls):
        spoiled = spoil(recording.gradients[f"x_{i}"])
        assert distance(spoiled, call.gradients["x"]) > 1e-4
