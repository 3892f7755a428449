"""JAX: `jax.jvp`, forward over reverse, `jax.jacrev`, `jax.hessian`; of a `custom_vjp` reverse."""

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

    def products() -> Tensors:
        return jax.jvp(gradient, tuple(xs), tuple(vs))[1]  # type: ignore[no-any-return]

    def of_pullbacks() -> Tensors:
        _, pullback = jax.vjp(gradient, *xs)
        return pullback(tuple(vs))  # type: ignore[no-any-return]

    return _or_reverse(products, of_pullbacks)  # type: ignore[no-any-return]


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

    by = tuple(range(len(xs)))
    slopes = jax.grad(scalar, argnums=by)
    rows = _or_reverse(
        lambda: jax.jacfwd(slopes, argnums=by)(*xs), lambda: jax.jacrev(slopes, argnums=by)(*xs)
    )
    return [block for row in rows for block in row]


def _or_reverse(forward: Callable[[], Any], reverse: Callable[[], Any]) -> Any:
    """Take reverse over reverse of what has no forward mode: a `custom_vjp`."""
    try:
        return forward()
    except TypeError:
        return reverse()


WAYS: Mapping[Derivative, Callable[..., Tensors]] = {
    "jvp": _jvp,
    "hvp": _hvp,
    "jacobian": _jacobian,
    "hessian": _hessian,
}
