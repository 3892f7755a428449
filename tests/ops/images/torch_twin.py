"""A reference beside a function of torch: value and gradients in float64, one random cotangent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcmp.ops import OPS, Array


def reference(op: str, arrays: Sequence[Array], dy: Array, **static: Any) -> list[Array]:
    value, pullback = OPS[op].reference(*arrays, **static)
    assert value.shape == dy.shape
    return [value, *pullback(dy)]


def twin(function: Callable[..., Any], arrays: Sequence[Array]) -> tuple[list[Array], Array]:
    """Return torch's value and gradients, and the cotangent that it was given."""
    import torch

    leaves = [torch.tensor(a, requires_grad=True) for a in arrays]
    value = function(*leaves)
    dy = np.random.default_rng(9).standard_normal(tuple(value.shape))
    gradients = torch.autograd.grad(value, leaves, torch.tensor(dy))
    return [value.detach().numpy(), *(g.numpy() for g in gradients)], dy


def assert_equal(
    op: str, arrays: Sequence[Array], function: Callable[..., Any], **static: Any
) -> None:
    expected, dy = twin(function, arrays)
    actual = reference(op, arrays, dy, **static)
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12, err_msg=f"{op} {static}")
