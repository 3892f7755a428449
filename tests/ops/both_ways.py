"""One call of a reference, and the same of torch: value and gradients of a random cotangent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from gradcmp.case import Expression
from gradcmp.errors import GraphError
from gradcmp.graph import infer
from gradcmp.graph.build import assemble
from gradcmp.ops import OPS, Array, ArraySpec

RNG = np.random.default_rng(20)


@dataclass(frozen=True)
class Found:
    """A value, and by place the gradient of each operand that has one."""

    value: Array
    gradients: Mapping[int, Array]


def normal(*shape: int) -> Array:
    """Return random numbers."""
    return np.asarray(RNG.standard_normal(shape))


def positive(*shape: int) -> Array:
    """Return random numbers from 0.1 to 0.9."""
    return np.asarray(RNG.uniform(0.1, 0.9, shape))


def classes(high: int, *shape: int) -> Array:
    """Return random whole numbers below `high`."""
    return np.asarray(RNG.integers(0, high, shape))


def cotangent(shape: tuple[int, ...]) -> Array:
    """Return the upstream gradient that both sides are handed."""
    return np.asarray(np.random.default_rng(7).standard_normal(shape))


def reference(op: str, *operands: Any, dy: Any = None, **static: Any) -> Found:
    """Call a reference, with a random cotangent unless one is given."""
    arrays = [a if a is None or isinstance(a, np.ndarray) else np.asarray(a) for a in operands]
    value, pullback = OPS[op].reference(*arrays, **static)
    given = cotangent(np.shape(value)) if dy is None else np.asarray(dy, float)
    found = dict(enumerate(pullback(given)))
    return Found(np.asarray(value), {i: np.asarray(d) for i, d in found.items() if d is not None})


def in_torch(torch: Any, function: Callable[..., Any], operands: Sequence[Any]) -> Found:
    """Call a function of torch, and differentiate by every operand that has real numbers."""
    tensors = [None if a is None else torch.tensor(a) for a in operands]
    real = [i for i, t in enumerate(tensors) if t is not None and t.is_floating_point()]
    for i in real:
        tensors[i].requires_grad_()
    value = function(*tensors)
    dy = torch.tensor(cotangent(tuple(value.shape)))
    found = torch.autograd.grad(value, [tensors[i] for i in real], dy, allow_unused=True)
    gradients = {i: g.numpy() for i, g in zip(real, found, strict=True) if g is not None}
    return Found(value.detach().numpy(), gradients)


def assert_alike(actual: Found, expected: Found, but: Sequence[int] = ()) -> None:
    """Compare a reference with torch, which has no derivative for the operands in `but`."""
    np.testing.assert_allclose(actual.value, expected.value, 1e-12, 1e-14)
    assert expected.gradients.keys() == actual.gradients.keys() - {*but}
    for i, gradient in expected.gradients.items():
        np.testing.assert_allclose(actual.gradients[i], gradient, 1e-11, 1e-13)


def refuses(text: str, specs: Mapping[str, ArraySpec], reason: str) -> None:
    """Demand that an expression is refused before anything runs, for a reason."""
    graph = assemble(tuple(specs), (("node", Expression(text)),), "node")
    with pytest.raises(GraphError, match=reason):
        infer(graph, specs)
