"""torch's sample inputs (OpInfo), asked of the NumPy reference: value and gradient.

What torch's function computes on a sample is the truth. How its arguments become ours stands in
tables beside: a function with torch's signature that returns `call(op, …)`, or raises `Unlike`
where ours cannot take the sample. A sample with an argument that the function does not name does
not apply either, for that reason.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from gradcmp.case import Expression
from gradcmp.errors import GraphError
from gradcmp.graph import backward, forward, infer
from gradcmp.graph.build import assemble
from gradcmp.graph.walk import constants_of, spec_of
from gradcmp.ops import Array

LARGEST = 2000  # elements of an operand: what is larger has a smaller sibling
AT_MOST = 40  # samples of one entry, picked evenly: pooling alone has thousands


class Unlike(Exception):  # noqa: N818  it is no error
    """A sample that ours cannot take, and why."""


@dataclass(frozen=True)
class Ours:
    """A call in the graph language, and the tensors that are its operands."""

    text: str
    operands: Mapping[str, Any]


def call(op: str, *operands: Any, **rest: Any) -> Ours:
    """Write a call: tensors become names, all else is written out; None is left away."""
    torch = import_module("torch")
    tensors: dict[str, Any] = {}
    written = []
    for key, one in [*((None, one) for one in operands), *rest.items()]:
        if isinstance(one, torch.Tensor):
            name = f"x{len(tensors)}"
            tensors[name], text = one, name
        elif one is None and key is not None:
            continue
        else:
            text = repr(_plain(one))
        written.append(text if key is None else f"{key}={text}")
    return Ours(f"{op}({', '.join(written)})", tensors)


def _plain(one: Any) -> Any:
    return tuple(map(_plain, one)) if isinstance(one, (list, tuple)) else one


@dataclass(frozen=True)
class Entry:
    """An op, torch's name of it, and how a sample of torch's becomes a call of ours."""

    op: str
    name: str
    ours: Callable[..., Ours]
    variant: str = ""
    result: Callable[[Any], Any] = lambda out: out
    largest: int = LARGEST

    def __str__(self) -> str:
        return f"{self.op} by {self.name}" + f" {self.variant}" * bool(self.variant)


def plain(op: str) -> Callable[..., Ours]:
    """Return how an op is called that takes tensors alone."""
    return lambda *operands: call(op, *operands)


@cache
def database() -> Mapping[tuple[str, str], Any]:
    """Return torch's samples by name and variant: seconds, once."""
    module = import_module("torch.testing._internal.common_methods_invocations")
    return {(one.name, one.variant_test_name): one for one in module.op_db}


def samples(entry: Entry) -> Iterator[tuple[Any, Any]]:
    """Yield torch's function and its samples, the same ones each time."""
    torch = import_module("torch")
    info = database()[entry.name, entry.variant]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = list(info.sample_inputs("cpu", torch.float64, requires_grad=True))
    for one in found[:: max(1, -(-len(found) // AT_MOST))]:
        yield info.op, one


def distances(
    entry: Entry, function: Any, sample: Any, spoil: Callable[[Array], Array] = np.array
) -> dict[str, float]:
    """Return how far value and gradients of the reference are from torch's.

    Parameters
    ----------
    spoil : callable
        Makes gradients wrong, in C order: for tests of this.

    Raises
    ------
    Unlike
        Where the sample cannot be asked of ours.
    """
    torch = import_module("torch")
    arguments = (sample.input, *sample.args)
    try:
        inspect.signature(entry.ours).bind(*arguments, **sample.kwargs)
    except TypeError as error:
        raise Unlike(str(error)) from None
    ours = entry.ours(*arguments, **sample.kwargs)
    if any(one.numel() > entry.largest for one in ours.operands.values()):
        raise Unlike("it is large")
    if any(one.is_complex() for one in ours.operands.values()):
        raise Unlike("it is complex")
    expected = entry.result(function(*arguments, **sample.kwargs))
    rng = np.random.default_rng(0)
    cotangent = rng.standard_normal(tuple(expected.shape))
    value, gradients = _reference(ours, cotangent)
    found = {"value": distance(value, expected.detach().numpy())}
    leaves = [one for one in _tensors(arguments, sample.kwargs) if one.requires_grad]
    if not (expected.requires_grad and leaves) or np.isinf(found["value"]):
        return found
    real = [name for name, one in ours.operands.items() if one.requires_grad]
    carried = torch.autograd.grad(  # from our operands, which may be views, to torch's inputs
        [ours.operands[name] for name in real],
        leaves,
        [torch.tensor(spoil(gradients[name])) for name in real],
        allow_unused=True,
        materialize_grads=True,
        retain_graph=True,
    )
    truth = torch.autograd.grad(
        expected, leaves, torch.tensor(cotangent), allow_unused=True, materialize_grads=True
    )
    for i, (actual, wanted) in enumerate(zip(carried, truth, strict=True)):
        found[f"d {i}"] = distance(actual.numpy(), wanted.numpy())
    return found


def _tensors(*many: Any) -> list[Any]:
    torch = import_module("torch")
    found: dict[int, Any] = {}
    for one in many:
        if isinstance(one, torch.Tensor):
            found[id(one)] = one
        elif isinstance(one, (list, tuple)):
            found |= {id(each): each for each in _tensors(*one)}
        elif isinstance(one, dict):
            found |= {id(each): each for each in _tensors(*one.values())}
    return list(found.values())


def _reference(ours: Ours, cotangent: Array) -> tuple[Array, Mapping[str, Array]]:
    inputs = {name: one.detach().numpy() for name, one in ours.operands.items()}
    graph = assemble(tuple(inputs), (("out", Expression(ours.text)),), "out")
    try:
        infer(graph, {name: spec_of(array) for name, array in inputs.items()})
    except GraphError as error:
        raise Unlike(str(error)) from None
    tape = forward(graph, inputs, constants_of(np.dtype(np.float64)))
    value = tape.values["out"]
    if value.dtype.kind != "f" or value.shape != cotangent.shape:
        return value, {}
    return value, backward(graph, tape, cotangent)


def distance(actual: Array, expected: Array) -> float:
    """Return the largest difference, relative to the largest number; NaN is NaN's equal."""
    if actual.shape != expected.shape:
        return np.inf
    if not expected.size:
        return 0.0
    actual, expected = actual.astype(float), expected.astype(float)
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    finite = np.isfinite(actual) & np.isfinite(expected)
    if not np.all(same | finite):
        return np.inf
    apart = np.where(same, 0, np.abs(np.where(same, 0, actual) - np.where(same, 0, expected)))
    return float(apart.max() / max(np.abs(np.where(finite, expected, 0)).max(), 1e-3))
