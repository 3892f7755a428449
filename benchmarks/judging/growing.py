"""Random graphs: ops of the registry, joined at random, with values that stay sane."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from gradcmp.case import BackendSpec, Case, DType, Expression, InputSpec, Shape
from gradcmp.errors import GraphError
from gradcmp.graph import Graph, backward, forward, infer
from gradcmp.graph.build import assemble
from gradcmp.graph.walk import constants_of
from gradcmp.ops import OPS, Array, ArraySpec, Example, Op
from gradcmp.ops.spec import ANYWHERE, Booleans, Integers, Interval

FEWEST, MOST = 3, 30  # ops in a graph, without those that join its ends
LONGEST = 20  # of an axis that is stretched
LARGEST_VALUE = 1e3
LARGEST_GRADIENT = 1e6
LARGEST_OPERAND = 20.0  # where the op names no domain
CLEAR = 0.01  # from a kink or a pole, so that rounding alone never reaches it
REUSE = 0.85  # share of operands that are taken from what is there
DEEPER = 0.8  # share of those that are taken from the newest nodes
FLOAT64 = constants_of(np.dtype(np.float64))
# What graphs grow from: what most models are made of. Others have tests of their own.
COMMON = """
    sigmoid relu silu gelu softmax log_softmax add subtract multiply divide power negative square
    reciprocal scaled_dot_product_attention abs sign maximum minimum where clip greater
    greater_equal less less_equal equal not_equal conv2d einsum exp expm1 log log1p sqrt rsqrt sin
    cos tanh erf sum mean cumulative_sum max min logsumexp getitem take concat stack reshape
    transpose expand_dims squeeze broadcast_to matmul cross_entropy layer_norm batch_norm max_pool
    avg_pool var std norm
"""


def random_case(seed: int, dtype: DType, backends: tuple[BackendSpec, ...]) -> Case:
    """Return the random graph of a seed: the first that grows sane."""
    for rng in (np.random.default_rng([seed, attempt]) for attempt in range(1000)):
        growth = _Growth(rng)
        growth.grow(int(rng.integers(FEWEST, MOST + 1)))
        case = growth.case(f"random {seed}", seed, dtype, backends)
        if _sane(case, growth.drawn):
            return case
    raise AssertionError(f"seed {seed} gives no sane graph")


@dataclass
class _Growth:
    """A graph under construction, with the values of its nodes."""

    rng: np.random.Generator
    drawn: dict[str, Array] = field(default_factory=dict)
    body: dict[str, str] = field(default_factory=dict)
    values: dict[str, Array] = field(default_factory=dict)  # real inputs and nodes
    used: set[str] = field(default_factory=set)
    ops: int = 0

    def grow(self, size: int) -> None:
        """Add nodes until there are `size` ops."""
        while self.ops < size:
            op = OPS[str(self.rng.choice(COMMON.split()))]
            self._add(op, op.examples[int(self.rng.integers(len(op.examples)))])
        self._join()

    def case(self, name: str, seed: int, dtype: DType, backends: tuple[BackendSpec, ...]) -> Case:
        inputs = {
            key: InputSpec("values", parameters={"values": array, "integer": True})
            if array.dtype.kind == "i"
            else InputSpec("values", parameters={"values": array})
            for key, array in self.drawn.items()
            if key in self.used
        }
        graph = {key: Expression(text) for key, text in self.body.items()}
        real = tuple(key for key in inputs if key in self.values)
        return Case(name, inputs, graph, list(graph)[-1], real, backends, seed=seed, dtype=dtype)

    def _add(self, op: Op, example: Example) -> None:
        """Add one call if it is real, small and inside its domains; else leave all as it was."""
        shapes = self._stretch(op, example)
        saved = dict(self.drawn), dict(self.values)
        terms = {name: self._operand(op, name, shape) for name, shape in shapes.items()}
        text = _renamed(example.expression, terms)
        value = self._evaluate(text)
        if value is None:
            self.drawn, self.values = saved
        else:
            self._keep(text, value)

    def _keep(self, text: str, value: Array) -> None:
        name = f"node{len(self.body) + 1}"
        self.body[name] = text
        self.values[name] = value
        self.used |= _names(text)
        self.ops += len(self._graph(text).nodes)

    def _join(self) -> None:
        """Make one output of all ends: side by side, at times reduced to a loss."""
        ends = [name for name in self.body if name not in self.used]
        parts = ", ".join(f"reshape({name}, (-1,))" for name in ends)
        self._finish(f"concat({parts}, axis=0)" if len(ends) > 1 else f"{ends[0]} * 1.5")
        reduce = str(self.rng.choice(["", "", "mean(square({}))", "sum({})", "logsumexp({})"]))
        if reduce:
            self._finish(reduce.format(list(self.body)[-1]))

    def _finish(self, text: str) -> None:
        self.used |= _names(text)
        self.body[f"node{len(self.body) + 1}"] = text

    def _stretch(self, op: Op, example: Example) -> Mapping[str, Shape]:
        """Return the example other lengths where its op takes them."""
        lengths = sorted({n for shape in example.shapes.values() for n in shape if n > 1})
        longer = {n: int(self.rng.integers(n, LONGEST)) for n in lengths}
        shapes = {
            name: tuple(longer.get(n, n) for n in shape) for name, shape in example.shapes.items()
        }
        specs = {name: ArraySpec(shape, _kind(op, name)) for name, shape in shapes.items()}
        graph = assemble(tuple(shapes), (("node", Expression(example.expression)),), "node")
        try:
            infer(graph, specs)
        except GraphError:
            return example.shapes
        return shapes

    def _operand(self, op: Op, name: str, shape: Shape) -> str:
        """Return an operand: mostly something that is there, made to fit, else a new input."""
        domain = op.domain.get(name, ANYWHERE)
        if isinstance(domain, Interval) and self.rng.random() < REUSE:
            for term in self._fitting(domain, name in op.domain, shape):
                return term
        key = f"x{len(self.drawn) + 1}"
        self.drawn[key] = np.asarray(op.draw(name, self.rng, shape))
        if not isinstance(domain, Integers | Booleans):
            self.values[key] = self.drawn[key]
        return key

    def _fitting(self, domain: Interval, strict: bool, shape: Shape) -> Iterator[str]:
        deeper = self.body and self.rng.random() < DEEPER
        names = list(self.body)[-4:] if deeper else list(self.values)
        for name in self.rng.permutation(names) if names else ():
            term = _shaped(str(name), self.values[str(name)], shape)
            value = None if term is None else self._evaluate(term)
            if term is None or value is None:
                continue
            if _inside(value, domain, strict):
                yield term
            elif strict and not domain.avoid:
                yield f"{domain.low} + {domain.high - domain.low} * sigmoid({term})"

    def _evaluate(self, text: str) -> Array | None:
        """Compute an expression, unless it is too large, not real or not finite."""
        if text in self.values:
            return self.values[text]
        known = {**self.drawn, **self.values}
        graph = self._graph(text)
        with np.errstate(all="ignore"):
            tape = forward(graph, {key: known[key] for key in graph.inputs}, FLOAT64)
        value = np.asarray(tape.values["node"])
        fine = value.dtype.kind == "f" and value.size and np.all(np.abs(value) <= LARGEST_VALUE)
        return value if fine else None

    def _graph(self, text: str) -> Graph:
        inputs = tuple(sorted(_names(text)))
        return assemble(inputs, (("node", Expression(text)),), "node")


def _kind(op: Op, operand: str) -> str:
    return {Integers: "int", Booleans: "bool"}.get(type(op.domain.get(operand)), "float")


def _shaped(name: str, value: Array, shape: Shape) -> str | None:
    """Move the elements of a node into another shape, if it has enough of them."""
    size = int(np.prod(shape))
    if value.shape == shape:
        return name
    if value.size == size:
        return f"reshape({name}, {shape})"
    if value.size > size and size:
        return f"reshape(reshape({name}, (-1,))[:{size}], {shape})"
    return None


def _inside(value: Array, domain: Interval, strict: bool) -> bool:
    low, high = (domain.low, domain.high) if strict and not domain.avoid else (-np.inf, np.inf)
    near = any(np.any(np.abs(value - point) < CLEAR) for point in domain.avoid)
    bounded = bool(np.all(np.abs(value) <= LARGEST_OPERAND))
    return bounded and not near and bool(np.all((value >= low) & (value <= high)))


def _renamed(expression: str, terms: Mapping[str, str]) -> str:
    class Rename(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            return ast.parse(terms.get(node.id, node.id), mode="eval").body

    return ast.unparse(Rename().visit(ast.parse(expression, mode="eval")))


def _names(text: str) -> set[str]:
    tree = ast.parse(text, mode="eval")
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called}


def _sane(case: Case, drawn: Mapping[str, Array]) -> bool:
    """Whether every value and every gradient is finite and of a size that every dtype holds."""
    inputs = {name: drawn[name] for name in case.inputs}
    body = tuple(case.graph.items())
    graph = assemble(tuple(inputs), body, case.output)
    with np.errstate(all="ignore"):
        tape = forward(graph, inputs, FLOAT64)
        gradients = backward(graph, tape, np.ones(tape.values[case.output].shape))
    values = [a for a in tape.values.values() if a.dtype.kind == "f"]
    return all(np.all(np.abs(a) <= LARGEST_VALUE * 100) for a in values) and all(
        np.all(np.abs(a) <= LARGEST_GRADIENT) for a in gradients.values()
    )
