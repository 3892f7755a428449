"""Limits."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from gradcmp.ops.primitives import constant, unbroadcast, unless_nan
from gradcmp.ops.registry import register
from gradcmp.ops.shapes import broadcast, require_float
from gradcmp.ops.spec import Array, ArraySpec, Example, Interval, Kink, Op, Pullback, ShapeError
from gradcmp.ops.static import require_number

Bound: TypeAlias = Any  # a number, None for none, or ... where an array is among the operands


def _filled(given: tuple[Any, ...], min: Bound, max: Bound) -> tuple[Any, Any]:
    """Put the arrays that are given in the place of the dots."""
    rest = iter(given)
    low, high = (next(rest) if bound is ... else bound for bound in (min, max))
    return low, high


def _clip_infer(x: ArraySpec, *given: ArraySpec, min: Bound = None, max: Bound = None) -> ArraySpec:
    require_float(x)
    for name, bound in zip(("min", "max"), _filled(given, min, max), strict=True):
        if isinstance(bound, ArraySpec):
            require_float(bound)
            if broadcast(x, bound) != x.shape:
                raise ShapeError(
                    f"{name} of shape {bound.shape} has more elements than x of shape {x.shape}"
                )
        elif bound is not None:
            require_number(name, bound)
    if min is None and max is None:
        raise ShapeError("neither min nor max is given")
    if not (given or min is None or max is None) and min > max:
        raise ShapeError(f"min is {min} and max is {max}, and min must not be larger")
    return x


def clip(x: Array, *given: Array, min: Bound = None, max: Bound = None) -> tuple[Array, Pullback]:
    """min(max(x, min), max): numbers, or arrays that broadcast to x; one may be left out.

    VJP: dx = dy where min <= x <= max, else 0; dmin = dy where x < min <= max, dmax = dy where
    max(x, min) > max, each summed over its broadcast axes.
    Convention: at a bound x has all of dy, where JAX halves it; max holds where min > max, where
    TensorFlow takes min. NaN gives NaN, and 0 to all.
    """
    y = x
    outside: list[tuple[Array, Any]] = []  # where, and the bound
    for bound, beyond in zip(_filled(given, min, max), (np.less, np.greater), strict=True):
        if bound is not None:
            limit = constant(bound, x) if isinstance(bound, (int, float)) else bound
            out = beyond(np.real(y), np.real(limit))
            outside.append((out, bound))
            y = np.where(np.logical_or(out, np.isnan(limit)), limit, y)

    def pullback(dy: Array) -> tuple[Array, ...]:
        dx, bounds = unless_nan(dy, y), []
        for out, bound in reversed(outside):
            if not isinstance(bound, (int, float)):
                bounds.append(unbroadcast(np.where(out, dx, 0), bound))
            dx = np.where(out, 0, dx)
        return dx, *bounds[::-1]

    return y, pullback


def _call(x: Array, min: Array | float | None = None, max: Array | float | None = None) -> None:
    """The signature of a call."""


def _clip_torch(torch: Any, x: Any, *given: Any, min: Bound = None, max: Bound = None) -> Any:
    low, high = _filled(given, min, max)
    if len(given) == 1:  # two numbers, or two tensors
        (array,) = given
        low, high = (
            torch.full_like(array, bound) if isinstance(bound, (int, float)) else bound
            for bound in (low, high)
        )
    return torch.clamp(x, min=low, max=high)


def _clip_tensorflow(tf: Any, x: Any, *given: Any, min: Bound = None, max: Bound = None) -> Any:
    low, high = _filled(given, min, max)
    if low is None:
        return tf.minimum(x, high)
    return tf.maximum(x, low) if high is None else tf.clip_by_value(x, low, high)


def _clip_jax(jax: Any, x: Any, *given: Any, min: Bound = None, max: Bound = None) -> Any:
    return jax.numpy.clip(x, *_filled(given, min, max))


def _at_bound(x: Array, *given: Any, min: Bound = None, max: Bound = None) -> bool:
    bounds = _filled(given, min, max)
    return any(bound is not None and bool(np.any(x == bound)) for bound in bounds)


register(
    Op(
        "clip",
        clip,
        infer=_clip_infer,
        native={"torch": _clip_torch, "tensorflow": _clip_tensorflow, "jax": _clip_jax},
        domain={
            "x": Interval(-2.0, 2.0, avoid=(-1.0, 0.5)),
            "low": Interval(-1.05, -0.95),
            "high": Interval(0.45, 0.55),
        },
        examples=(
            Example("clip(x, -1, 0.5)", {"x": (4, 3)}),
            Example("clip(x, min=-1.0)", {"x": (5,)}),
            Example("clip(x, max=0.5)", {"x": (2, 3)}),
            Example("clip(x, low, high)", {"x": (4, 3), "low": (3,), "high": (4, 3)}),
            Example("clip(x, -1.0, max=high)", {"x": (4, 3), "high": (4, 1)}),
            Example("clip(x, max=high)", {"x": (2, 5), "high": ()}),
        ),
        compares=True,
        kinks=(
            Kink(
                "x = min, x = max",
                "clip(x, -1, 0.5)",
                {"x": (-1.0, 0.5)},
                "a subgradient is any of [0, 1]",
                _at_bound,
            ),
        ),
        call=_call,
    )
)
