"""PyTorch: `torch.func`, and of Hessian-vector products in eager mode double backward."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeAlias

from gradcmp.derivatives import Derivative

Tensors: TypeAlias = Sequence[Any]
Function: TypeAlias = Callable[..., tuple[Any, ...]]


def _jvp(torch: Any, function: Function, xs: Tensors, vs: Tensors, cotangents: Tensors) -> Tensors:
    _, tangents = torch.func.jvp(function, tuple(xs), tuple(vs))
    return tangents  # type: ignore[no-any-return]


def _double_backward(
    torch: Any, function: Function, xs: Tensors, vs: Tensors, cotangents: Tensors
) -> Tensors:
    """Reverse over reverse: the gradient of ``<v, gradient>``."""
    leaves = [x.detach().requires_grad_() for x in xs]
    slopes = _gradient(torch, function(*leaves), leaves, cotangents, create_graph=True)
    both = [(g, v) for g, v in zip(slopes, vs, strict=True) if g.requires_grad]
    if not both:  # the gradient does not depend on the inputs
        return [torch.zeros_like(x) for x in xs]
    return _gradient(torch, [g for g, _ in both], leaves, [v for _, v in both])


def _gradient(
    torch: Any, outputs: Tensors, leaves: Tensors, cotangents: Tensors, **options: bool
) -> Tensors:
    """Return zeros for all that the outputs ignore."""
    known = [(y, dy) for y, dy in zip(outputs, cotangents, strict=True) if y.requires_grad]
    if not known:
        return [torch.zeros_like(x) for x in leaves]
    return torch.autograd.grad(  # type: ignore[no-any-return]
        [y for y, _ in known],
        leaves,
        [dy for _, dy in known],
        allow_unused=True,
        materialize_grads=True,
        **options,
    )


def _forward_over_reverse(
    torch: Any, function: Function, xs: Tensors, vs: Tensors, cotangents: Tensors
) -> Tensors:
    def gradient(*xs: Any) -> Any:
        _, pullback = torch.func.vjp(function, *xs)
        return pullback(tuple(cotangents))

    _, products = torch.func.jvp(gradient, tuple(xs), tuple(vs))
    return products  # type: ignore[no-any-return]


def _jacobian(
    torch: Any, function: Function, xs: Tensors, vs: Tensors, cotangents: Tensors
) -> Tensors:
    rows = torch.func.jacrev(function, argnums=tuple(range(len(xs))))(*xs)
    return [block for row in rows for block in row]


def _hessian(
    torch: Any, function: Function, xs: Tensors, vs: Tensors, cotangents: Tensors
) -> Tensors:
    def scalar(*xs: Any) -> Any:
        both = zip(cotangents, function(*xs), strict=True)
        return sum((dy * y).sum() for dy, y in both)

    rows = torch.func.hessian(scalar, argnums=tuple(range(len(xs))))(*xs)
    return [block for row in rows for block in row]


def _quiet(way: Callable[..., Tensors]) -> Callable[..., Tensors]:
    """Leave out what torch warns of its own code, as of the tool that makes its forward mode."""

    @wraps(way)
    def quiet(*given: Any) -> Tensors:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"torch\.")
            return way(*given)

    return quiet


PLAIN: Mapping[Derivative, Callable[..., Tensors]] = {
    "jvp": _jvp,
    "hvp": _double_backward,
    "jacobian": _jacobian,
    "hessian": _hessian,
}
WAYS = {derivative: _quiet(way) for derivative, way in PLAIN.items()}
# What is compiled cannot be differentiated twice, but what differentiates twice can be compiled.
COMPILED: Mapping[Derivative, Callable[..., Tensors]] = {**PLAIN, "hvp": _forward_over_reverse}
