"""PyTorch: `torch.func`; in eager mode double backward of products, and of what that refuses."""

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


def _or_row_by_row(way: Callable[..., Tensors], order: int) -> Callable[..., Tensors]:
    """Take one backward pass an element where `torch.func` refuses a function.

    It does so of an `autograd.Function` whose forward pass is given `ctx`, as most are written, and
    under `vmap` of what draws random numbers or decides by a number.
    """

    @wraps(way)
    def attempted(
        torch: Any, function: Function, xs: Tensors, vs: Tensors, cotangents: Tensors
    ) -> Tensors:
        try:
            return way(torch, function, xs, vs, cotangents)
        except RuntimeError:
            return _row_by_row(torch, function, xs, cotangents, order)

    return attempted


def _row_by_row(
    torch: Any, function: Function, xs: Tensors, cotangents: Tensors, order: int
) -> Tensors:
    leaves = [x.detach().requires_grad_() for x in xs]
    outputs = function(*leaves)
    if order > 1:
        outputs = tuple(_gradient(torch, outputs, leaves, cotangents, create_graph=True))
    blocks = []
    for y in outputs:
        rows = [
            _gradient(torch, [one], leaves, [torch.ones_like(one)], retain_graph=True)
            for one in y.reshape(-1)
        ]
        for place, x in enumerate(xs):
            shape = (*y.shape, *x.shape)
            of = [row[place] for row in rows]
            blocks.append(torch.stack(of).reshape(shape) if of else x.new_zeros(shape))
    return blocks


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
ORDERS: Mapping[Derivative, int] = {"jacobian": 1, "hessian": 2}
WAYS = {
    derivative: _quiet(_or_row_by_row(way, ORDERS[derivative]) if derivative in ORDERS else way)
    for derivative, way in PLAIN.items()
}
# What is compiled cannot be differentiated twice, but what differentiates twice can be compiled.
COMPILED: Mapping[Derivative, Callable[..., Tensors]] = {**PLAIN, "hvp": _forward_over_reverse}
