"""Calls of ops on given numbers, and what the reference makes of them."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from zlib import crc32

import numpy as np

from gradcmp.backends.job import conjugated
from gradcmp.case import BackendSpec, DType, Expression
from gradcmp.dtypes.arrays import in_parts
from gradcmp.graph import Graph, Tape, backward, forward, infer
from gradcmp.graph.build import assemble
from gradcmp.graph.walk import constants_of, spec_of
from gradcmp.inputs import round_to
from gradcmp.ops import Array, Example, Op
from gradcmp.ops.spec import CONTINUOUS
from gradcmp.parts.meant import over_complex
from gradcmp.workers import Request

RESULT = "result"
ANCHOR = "anchor"  # an input that makes the output real where no result is


@dataclass(frozen=True, eq=False)
class Call:
    """One call of an op in the graph language, on numbers in float64 or complex128.

    Attributes
    ----------
    name : str
        Tells it from the op's other calls.
    cotangent : array, optional
        The upstream gradient; None is one that is drawn.
    """

    op: Op
    name: str
    expression: str
    inputs: Mapping[str, Array] = field(repr=False)
    given: Array | None = None

    @cached_property
    def graph(self) -> Graph:
        """The graph of this call alone."""
        return assemble(tuple(self.inputs), ((RESULT, Expression(self.expression)),), RESULT)

    @property
    def dtype(self) -> DType:
        """The dtype of the numbers."""
        return "complex128" if self.whole else "float64"

    @property
    def whole(self) -> tuple[str, ...]:
        """The names of the inputs that are of complex numbers."""
        return tuple(name for name, x in self.inputs.items() if x.dtype.kind == "c")

    @cached_property
    def tape(self) -> Tape:
        """The forward pass of the reference."""
        graph = self.graph
        if self.whole:
            specs = {name: spec_of(x) for name, x in self.inputs.items()}
            graph = over_complex(graph, infer(graph, specs))
        with np.errstate(all="ignore"):
            return forward(graph, self.inputs, constants_of(np.dtype(self.dtype)))

    @property
    def value(self) -> Array:
        """The value that the reference gives."""
        return self.tape.values[RESULT]

    @cached_property
    def cotangent(self) -> Array:
        """The upstream gradient of the value."""
        if self.given is not None:
            return self.given
        rng = np.random.default_rng(crc32(b"cotangent"))
        return np.asarray(rng.standard_normal(self.value.shape))

    @property
    def differentiable(self) -> bool:
        """Whether it has gradients to compare."""
        return self.op.differentiable and spec_of(self.value).kind in CONTINUOUS

    @cached_property
    def gradients(self) -> Mapping[str, Array]:
        """The gradients of ``<cotangent, value>`` that the reference gives, by input."""
        if not self.differentiable:
            return {}
        with np.errstate(all="ignore"):
            found = backward(self.graph, self.tape, conjugated(self.cotangent))
        return {name: conjugated(found[name]) for name in self.real}

    @property
    def real(self) -> tuple[str, ...]:
        """The names of the inputs that have a gradient."""
        return tuple(name for name, x in self.inputs.items() if x.dtype.kind in "fc")


def drawn(op: Op, example: Example, dtype: DType) -> Call:
    """Return an example on numbers of the op's domain that a dtype can represent."""
    rng = np.random.default_rng(crc32(f"{example.expression} {example.shapes}".encode()))
    inputs = {}
    for name, shape in example.shapes.items():
        x = np.asarray(op.draw(name, rng, shape))
        inputs[name] = round_to(x, dtype) if x.dtype.kind == "f" else x
    shapes = " ".join("x".join(map(str, shape)) or "()" for shape in example.shapes.values())
    call = Call(op, f"{example.expression} {shapes}", example.expression, inputs)
    return Call(op, call.name, call.expression, inputs, round_to(call.cotangent, dtype))


def request(spec: BackendSpec, calls: Sequence[Call]) -> Request:
    """Return one graph of several calls: the sum over all of ``<cotangent, value>``.

    Asking a compiler takes longer than what it compiles. The inputs of the i-th call are called
    ``x_i``, and its value ``result_i``. Calls of complex numbers stand with their like, and of
    their products the real part is the share.
    """
    if any(call.whole for call in calls):
        return _in_parts(_request(spec, calls, COMPLEX))
    return _request(spec, calls, REAL)


@dataclass(frozen=True)
class _Spelling:
    """How the output is written: of the anchor, and by the kind of a value the product with it."""

    anchor: Array
    kept: str
    share: Mapping[str, str]


REAL = _Spelling(np.ones(()), f"{ANCHOR} * 1", {"f": "sum({0} * {1})"})
COMPLEX = _Spelling(
    np.ones((), complex),
    f"real({ANCHOR})",
    {"f": "sum({0} * real({1}))", "c": "sum(real({0} * conj({1})))"},
)


def _request(spec: BackendSpec, calls: Sequence[Call], written: _Spelling) -> Request:
    inputs: dict[str, Array] = {ANCHOR: written.anchor}
    body: list[tuple[str, str]] = []
    shares = [written.kept]
    for i, call in enumerate(calls):
        names = {name: f"{name}_{i}" for name in call.inputs}
        inputs |= {names[name]: x for name, x in call.inputs.items()}
        body.append((f"{RESULT}_{i}", renamed(call.expression, names)))
        if call.differentiable:
            inputs[f"cotangent_{i}"] = call.cotangent.astype(written.anchor.dtype)
            product = written.share[call.value.dtype.kind]
            body.append((f"share_{i}", product.format(f"{RESULT}_{i}", f"cotangent_{i}")))
            shares.append(f"share_{i}")
    body.append(("output", " + ".join(shares)))
    return Request(str(spec), spec, tuple(body), "output", inputs, np.ones(()))


def _in_parts(asked: Request) -> Request:
    """Return a request whose complex inputs are in parts, as they travel."""
    whole = tuple(name for name, x in asked.inputs.items() if x.dtype.kind == "c")
    inputs = {name: in_parts(x) if name in whole else x for name, x in asked.inputs.items()}
    return replace(asked, inputs=inputs, whole=whole)


def renamed(expression: str, names: Mapping[str, str]) -> str:
    """Return an expression in which inputs have other names; ops of those names keep theirs."""
    tree = ast.parse(expression, mode="eval")
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and id(node) not in called:
            node.id = names.get(node.id, node.id)
    return ast.unparse(tree)
