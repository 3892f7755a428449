"""JAX: `jax.jvp`, forward over reverse, `jax.jacrev`, `jax.hessian`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from gradcmp.derivatives import Derivative

Tensors: TypeAlias = Sequence[Any]
Function: TypeAlias = Callable[..., tuple[Any, ...]]


def _jvp(jax: Any, function: Function, xs: Tensors, vs: Tensors, cotangents: Tensors) -> Tensors:
    _, tangents = jax.jvp(function, tuple(xs), tuple(vs))
    return tangents  # type: ignore[no-any-return]


def _hvp(jax: Any, function: Function, xs: Tensors, vs: Tensors, cotangents: Tensors) -> Tensors:
    def gradient(*xs: Any) -> tuple[Any, ...]:
        _, pullback = jax.vjp(function, *xs)
        return pullback(tuple(cotangents))  # type: ignore[no-any-return]

    _, products = jax.jvp(gradient, tuple(xs), tuple(vs))
    return products  # type: ignore[no-any-return]


def _jacobian(
    jax: Any, function: Function, xs: Tensors, vs: Tensors, cotangents: Tensors
) -> Tensors:
    rows = jax.jacrev(function, argnums=tuple(range(len(xs))))(*xs)
    return [block for row in rows for block in row]


def _hessian(
    jax: Any, function: Function, xs: Tensors, vs: Tensors, cotangents: Tensors
) -> Tensors:
    def scalar(*xs: Any) -> Any:
        both = zip(cotangents, function(*xs), strict=True)
        return sum(jax.numpy.sum(dy * y) for dy, y in both)

    rows = jax.hessian(scalar, argnums=tuple(range(len(xs))))(*xs)
    return [block for row in rows for block in row]


WAYS: Mapping[Derivative, Callable[..., Tensors]] = {
    "jvp": _jvp,
    "hvp": _hvp,
    "jacobian": _jacobian,
    "hessian": _hessian,
}
