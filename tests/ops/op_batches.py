"""Many examples in one graph: a framework traces and compiles once for a room of ops."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import prod

import numpy as np
from op_calls import CALLS, FIRST, Call
from op_compiled import COMPILED, Answer, Asked

from gradcmp.backends import Backend, Job
from gradcmp.case import DType, Expression
from gradcmp.graph.build import assemble
from gradcmp.ops import Array, Op

# A result that is no real number, made one.
REAL = {"bool": "where({}, {}, 0)", "int": "where({} == 0, {}, 0)"}


def room(op: Op) -> str:
    """Return the file that an op is in: its ops are asked together."""
    return op.reference.__module__


def folder(op: Op) -> str:
    """Return the folder of that file: of the first ops of its files, few enough for one graph."""
    return room(op).rpartition(".")[0]


ROOMS = {room(call.op): call for call in reversed(FIRST)}  # and the first example of each


def answers(
    framework: Backend,
    op: Op,
    mode: str,
    dtype: DType,
    calls: tuple[Call, ...] = CALLS,
    place: Callable[[Op], str] = room,
) -> dict[Call, Answer]:
    """Return a framework's answers to the calls of an op.

    They are asked with those of all ops in the same place. Where that fails, the op is asked
    alone, so that an op that a framework cannot compute fails its own test and no other.
    """
    neighbours = tuple(call for call in calls if place(call.op) == place(op))
    own = [call for call in neighbours if call.op is op]
    found = _batch(framework, neighbours, mode, dtype)
    return {call: found[call] for call in own} if found else ask(framework, own, mode, dtype)


@cache
def _batch(
    framework: Backend, calls: tuple[Call, ...], mode: str, dtype: DType
) -> dict[Call, Answer]:
    try:
        return ask(framework, calls, mode, dtype)
    except Exception:  # noqa: BLE001  whatever it is, the op that is asked alone says it again
        return {}


def ask(framework: Backend, calls: Sequence[Call], mode: str, dtype: DType) -> dict[Call, Answer]:
    """Return a framework's answers from one graph of all calls."""
    compiled = COMPILED.get((framework.name, mode))
    if compiled is None:
        return ask_adapter(framework, calls, mode, dtype)
    inputs, body = together(calls)
    graph = assemble(tuple(inputs), tuple(body.items()), "result_0")
    values, gradients = compiled(framework, Asked(calls, graph, inputs, mode, dtype))
    return _cut(calls, dict(zip(body, values, strict=True)), gradients)


def ask_adapter(
    framework: Backend, calls: Sequence[Call], mode: str, dtype: DType
) -> dict[Call, Answer]:
    """Return an adapter's answers from one graph of all calls.

    Its output is all results one after the other, so that each has its own stretch of the
    cotangent, and none reaches the gradient of another.
    """
    inputs, body = together(calls)
    inputs["start"] = np.zeros(1)  # an output has something real
    flat, upstream = ["start"], [np.zeros(1)]
    for i, call in enumerate(calls):
        real = f"result_{i}"
        if call.spec.kind != "float":
            real = REAL[call.spec.kind].format(f"result_{i}", f"cotangent_{i}")
            inputs[f"cotangent_{i}"] = call.cotangent
        flat.append(f"reshape({real}, ({prod(call.spec.shape)},))")
        upstream.append(call.cotangent.ravel())
    body["output"] = Expression(f"concat({', '.join(flat)})")
    graph = assemble(tuple(inputs), tuple(body.items()), "output")
    job = Job(framework.name, graph, inputs, np.concatenate(upstream), mode, dtype)
    recording = framework.record(job)
    return _cut(calls, recording.values, recording.gradients)


def together(calls: Sequence[Call]) -> tuple[dict[str, Array], dict[str, Expression]]:
    """Return the inputs and the expressions `result_0`, `result_1`, … of all calls."""
    inputs: dict[str, Array] = {}
    body: dict[str, Expression] = {}
    for i, call in enumerate(calls):
        inputs |= {f"{name}_{i}": array for name, array in call.inputs.items()}
        names = re.compile(rf"\b({'|'.join(call.inputs)})\b(?!=)")
        text = names.sub(rf"\1_{i}", call.example.expression)
        body[f"result_{i}"] = Expression(text)
    return inputs, body


def _cut(
    calls: Sequence[Call], values: Mapping[str, Array], gradients: Mapping[str, Array]
) -> dict[Call, Answer]:
    return {
        call: Answer(
            values[f"result_{i}"], {name: gradients[f"{name}_{i}"] for name in call.real_inputs}
        )
        for i, call in enumerate(calls)
    }
