"""Lengths and angles: norms of any order, and the cosine of two vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcmp.ops.kinks import HALVES, LENGTH, all_zero
from gradcmp.ops.primitives import constant, drop, expand, magnitude, spread, total, unbroadcast
from gradcmp.ops.reductions.sums import calls
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import floating, floating_reduction, single_axis
from gradcmp.ops.spec import Array, ArraySpec, Example, Kink, Op, Pullback, ShapeError
from gradcmp.ops.static import require_number
from gradcmp.ops.tails import length

INFINITY = ("inf", math.inf)


def _infer(
    x: ArraySpec, axis: int | None = None, keepdims: bool = False, ord: float | str = 2
) -> ArraySpec:
    if ord not in INFINITY:
        if isinstance(ord, str):
            raise ShapeError(f"ord is {ord!r}, and must be a number of at least 1, or 'inf'")
        require_number("ord", ord, 1)
    if axis is not None:
        single_axis(axis, len(x.shape))
    return floating_reduction(x, axis, keepdims)


def norm(
    x: Array, axis: int | None = None, keepdims: bool = False, ord: float | str = 2
) -> tuple[Array, Pullback]:
    """(sum |x|^ord)^(1 / ord) along one axis, or of all elements; the largest |x| for ord "inf".

    Of a matrix it is the same, where NumPy and torch have other norms. ``norm(x, 1)`` would be an
    order to NumPy and an axis to none: both are named.

    VJP: dx = sign(x) * (|x| / y)^(ord - 1) * dy, which is x / y * dy for 2; for "inf" dx =
    sign(x) * dy where |x| is the largest.
    Convention: 0 where y = 0, and where x = 0 with ord 1, as torch has it (TensorFlow and JAX have
    NaN where y = 0); equal largest elements share dy.
    """
    full, slope = _of_two(x, axis) if ord == 2 else _of_order(x, axis, ord)

    def pullback(dy: Array) -> tuple[Array]:
        nothing = np.real(full) == 0
        return (slope * np.where(nothing, 0, expand(dy, axis, np.ndim(x))),)

    return full if keepdims else drop(full, axis), pullback


def _of_two(x: Array, axis: int | None) -> tuple[Array, Array]:
    """Return the Euclidean norm and how it grows with each element."""
    y = length(x, axis)
    return y, x / np.where(np.real(y) == 0, 1, y)


def _of_order(x: Array, axis: int | None, ord: float | str) -> tuple[Array, Array]:
    """Return a norm of another order and how it grows with each element."""
    size = magnitude(x)
    sign = x / np.where(np.real(size) == 0, 1, size)
    if ord == 1:
        return total(size, axis, keepdims=True), sign
    top: Array = np.max(size, axis=axis, keepdims=True)
    if ord in INFINITY:
        best = np.real(size) == np.real(top)
        ties = total(np.where(best, np.ones_like(np.real(x)), 0), axis, keepdims=True)
        return top, sign * np.where(best, 1 / ties, 0)
    p, inverse = constant(float(ord), x), constant(1 / float(ord), x)
    usable = np.logical_and(np.isfinite(np.real(top)), np.real(top) != 0)
    scale = np.where(usable, np.real(top), 1)  # what overflows in powers need not in the norm
    y = scale * np.power(total(np.power(size / scale, p), axis, keepdims=True), inverse)
    return y, sign * np.power(size / np.where(np.real(y) == 0, 1, y), p - 1)


def _order(ord: float | str) -> dict[str, float]:
    """Return the keyword of an order that is not the default of all frameworks."""
    return {} if ord == 2 else {"ord": math.inf if ord in INFINITY else float(ord)}


def _norm_torch(
    torch: Any, x: Any, axis: int | None = None, keepdims: bool = False, ord: float | str = 2
) -> Any:
    return torch.linalg.vector_norm(x, dim=axis, keepdim=keepdims, **_order(ord))


def _norm_tensorflow(
    tf: Any, x: Any, axis: int | None = None, keepdims: bool = False, ord: float | str = 2
) -> Any:
    return tf.norm(x, axis=axis, keepdims=keepdims, **_order(ord))


def _norm_jax(
    jax: Any, x: Any, axis: int | None = None, keepdims: bool = False, ord: float | str = 2
) -> Any:
    return jax.numpy.linalg.vector_norm(x, axis=axis, keepdims=keepdims, **_order(ord))


STEP = "a subgradient of |x| at 0 is any of [-1, 1]"


def _has_step(x: Array, ord: float | str = 2, **static: object) -> bool:
    return ord == 1 and bool(np.any(x == 0))


register(
    Op(
        "norm",
        norm,
        infer=_infer,
        native={"torch": _norm_torch, "tensorflow": _norm_tensorflow, "jax": _norm_jax},
        examples=(
            *calls("norm"),
            Example("norm(x, keepdims=True)", {"x": (2, 3, 2)}),
            Example("norm(x, ord=1)", {"x": (4, 3)}),
            Example("norm(x, axis=1, ord='inf')", {"x": (2, 3, 2)}),
            Example("norm(x, ord='inf', keepdims=True)", {"x": (5,)}),
            Example("norm(x, axis=0, ord=3)", {"x": (4, 3)}),
            Example("norm(x, axis=-1, keepdims=True, ord=2.5)", {"x": (4, 3)}),
        ),
        kinks=(
            Kink("x = 0", "norm(x)", {"x": (0.0, 0.0)}, LENGTH, all_zero),
            Kink("ord 1, an x_i = 0", "norm(x, ord=1)", {"x": (0.0, 1.0)}, STEP, _has_step),
            Kink("ord inf, ties", "norm(x, ord='inf')", {"x": (2.0, -2.0)}, HALVES),
        ),
    )
)


def _cosine_infer(x: ArraySpec, y: ArraySpec, axis: int = -1, eps: float = 1e-8) -> ArraySpec:
    require_number("eps", eps, 0)
    spec = floating(x, y)
    at = single_axis(axis, len(spec.shape))
    return floating_reduction(spec, at)


def cosine_similarity(
    x: Array, y: Array, axis: int = -1, eps: float = 1e-8
) -> tuple[Array, Pullback]:
    """<x, y> / (max(|x|, eps) * max(|y|, eps)) along `axis`, x and y broadcast.

    torch has axis 1 by default, and the negative of it is a loss of Keras.

    VJP: dx = (v - z * u) / |x| * dz with u = x / |x| and v = y / |y|; dy alike.
    Convention: where a norm is eps or less it is a constant, so that dx = v / eps * dz. torch clips
    the norm and differentiates as if it had not.
    """
    shape = np.broadcast_shapes(np.shape(x), np.shape(y))
    least, along = constant(eps, x), axis % len(shape)
    a, b = spread(x, shape), spread(y, shape)
    sizes = [length(one, along) for one in (a, b)]
    long = [np.real(size) > least for size in sizes]
    sizes = [np.where(is_long, size, least) for is_long, size in zip(long, sizes, strict=True)]
    u, v = a / sizes[0], b / sizes[1]
    z = total(u * v, along, keepdims=True)

    def pullback(dz: Array) -> tuple[Array, Array]:
        upstream = np.expand_dims(dz, along)
        du = (v - np.where(long[0], z, 0) * u) / sizes[0] * upstream
        dv = (u - np.where(long[1], z, 0) * v) / sizes[1] * upstream
        return unbroadcast(du, x), unbroadcast(dv, y)

    return np.squeeze(z, along), pullback


def _is_nothing(x: Array, y: Array, axis: int = -1, **static: object) -> bool:
    return all_zero(np.broadcast_arrays(x, y)[0], axis)


def _is_short(x: Array, y: Array, axis: int = -1, eps: float = 1e-8) -> bool:
    sizes = (np.sqrt(np.sum(one * one, axis=axis)) for one in np.broadcast_arrays(x, y))
    return any(bool(np.any(size < eps)) for size in sizes)


def _cosine_composed(
    module: Any, norm: Any, total: Any, x: Any, y: Any, axis: int, eps: float
) -> Any:
    """Return it by the functions of a framework that has none of its own."""
    shape = np.broadcast_shapes(tuple(x.shape), tuple(y.shape))
    a, b = (one if tuple(one.shape) == shape else module.broadcast_to(one, shape) for one in (x, y))
    u, v = (one / module.maximum(norm(one, axis=axis, keepdims=True), eps) for one in (a, b))
    return total(u * v, axis=axis)


register(
    Op(
        "cosine_similarity",
        cosine_similarity,
        infer=_cosine_infer,
        native={
            "torch": lambda torch, x, y, axis=-1, eps=1e-8: torch.nn.functional.cosine_similarity(
                x, y, dim=axis, eps=eps
            ),
            "tensorflow": lambda tf, x, y, axis=-1, eps=1e-8: _cosine_composed(
                tf, tf.norm, tf.reduce_sum, x, y, axis, eps
            ),
            "jax": lambda jax, x, y, axis=-1, eps=1e-8: _cosine_composed(
                jax.numpy, jax.numpy.linalg.vector_norm, jax.numpy.sum, x, y, axis, eps
            ),
        },
        examples=(
            Example("cosine_similarity(x, y)", {"x": (4, 3), "y": (4, 3)}),
            Example("cosine_similarity(x, y, axis=2, eps=0)", {"x": (2, 1, 3), "y": (4, 3)}),
            Example("cosine_similarity(x, y, axis=0, eps=0.01)", {"x": (4, 3), "y": (4, 3)}),
            Example("cosine_similarity(x, y)", {"x": (3,), "y": (3,)}),
        ),
        compares=True,
        kinks=(
            Kink(
                "x = 0",
                "cosine_similarity(x, y)",
                {"x": (0.0, 0.0), "y": (3.0, 4.0)},
                "an angle with nothing has no value: eps stands for the length, or 0 / 0",
                _is_nothing,
            ),
            Kink(
                "a length below eps",
                "cosine_similarity(x, y, eps=100)",
                {"x": (1.0, 2.0), "y": (3.0, 4.0)},
                "eps is then a constant without a slope; torch differentiates the length that it "
                "took the place of",
                _is_short,
            ),
        ),
    )
)
