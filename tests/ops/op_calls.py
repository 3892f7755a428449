"""Every example of every op as a graph with drawn inputs: what the op tests run over."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any
from zlib import crc32

import numpy as np
import pytest

from gradcmp.case import Case, Expression, InputSpec
from gradcmp.graph import Graph, backward, build, forward, infer
from gradcmp.graph.walk import constants_of, spec_of
from gradcmp.ops import OPS, Array, ArraySpec, Example, Op

OUTPUT = "result"
Test = Callable[..., None]


@dataclass(frozen=True, eq=False)
class Call:
    """One example of one op."""

    op: Op
    example: Example

    def __str__(self) -> str:
        shapes = " ".join("x".join(map(str, s)) or "0d" for s in self.example.shapes.values())
        return f"{self.example.expression} {shapes}"

    @cached_property
    def graph(self) -> Graph:
        inputs = {n: InputSpec("normal", s) for n, s in self.example.shapes.items()}
        body = {OUTPUT: Expression(self.example.expression)}
        return build(Case(self.op.name, inputs, body, OUTPUT, tuple(inputs), ()))

    @cached_property
    def inputs(self) -> dict[str, Array]:
        rng = np.random.default_rng(crc32(str(self).encode()))
        return {
            name: np.asarray(self.op.draw(name, rng, shape))
            for name, shape in self.example.shapes.items()
        }

    @cached_property
    def spec(self) -> ArraySpec:
        specs = {name: spec_of(array) for name, array in self.inputs.items()}
        return infer(self.graph, specs)[OUTPUT]

    @cached_property
    def cotangent(self) -> Array:
        rng = np.random.default_rng(crc32(b"cotangent"))
        return np.asarray(rng.standard_normal(self.spec.shape))

    @property
    def real_inputs(self) -> tuple[str, ...]:
        return tuple(n for n, array in self.inputs.items() if array.dtype.kind == "f")

    def cast(self, convert: Callable[[Array], Array]) -> dict[str, Array]:
        """Return the inputs with the real ones converted."""
        return {n: convert(a) if n in self.real_inputs else a for n, a in self.inputs.items()}

    def value(self, inputs: dict[str, Array]) -> Array:
        return forward(self.graph, inputs, constants_of(np.dtype(np.float64))).values[OUTPUT]

    @cached_property
    def gradients(self) -> dict[str, Array]:
        """Return the gradients of <cotangent, result> by the hand-written pullbacks."""
        tape = forward(self.graph, self.inputs, constants_of(np.dtype(np.float64)))
        found = backward(self.graph, tape, self.cotangent)
        return {name: found[name] for name in self.real_inputs}


CALLS = tuple(Call(op, example) for op in OPS.values() for example in op.examples)
DIFFERENTIABLE = [call for call in CALLS if call.op.differentiable]
FIRST = tuple(next(call for call in CALLS if call.op is op) for op in OPS.values())


def each(calls: Iterable[Call]) -> Callable[[Test], Test]:
    """Return a decorator: a test of a call becomes one of an op, which asks it of every call.

    A test for each call takes longer to set up than to run. Where one fails, pytest shows what was
    printed: the last call is the one.
    """
    calls_of: dict[str, list[Call]] = {}
    for call in calls:
        calls_of.setdefault(call.op.name, []).append(call)

    def asked_of_each(test: Test) -> Test:
        @wraps(test)
        def of_op(op: str, **others: Any) -> None:
            for call in calls_of[op]:
                print(call)
                test(call=call, **others)

        given = inspect.signature(test)
        renamed = {"call": "op"}
        names = (one.replace(name=renamed.get(n, n)) for n, one in given.parameters.items())
        of_op.__signature__ = given.replace(parameters=[*names])  # type: ignore[attr-defined]
        return pytest.mark.parametrize("op", calls_of)(of_op)

    return asked_of_each
