"""What every op promises, asked of the registry: adding an op adds its tests."""

from __future__ import annotations

import inspect
from collections import Counter
from typing import ClassVar

import ml_dtypes
import numpy as np
import pytest
from op_calls import CALLS, DIFFERENTIABLE, OUTPUT, Call, each

from gradcmp.backends import backend_class
from gradcmp.backends.registry import BUILT_IN
from gradcmp.graph import backward, forward
from gradcmp.graph.walk import constants_of, spec_of
from gradcmp.ops import OPS, Array, Op

COARSE = (np.float32, np.float16, ml_dtypes.bfloat16)
every_op = pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
every_call = each(CALLS)
every_dtype = pytest.mark.parametrize("dtype", COARSE, ids=lambda t: t.__name__)


@every_op
def test_is_documented_spelled_and_exemplified(op: Op) -> None:
    text = inspect.getdoc(op.reference) or ""
    assert op.summary.endswith("."), op.summary
    assert "VJP" in text or not op.differentiable
    assert all(backend_class(name).computes(op) for name in BUILT_IN)
    assert len(op.examples) >= 2


@every_op
def test_examples_use_every_static_argument(op: Op) -> None:
    used = {name for call in CALLS if call.op is op for node in call.graph for name in node.static}
    assert used >= set(op.signature.parameters) - op.operands


@every_call
def test_inferred_is_what_comes_out(call: Call) -> None:
    assert spec_of(call.value(call.inputs)) == call.spec


@every_call
def test_nothing_is_written_into_operands_or_cotangent(call: Call) -> None:
    for array in (*call.inputs.values(), call.cotangent):
        array.flags.writeable = False
    tape = forward(call.graph, call.inputs, constants_of(np.dtype(np.float64)))
    if call.op.differentiable:
        backward(call.graph, tape, call.cotangent)


@every_dtype
@every_call
def test_dtype_is_kept(call: Call, dtype: type) -> None:
    inputs = call.cast(lambda array: array.astype(dtype))
    tape = forward(call.graph, inputs, constants_of(np.dtype(dtype)))
    value = tape.values[OUTPUT]
    assert value.dtype == (dtype if call.spec.kind == "float" else value.dtype)
    assert value.shape == call.spec.shape
    if not call.op.differentiable:
        return
    scale = 1 + np.abs(call.value(call.inputs)).max(initial=0)
    loose = 64 * float(ml_dtypes.finfo(dtype).eps)
    assert np.abs(value.astype(float) - call.value(call.inputs)).max(initial=0) <= loose * scale
    for node in reversed(call.graph.nodes):
        assert tape.pullbacks[node.name] is not None
    gradients = backward(call.graph, tape, call.cotangent.astype(dtype))
    for name in call.real_inputs:
        assert gradients[name].dtype == dtype
        assert gradients[name].shape == inputs[name].shape
        expected = call.gradients[name]
        error = np.abs(gradients[name].astype(float) - expected).max(initial=0)
        assert error <= loose * (1 + np.abs(expected).max(initial=0))


class Counting(np.ndarray):
    """Counts the ufuncs that it meets, and stays itself through all of NumPy."""

    seen: ClassVar[Counter[str]] = Counter()

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):  # type: ignore[no-untyped-def]
        Counting.seen[ufunc.__name__] += 1
        plain = [_plain(one) for one in inputs]
        return _wrap(getattr(ufunc, method)(*plain, **kwargs))

    def __array_function__(self, function, types, args, kwargs):  # type: ignore[no-untyped-def]
        if not hasattr(function, "_implementation"):
            return NotImplemented
        return _wrap(super().__array_function__(function, types, args, kwargs))


def _plain(one: object) -> object:
    return one.view(np.ndarray) if isinstance(one, Counting) else one


def _wrap(result: object) -> object:
    if isinstance(result, tuple):
        return tuple(map(_wrap, result))
    return (
        np.asarray(result).view(Counting)
        if isinstance(result, (np.ndarray, np.generic))
        else result
    )


@each(DIFFERENTIABLE)
def test_class_of_arrays_is_kept(call: Call) -> None:
    inputs = call.cast(lambda array: array.view(Counting))
    tape = forward(call.graph, inputs, constants_of(np.dtype(np.float64)))
    assert type(tape.values[OUTPUT]) is Counting
    gradients = backward(call.graph, tape, call.cotangent.view(Counting))
    for name in call.real_inputs:
        assert type(gradients[name]) is Counting
        np.testing.assert_array_equal(_plain(gradients[name]), call.gradients[name])


@pytest.mark.parametrize(
    ("expression", "inside"),
    [
        ("softmax(x)", {"subtract", "exp", "add", "divide"}),
        ("logsumexp(x)", {"maximum", "subtract", "exp", "add", "log"}),
        ("sigmoid(x)", {"exp", "add", "divide"}),
        ("gelu(x)", {"multiply", "exp", "add", "divide"}),
        ("gelu(x, approximate='tanh')", {"multiply", "tanh", "add"}),
    ],
)
def test_composites_are_made_of_ufuncs(expression: str, inside: set[str]) -> None:
    from gradcmp.case import Expression
    from gradcmp.graph.build import assemble

    graph = assemble(("x",), ((OUTPUT, Expression(expression)),), OUTPUT)
    x: Array = np.linspace(-1, 1, 6).reshape(2, 3).view(Counting)
    Counting.seen.clear()
    forward(graph, {"x": x}, constants_of(np.dtype(np.float64)))
    assert set(Counting.seen) >= inside
